//! Guarded blocks: `when COND { … }`.
//!
//! Owns how they are inherited, one statement a kind, and which of them a role has in the end;
//! their statements are read like a role's own.

use std::sync::Arc;
use std::time::Duration;

use model_map::Effort;

use super::Resolver;
use super::settings::{ParameterSlots, TimeoutSlots};
use super::slot::{Slot, is_hole, put};
use crate::program::{Guard, Parameters, Placed, System, TimeoutChanges, When};
use crate::span::Span;
use crate::syntax::tree::{self, Statement};

/// One guarded block as it is written.
#[derive(Debug)]
pub(super) struct GuardBlock {
    span: Span,
    when: Option<When>,
    parameters: ParameterSlots,
    system: Slot<Arc<System>>,
    timeouts: TimeoutSlots,
    is_broken: bool,
}

/// The guarded blocks of a role, by kind: each kind comes from one block of statements as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    set: Option<Arc<Vec<GuardBlock>>>,
    system: Option<Arc<Vec<GuardBlock>>>,
    timeout: Option<Arc<Vec<GuardBlock>>>,
}

impl Guards {
    /// Those of one block of statements.
    pub(super) fn of(blocks: Vec<GuardBlock>) -> Self {
        if blocks.is_empty() {
            return Self::default();
        }
        let blocks = Arc::new(blocks);
        let with = |has: fn(&GuardBlock) -> bool| {
            // What could not be read may be of any kind, and stands in the place of all.
            let is_there = blocks.iter().any(|block| block.is_broken || has(block));
            is_there.then(|| Arc::clone(&blocks))
        };
        Self {
            set: with(|block| !block.parameters.is_empty()),
            system: with(|block| block.system.is_some()),
            timeout: with(|block| !block.timeouts.is_empty()),
        }
    }

    /// These, and those of `base` of the kinds that are not among them.
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            set: self.set.or_else(|| base.set.clone()),
            system: self.system.or_else(|| base.system.clone()),
            timeout: self.timeout.or_else(|| base.timeout.clone()),
        }
    }

    /// Whether some of it could not be read.
    pub(super) fn has_hole(&self) -> bool {
        let all = [&self.set, &self.system, &self.timeout].into_iter().flatten();
        all.flat_map(|blocks| blocks.iter()).any(|block| {
            let has_hole = block.parameters.has_hole() || block.timeouts.has_hole();
            block.is_broken || block.when.is_none() || is_hole(&block.system) || has_hole
        })
    }

    /// What applies in the end. Kinds change different things, so that only the order within a
    /// kind matters; blocks of one origin stay together, and the origins come in the order of
    /// their kinds, whatever files they are in.
    pub(super) fn effective(&self) -> Vec<Guard> {
        let mut origins: Vec<&Arc<Vec<GuardBlock>>> = Vec::new();
        for origin in [&self.set, &self.system, &self.timeout].into_iter().flatten() {
            if !origins.iter().any(|known| Arc::ptr_eq(known, origin)) {
                origins.push(origin);
            }
        }
        let of = |origin: &Arc<Vec<GuardBlock>>| -> Vec<Guard> {
            let is_from =
                |kind: &Option<Arc<_>>| kind.as_ref().is_some_and(|kind| Arc::ptr_eq(kind, origin));
            let kinds = (is_from(&self.set), is_from(&self.system), is_from(&self.timeout));
            origin.iter().filter_map(|block| block.effective(kinds)).collect()
        };
        origins.into_iter().flat_map(of).collect()
    }
}

impl GuardBlock {
    /// What it changes of the kinds `set`, `system` and `timeout`; none if nothing.
    fn effective(&self, (set, system, timeout): (bool, bool, bool)) -> Option<Guard> {
        let guard = Guard {
            span: self.span,
            when: self.when.clone()?,
            parameters: if set { self.parameters.given() } else { Parameters::default() },
            system: self.system.as_ref().filter(|_| system).and_then(|one| one.value.clone()),
            timeouts: if timeout { self.timeouts.given() } else { TimeoutChanges::default() },
        };
        let changes = guard.system.is_some()
            || guard.parameters != Parameters::default()
            || guard.timeouts != TimeoutChanges::default();
        changes.then_some(guard)
    }
}

/// Until the first token, where nobody writes it: longer where the model is to think for more
/// than a little.
pub(super) fn first_token(effort: Option<Effort>) -> Duration {
    let thinks = effort.is_some_and(|effort| effort > Effort::Low);
    if thinks { Duration::from_mins(1) } else { model_map::Timeouts::default().first_token }
}

/// Gives guards that set an effort the `first_token` that belongs to it, for a role in which none
/// is written anywhere.
pub(super) fn add_first_token(of_role: Placed<Duration>, guards: &mut [Guard]) {
    let is_written = |guard: &Guard| guard.timeouts.first_token.is_some();
    if of_role.span.is_some() || guards.iter().any(is_written) {
        return;
    }
    let wanted =
        |guard: &Guard| guard.parameters.reasoning_effort.map(|it| first_token(Some(it.value)));
    if guards.iter().filter_map(wanted).all(|time| time == of_role.value) {
        return;
    }
    for guard in guards {
        guard.timeouts.first_token = wanted(guard).map(Placed::built_in);
    }
}

impl<'t> Resolver<'t> {
    /// Reads a guarded block.
    pub(super) fn guard(
        &mut self,
        node: &'t tree::When,
        statements: &'t [Statement],
    ) -> GuardBlock {
        let condition = self.condition(&node.condition);
        let mut block = GuardBlock {
            span: node.span,
            when: condition.map(|condition| When { span: node.condition.span(), condition }),
            parameters: ParameterSlots::default(),
            system: None,
            timeouts: TimeoutSlots::default(),
            is_broken: false,
        };
        for statement in statements {
            match statement {
                Statement::Set(node) => {
                    let slots = &mut block.parameters;
                    for entry in &node.entries {
                        block.is_broken |= !self.parameter(entry, slots);
                    }
                }
                Statement::Timeout(node) => {
                    let slots = &mut block.timeouts;
                    for entry in &node.entries {
                        block.is_broken |= !self.timeout(entry, slots);
                    }
                }
                Statement::System(node) => {
                    let value = self.system(node);
                    put(&mut block.system, "system", node.span, value, &mut self.findings);
                }
                // Anything else has had its finding as a syntax error.
                _ => block.is_broken = true,
            }
        }
        block
    }
}
