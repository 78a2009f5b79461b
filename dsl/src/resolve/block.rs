//! The statements of a role or of `defaults`, typed, and how one block falls back on another.
//!
//! Owns which statements there are; each is read in the module named for it, and which block falls
//! back on which is in [`super::role`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model_map::{Ability, Audit, CacheBreakpoint, Commit, FailureClass};

use super::Resolver;
use super::arms::ArmReader;
use super::guard::{GuardBlock, Guards};
use super::settings::{ParameterSlots, TimeoutSlots};
use super::slot::{Slot, is_hole, over, put};
use super::view::may_route;
use crate::program::{Arms, Retry, System};
use crate::syntax::tree::{Statement, Then};

/// One block.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    pub(super) about: Slot<Arc<str>>,
    pub(super) accept: Slot<Arc<BTreeSet<Ability>>>,
    pub(super) arms: Option<Arc<Arms>>,
    pub(super) audit: Slot<Audit>,
    pub(super) cache: Slot<CacheBreakpoint>,
    pub(super) commit: Slot<Commit>,
    pub(super) deny: Slot<Arc<BTreeSet<String>>>,
    pub(super) fallback: Slot<Arc<BTreeSet<FailureClass>>>,
    pub(super) guards: Guards,
    pub(super) hedge: Slot<Duration>,
    pub(super) limit_max_tokens: Slot<u32>,
    pub(super) parameters: ParameterSlots,
    pub(super) resume: Slot<()>,
    pub(super) retry: Slot<Retry>,
    pub(super) strict: Slot<()>,
    pub(super) system: Slot<Arc<System>>,
    pub(super) timeouts: TimeoutSlots,
    /// A statement that could not be read may have been a route.
    pub(super) may_route: bool,
    /// Some statement could not be read.
    pub(super) is_broken: bool,
}

impl Block {
    /// This block, and `base` where it writes nothing.
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            about: over(self.about, &base.about),
            accept: over(self.accept, &base.accept),
            arms: self.arms.or_else(|| base.arms.clone()),
            audit: over(self.audit, &base.audit),
            cache: over(self.cache, &base.cache),
            commit: over(self.commit, &base.commit),
            deny: over(self.deny, &base.deny),
            fallback: over(self.fallback, &base.fallback),
            guards: self.guards.over(&base.guards),
            hedge: over(self.hedge, &base.hedge),
            limit_max_tokens: over(self.limit_max_tokens, &base.limit_max_tokens),
            parameters: self.parameters.over(&base.parameters),
            resume: over(self.resume, &base.resume),
            retry: over(self.retry, &base.retry),
            strict: over(self.strict, &base.strict),
            system: over(self.system, &base.system),
            timeouts: self.timeouts.over(&base.timeouts),
            may_route: self.may_route || base.may_route,
            is_broken: self.is_broken || base.is_broken,
        }
    }

    /// Whether all of it could be read.
    pub(super) fn is_whole(&self) -> bool {
        let has_hole = is_hole(&self.accept)
            || is_hole(&self.cache)
            || is_hole(&self.commit)
            || is_hole(&self.deny)
            || is_hole(&self.fallback)
            || is_hole(&self.hedge)
            || is_hole(&self.limit_max_tokens)
            || is_hole(&self.retry)
            || is_hole(&self.system)
            || self.parameters.has_hole()
            || self.timeouts.has_hole()
            || self.guards.has_hole();
        !self.is_broken && !has_hole && self.arms.as_ref().is_none_or(|arms| arms.is_whole)
    }
}

/// What is gathered over several statements of a block.
#[derive(Default)]
struct Gathered {
    arms: ArmReader,
    guards: Vec<GuardBlock>,
}

impl<'t> Resolver<'t> {
    /// Types the statements of one block.
    pub(super) fn block(&mut self, statements: impl IntoIterator<Item = &'t Statement>) -> Block {
        let mut block = Block::default();
        let mut gathered = Gathered::default();
        for statement in statements {
            if !self.routing(statement, &mut gathered) && !self.failing(statement, &mut block) {
                self.answering(statement, &mut block);
            }
        }
        self.mend_order(&gathered.arms);
        block.arms = gathered.arms.finish(block.may_route);
        block.guards = Guards::of(gathered.guards);
        block
    }

    /// Types `defaults`, which may hold every statement but `about`.
    pub(super) fn defaults_block(
        &mut self,
        statements: impl IntoIterator<Item = &'t Statement>,
    ) -> Block {
        // An `about` there has had its finding as a syntax error.
        Block { about: None, ..self.block(statements) }
    }

    /// Reads a statement that says where a request goes, if it is one.
    fn routing(&mut self, statement: &'t Statement, gathered: &mut Gathered) -> bool {
        match statement {
            Statement::Route(node) => self.bare_route(node, &mut gathered.arms),
            Statement::Otherwise(node) => self.otherwise(node, &mut gathered.arms),
            Statement::When(node) => match &node.then {
                Then::Route(route) => self.when_route(node, route.as_ref(), &mut gathered.arms),
                Then::Block(statements) => {
                    let guard = self.guard(node, statements);
                    gathered.guards.push(guard);
                }
            },
            _ => return false,
        }
        true
    }

    /// Reads a statement about failures, if it is one.
    fn failing(&mut self, statement: &'t Statement, block: &mut Block) -> bool {
        match statement {
            Statement::Retry(node) => {
                let value = self.retry(node);
                put(&mut block.retry, "retry", node.span, value, &mut self.findings);
            }
            Statement::Fallback(node) => {
                let value = self.fallback(node);
                put(&mut block.fallback, "fallback", node.span, value, &mut self.findings);
            }
            Statement::Hedge(node) => {
                let value = self.hedge(node);
                put(&mut block.hedge, "hedge", node.span, value, &mut self.findings);
            }
            Statement::Timeout(node) => {
                for entry in &node.entries {
                    block.is_broken |= !self.timeout(entry, &mut block.timeouts);
                }
            }
            Statement::Commit(node) => {
                let value = self.commit(node);
                put(&mut block.commit, "commit", node.span, value, &mut self.findings);
            }
            Statement::Resume(span) => {
                put(&mut block.resume, "resume", *span, Some(()), &mut self.findings);
            }
            _ => return false,
        }
        true
    }

    /// Reads a statement about the request and its answer.
    fn answering(&mut self, statement: &'t Statement, block: &mut Block) {
        match statement {
            Statement::About(node) => {
                let value = self.text(node.value.as_ref());
                put(&mut block.about, "about", node.span, value, &mut self.findings);
            }
            Statement::System(node) => {
                let value = self.system(node);
                put(&mut block.system, "system", node.span, value, &mut self.findings);
            }
            Statement::Set(node) => {
                for entry in &node.entries {
                    block.is_broken |= !self.parameter(entry, &mut block.parameters);
                }
            }
            Statement::Limit(node) => {
                let slot = &mut block.limit_max_tokens;
                node.entries.iter().for_each(|entry| self.limit(entry, slot));
            }
            Statement::Deny(node) => {
                let value = self.deny(node);
                put(&mut block.deny, "deny", node.span, value, &mut self.findings);
            }
            Statement::Accept(node) => {
                let value = self.accept(node);
                put(&mut block.accept, "accept", node.span, value, &mut self.findings);
            }
            Statement::Strict(span) => {
                put(&mut block.strict, "strict", *span, Some(()), &mut self.findings);
            }
            Statement::Cache(node) => {
                let value = self.cache(node);
                put(&mut block.cache, "cache", node.span, value, &mut self.findings);
            }
            Statement::Audit(node) => {
                let value = self.audit(node);
                put(&mut block.audit, "audit", node.span, value, &mut self.findings);
            }
            other => {
                block.is_broken |= matches!(other, Statement::Broken(_));
                block.may_route |= may_route(other);
            }
        }
    }
}
