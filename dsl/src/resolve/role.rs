//! Roles: each block over its base's, over the defaults, over what is built in.
//!
//! Owns the order in which blocks fall back on each other; what is in them is typed in
//! [`super::block`].

use std::collections::BTreeMap;
use std::time::Duration;

use model_map::Effort;

use super::Resolver;
use super::block::Block;
use super::graph::order;
use super::slot::placed;
use super::view::{RoleDecl, Space};
use crate::program::{Parameters, Placed, Role, Timeouts};
use crate::rules::{cycle, no_route, unknown_name};

/// Until the first token of a role that has the model think for longer than a little.
const FIRST_TOKEN_OF_THINKING: Duration = Duration::from_mins(1);

impl<'t> Resolver<'t> {
    /// Reads `defaults` and every role.
    pub(super) fn read_roles(&mut self) -> BTreeMap<String, Role> {
        let roles = std::mem::take(&mut self.view.roles);
        let defaults = self.defaults();
        let mut blocks: BTreeMap<&'t str, Block> = BTreeMap::new();
        let mut broken = self.find_circles(&roles);
        broken.extend(self.find_unknown_bases(&roles));
        for name in self.inheritance_order(&roles) {
            let Some(declared) = roles.get(name) else { continue };
            let env = self.block(&declared.statements.env);
            let base = self.block(&declared.statements.base);
            let mut block = env.over(&base);
            if broken.contains(&name) {
                (block.is_broken, block.may_route) = (true, true);
            } else if let Some(like) = declared.like.and_then(|like| blocks.get(like.text.as_str()))
            {
                block = block.over(like);
            }
            blocks.insert(name, block);
        }
        let role = |(name, block): (&str, Block)| {
            let declared = roles.get(name)?;
            Some((name.to_owned(), self.role(declared, block.over(&defaults))))
        };
        let read = blocks.into_iter().filter_map(role).collect();
        self.view.roles = roles;
        read
    }

    fn defaults(&mut self) -> Block {
        let env = std::mem::take(&mut self.view.defaults.env);
        let base = std::mem::take(&mut self.view.defaults.base);
        let env = self.defaults_block(&env);
        env.over(&self.defaults_block(&base))
    }

    fn inheritance_order(&self, roles: &BTreeMap<&'t str, RoleDecl<'t>>) -> Vec<&'t str> {
        order(&needs(roles)).names
    }

    /// Roles whose `like` leads back to them.
    fn find_circles(&mut self, roles: &BTreeMap<&'t str, RoleDecl<'t>>) -> Vec<&'t str> {
        let circles = order(&needs(roles)).cycles;
        for circle in &circles {
            let names = circle.iter().filter_map(|name| Some(roles.get(name)?.name)).collect();
            self.findings.push(cycle::finding("role", names));
        }
        circles.into_iter().flatten().collect()
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
        if block.route.is_none() && !block.may_route {
            self.findings.push(no_route::finding(declared.name));
        }
        let is_whole = block.is_whole();
        Role {
            name: declared.name.span,
            timeouts: timeouts(&block),
            parameters: parameters(&block),
            about: block.about.and_then(|about| about.value),
            system: block.system.and_then(|system| system.value).unwrap_or_default(),
            route: block.route.and_then(|route| route.value),
            retry: block.retry.and_then(|retry| retry.value),
            is_whole,
        }
    }
}

fn needs<'t>(roles: &BTreeMap<&'t str, RoleDecl<'t>>) -> BTreeMap<&'t str, Vec<&'t str>> {
    let of = |role: &RoleDecl<'t>| role.like.map(|like| like.text.as_str()).into_iter().collect();
    roles.iter().map(|(name, role)| (*name, of(role))).collect()
}

fn timeouts(block: &Block) -> Timeouts {
    let built_in = model_map::Timeouts::default();
    let or = |slot, value| placed(slot).unwrap_or(Placed { value, span: None });
    let effort = placed(&block.reasoning_effort).map(|effort| effort.value);
    let thinks = effort.is_some_and(|effort| effort > Effort::Low);
    let first_token = if thinks { FIRST_TOKEN_OF_THINKING } else { built_in.first_token };
    Timeouts {
        connect: or(&block.connect, built_in.connect),
        first_token: or(&block.first_token, first_token),
        idle: or(&block.idle, built_in.idle),
        total: or(&block.total, built_in.total),
    }
}

fn parameters(block: &Block) -> Parameters {
    Parameters {
        max_tokens: placed(&block.max_tokens),
        reasoning_effort: placed(&block.reasoning_effort),
        temperature: placed(&block.temperature),
        top_p: placed(&block.top_p),
    }
}
