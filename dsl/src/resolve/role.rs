//! Roles: each block over its base's, over the defaults, over what is built in.
//!
//! Owns the order in which blocks fall back on each other; what is in them is typed in
//! [`super::block`].

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model_map::{Audit, Commit, usual_fallback};

use super::Resolver;
use super::block::Block;
use super::graph::{Order, order};
use super::guard::{add_first_token, first_token};
use super::slot::{placed, placed_or};
use super::view::{Layers, RoleDecl, Space};
use crate::program::{Placed, Role, Timeouts};
use crate::rules::{cycle, no_route, unknown_name};
use crate::syntax::tree::Statement;

impl<'t> Resolver<'t> {
    /// Reads `defaults` and every role.
    pub(super) fn read_roles(&mut self) -> BTreeMap<String, Role> {
        let roles = std::mem::take(&mut self.view.roles);
        let defaults = self.defaults();
        let bases = roles.values().filter_map(|role| role.like);
        let bases: BTreeSet<&str> = bases.map(|base| base.text.as_str()).collect();
        let mut read = BTreeMap::new();
        // Of the bases alone: a block is larger than what becomes of it.
        let mut blocks: BTreeMap<&'t str, Block> = BTreeMap::new();
        let order = order(&needs(&roles));
        let mut broken = self.find_circles(&order, &roles);
        broken.extend(self.find_unknown_bases(&roles));
        for name in order.names {
            let Some(declared) = roles.get(name) else { continue };
            let mut block = self.layered(&declared.statements);
            if broken.contains(&name) {
                (block.is_broken, block.may_route) = (true, true);
            } else if let Some(like) = declared.like.and_then(|like| blocks.get(like.text.as_str()))
            {
                block = block.over(like);
            }
            if bases.contains(name) {
                blocks.insert(name, block.clone());
            }
            read.insert(name.to_owned(), self.role(declared, block.over(&defaults)));
        }
        self.view.roles = roles;
        read
    }

    /// The statements of the environment over those of the program.
    fn layered(&mut self, statements: &Layers<'t, Statement>) -> Block {
        if statements.env.is_empty() {
            return self.block(&statements.base);
        }
        let env = self.block(&statements.env);
        env.over(&self.block(&statements.base))
    }

    fn defaults(&mut self) -> Block {
        let env = std::mem::take(&mut self.view.defaults.env);
        let base = std::mem::take(&mut self.view.defaults.base);
        let env = self.defaults_block(&env);
        env.over(&self.defaults_block(&base))
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
            if !self.view.broken.contains(&(Space::Role, like.text.as_str())) {
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
                .unwrap_or_else(|| Placed::built_in(Rc::new(usual_fallback()))),
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
