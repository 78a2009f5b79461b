//! Roles: each block over its base's, over the defaults, over what is built in.
//!
//! Owns the order in which blocks fall back on each other; what is in them is typed in
//! [`super::block`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::take;
use std::sync::Arc;

use model_map::{Audit, Commit};

use super::Resolver;
use super::block::Block;
use super::graph::{Order, order};
use super::guard::{add_first_token, first_token};
use super::slot::{placed, placed_or};
use super::view::{Layers, RoleDecl, Space};
use crate::parallel::{in_parts, threads};
use crate::program::{Placed, Role, Timeouts};
use crate::rules::{cycle, no_route, unknown_name};
use crate::syntax::tree::Statement;

/// Fewer roles than these are read sooner than a thread is started.
const WORTH_A_THREAD: usize = 128;

/// A role by its name, and its block by the same where others take over from it: a block is larger
/// than what becomes of it.
type ReadRole<'t> = ((String, Box<Role>), Option<(&'t str, Block)>);

/// Who takes over from whom.
struct Family<'t> {
    roles: BTreeMap<&'t str, RoleDecl<'t>>,
    defaults: Block,
    /// Those that others take over from.
    bases: HashSet<&'t str>,
    /// Those whose base is not to be had.
    broken: HashSet<&'t str>,
}

impl<'t> Family<'t> {
    fn new(
        roles: BTreeMap<&'t str, RoleDecl<'t>>,
        defaults: Block,
        broken: HashSet<&'t str>,
    ) -> Self {
        let bases = roles.values().filter_map(|role| role.like);
        let bases = bases.map(|base| base.text.as_str()).collect();
        Self { roles, defaults, bases, broken }
    }

    fn base(&self, name: &str) -> Option<&'t str> {
        let like = self.roles.get(name)?.like?;
        (!self.broken.contains(name)).then_some(like.text.as_str())
    }

    /// Those that take over from nobody, then those that take over from these, and so on.
    fn generations(&self, names: &[&'t str]) -> Vec<Vec<&'t str>> {
        let mut ages: HashMap<&str, usize> = HashMap::new();
        let mut generations: Vec<Vec<&'t str>> = Vec::new();
        for name in names {
            let base = self.base(name).and_then(|base| ages.get(base));
            let age = base.map_or(0, |age| age + 1);
            if self.bases.contains(name) {
                ages.insert(name, age);
            }
            match generations.get_mut(age) {
                Some(generation) => generation.push(*name),
                None => generations.push(vec![*name]),
            }
        }
        generations
    }
}

impl<'t> Resolver<'t> {
    /// Reads `defaults` and every role.
    pub(super) fn read_roles(&mut self) -> BTreeMap<String, Box<Role>> {
        let roles = take(&mut self.names_mut().view.roles);
        let order = order(&needs(&roles));
        let mut broken: HashSet<_> = self.find_circles(&order, &roles).into_iter().collect();
        broken.extend(self.find_unknown_bases(&roles));
        let family = Family::new(roles, self.defaults(), broken);
        let mut read = Vec::with_capacity(family.roles.len());
        let mut blocks = HashMap::new();
        for generation in family.generations(&order.names) {
            for (role, block) in self.read_generation(&generation, &family, &blocks) {
                blocks.extend(block);
                read.push(role);
            }
        }
        self.names_mut().view.roles = family.roles;
        // All at once: a tree that grows name by name is half empty.
        read.into_iter().collect()
    }

    /// Reads roles whose bases have been read: on all processors, since none needs another.
    fn read_generation(
        &mut self,
        names: &[&'t str],
        family: &Family<'t>,
        blocks: &HashMap<&'t str, Block>,
    ) -> Vec<ReadRole<'t>> {
        let read = |reader: &mut Self, names: &[&'t str]| {
            let roles = names.iter().filter_map(|name| reader.read_role(name, family, blocks));
            let roles: Vec<_> = roles.collect();
            (roles, take(&mut reader.findings), take(&mut reader.used))
        };
        let threads = threads(names.len(), WORTH_A_THREAD);
        let mut all = Vec::with_capacity(names.len());
        for (roles, findings, used) in in_parts(names, threads, || self.fork(), read) {
            all.extend(roles);
            self.findings.extend(findings);
            self.used.extend(used);
        }
        all
    }

    fn read_role(
        &mut self,
        name: &'t str,
        family: &Family<'t>,
        blocks: &HashMap<&'t str, Block>,
    ) -> Option<ReadRole<'t>> {
        let declared = family.roles.get(name)?;
        let mut block = self.layered(&declared.statements);
        if family.broken.contains(name) {
            (block.is_broken, block.may_route) = (true, true);
        } else if let Some(base) = family.base(name).and_then(|base| blocks.get(base)) {
            block = block.over(base);
        }
        let kept = family.bases.contains(name).then(|| (name, block.clone()));
        let role = Box::new(self.role(declared, block.over(&family.defaults)));
        Some(((name.to_owned(), role), kept))
    }

    /// The statements of the environment over those of the program.
    fn layered(&mut self, statements: &Layers<'t, Statement>) -> Block {
        if statements.env.is_empty() {
            return self.block(statements.base);
        }
        let env = self.block(statements.env.iter().copied());
        env.over(&self.block(statements.base))
    }

    fn defaults(&mut self) -> Block {
        let Layers { env, base } = take(&mut self.names_mut().view.defaults);
        let env = self.defaults_block(env);
        env.over(&self.defaults_block(base))
    }

    /// Roles whose `like` leads back to them.
    fn find_circles(
        &mut self,
        order: &Order<'t>,
        roles: &BTreeMap<&'t str, RoleDecl<'t>>,
    ) -> BTreeSet<&'t str> {
        for circle in &order.cycles {
            let names = circle.iter().filter_map(|name| Some(roles.get(name)?.name)).collect();
            self.findings.push(cycle::finding("role", names));
        }
        order.cycles.iter().flatten().copied().collect()
    }

    /// Roles whose base is not declared, or could not be read.
    fn find_unknown_bases(&mut self, roles: &BTreeMap<&'t str, RoleDecl<'t>>) -> Vec<&'t str> {
        let mut without = Vec::new();
        for (name, role) in roles {
            let Some(like) = role.like.filter(|like| !roles.contains_key(like.text.as_str()))
            else {
                continue;
            };
            without.push(*name);
            if !self.names.view.broken.contains(&(Space::Role, like.text.as_str())) {
                let near = crate::nearest::nearest(&like.text, roles.keys().copied());
                self.findings.push(unknown_name::of(Space::Role, &like.text, like.span, near));
            }
        }
        without
    }

    fn role(&mut self, declared: &RoleDecl<'t>, block: Block) -> Role {
        if block.arms.is_none() && !block.may_route {
            self.findings.push(no_route::finding(declared.name));
        }
        let timeouts = timeouts(&block);
        let mut guards = block.guards.effective();
        add_first_token(timeouts.first_token, &mut guards);
        Role {
            name: declared.name.span,
            is_whole: block.is_whole(),
            timeouts,
            guards,
            parameters: block.parameters.given(),
            about: placed(&block.about),
            accept: placed(&block.accept),
            audit: placed_or(&block.audit, Audit::default()),
            cache: placed(&block.cache),
            commit: placed_or(&block.commit, Commit::default()),
            deny: placed(&block.deny),
            fallback: placed(&block.fallback)
                .unwrap_or_else(|| Placed::built_in(Arc::clone(&self.names.usual_fallback))),
            hedge: placed(&block.hedge),
            limit_max_tokens: placed(&block.limit_max_tokens),
            resume: block.resume.map(|resume| resume.span),
            strict: block.strict.map(|strict| strict.span),
            arms: block.arms,
            system: block.system.and_then(|system| system.value),
            retry: block.retry.and_then(|retry| retry.value),
        }
    }
}

fn needs<'t>(roles: &BTreeMap<&'t str, RoleDecl<'t>>) -> BTreeMap<&'t str, Vec<&'t str>> {
    let of = |role: &RoleDecl<'t>| role.like.map(|like| like.text.as_str()).into_iter().collect();
    roles.iter().map(|(name, role)| (*name, of(role))).collect()
}

fn timeouts(block: &Block) -> Timeouts {
    let (slots, built_in) = (&block.timeouts, model_map::Timeouts::default());
    let effort = placed(&block.parameters.reasoning_effort).map(|effort| effort.value);
    Timeouts {
        connect: placed_or(&slots.connect, built_in.connect),
        first_token: placed_or(&slots.first_token, first_token(effort)),
        idle: placed_or(&slots.idle, built_in.idle),
        total: placed_or(&slots.total, built_in.total),
    }
}
