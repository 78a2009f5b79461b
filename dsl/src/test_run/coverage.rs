//! What tests reach: an arm by a request that takes it, a link by a call.
//!
//! Owns the account. Roles that are alike share their arms, which then count once.

use std::collections::BTreeMap;

use crate::program::{Arm, Link, Program};
use crate::render::written;
use crate::span::{Sources, Span};

/// Every arm and link that a request can reach, and whether a test reaches it.
#[derive(Debug, Default)]
pub struct Coverage {
    /// By where they are written.
    pub arms: BTreeMap<Span, Part>,
    /// By where they are written.
    pub links: BTreeMap<Span, Part>,
}

/// An arm or a link.
#[derive(Debug)]
pub struct Part {
    /// The role that has it, the first by name of those that share it.
    pub role: String,
    /// As it is written, on one line.
    pub text: String,
    /// Whether a test reaches it.
    pub is_covered: bool,
}

impl Coverage {
    pub(super) fn of(program: &Program, sources: &Sources) -> Self {
        let mut coverage = Self::default();
        for (role, declared) in &program.roles {
            let part =
                |span| Part { role: role.clone(), text: written(sources, span), is_covered: false };
            for arm in declared.each_arm() {
                coverage.arms.entry(arm.span).or_insert_with(|| part(arm.span));
                // What is drawn never cannot be covered.
                let drawn = arm.draw.iter().filter(|share| share.percent > 0);
                for link in drawn.map(|share| &share.link).chain(&arm.chain) {
                    coverage.links.entry(link.span).or_insert_with(|| part(link.span));
                }
            }
        }
        coverage
    }

    pub(super) fn take_arm(&mut self, arm: &Arm) {
        cover(&mut self.arms, arm.span);
    }

    pub(super) fn call(&mut self, link: &Link) {
        cover(&mut self.links, link.span);
    }
}

fn cover(parts: &mut BTreeMap<Span, Part>, span: Span) {
    if let Some(part) = parts.get_mut(&span) {
        part.is_covered = true;
    }
}
