//! The upstreams of a test: what a call of each meets.
//!
//! Owns the reading of `given`; the order of calls is [`crate::simulate`]'s.

use model_map::{Failure, FailureClass, Plan};

use crate::program::{Answers, Given, Target};
use crate::simulate::{Call, Meets};

/// The upstreams of one play. Whatever no `given` speaks of answers well and at once.
pub(super) struct World<'t> {
    /// With how often each may still answer.
    givens: Vec<(&'t Given, Option<u32>)>,
    plan: &'t Plan<'t>,
    jitter: f64,
}

impl<'t> World<'t> {
    /// What is said of a model comes before what is said of its provider, else the order of the
    /// text decides.
    pub(super) fn of(givens: &'t [Given], plan: &'t Plan<'t>, jitter: f64) -> Self {
        let mut givens: Vec<_> = givens.iter().map(|given| (given, given.times)).collect();
        givens.sort_by_key(|(given, _)| matches!(given.target, Target::Provider(_)));
        Self { givens, plan, jitter }
    }

    /// What this call meets.
    pub(super) fn meet(&mut self, call: Call) -> Meets {
        let Some(link) = self.plan.chain.get(call.link) else { return Meets::Enough };
        let speaks = |given: &Given| match &given.target {
            Target::Provider(provider) => provider.name == link.model.provider,
            Target::Model(model) => model.key == link.key,
        };
        let mut left = self.givens.iter_mut().filter(|(_, left)| *left != Some(0));
        let Some((given, left)) = left.find(|(given, _)| speaks(given)) else {
            return Meets::Answer { at: call.at };
        };
        *left = left.map(|left| left - 1);
        let at = call.at + given.after.unwrap_or_default();
        let failure = match given.answers {
            Answers::Status(200..=299) => return Meets::Answer { at },
            Answers::Status(status) => Failure::of_answer(status, "", ""),
            Answers::Class(class) => Failure::of(class),
        };
        // Silence, unless it is said when: a timeout is ours.
        let is_silent = given.answers == Answers::Class(FailureClass::Timeout);
        let at = if is_silent && given.after.is_none() { call.deadline } else { at };
        Meets::Failure { failure, at, jitter: self.jitter }
    }
}
