//! What a request uses: estimated before it is let through, and counted when it is over.
//!
//! Owns both sums; where they are held against limits is [`super`]'s.

use model_map::audit::{RequestOutcome, UsageRecord};
use model_map::{Cost, Facts, FailureClass, Model, ModelMap, NumberFact, Plan};

use super::Charge;
use crate::audit::trail::{AttemptNotes, Notes};
use crate::count;
use crate::facts::RequestFacts;
use crate::front::Front;

/// The output of a request that says nothing of it. Most answers are shorter; what a longer one
/// uses is settled at its end.
const USUAL_OUTPUT: u64 = 1_024;

/// What is reserved for a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) charge: Charge,
    /// The estimated input among its tokens.
    pub(crate) input: u64,
}

/// The most that a request is taken to use: all its input, all the output that it may have, at the
/// price of the dearest link.
pub(crate) fn estimate(
    map: &ModelMap,
    plan: &Plan<'_>,
    facts: &RequestFacts<'_>,
    front: Front,
) -> Reserved {
    if front == Front::CountTokens {
        return Reserved::default();
    }
    let input = count::estimate(map, plan, facts);
    let output = match front {
        Front::Embeddings => 0,
        _ => output(plan, facts.number(NumberFact::MaxTokens)),
    };
    let usage = UsageRecord { input, output, ..UsageRecord::default() };
    let costs = plan.chain.iter().map(|link| nano_dollars(link.model, &usage));
    let nano_dollars = costs.max().unwrap_or_default();
    Reserved { charge: Charge { tokens: input.saturating_add(output), nano_dollars }, input }
}

fn output(plan: &Plan<'_>, asked: Option<u64>) -> u64 {
    let asked = asked.or(plan.parameters.max_tokens.map(u64::from));
    let limit = plan.role.limits.max_tokens.map_or(u64::MAX, u64::from);
    asked.map_or(USUAL_OUTPUT.min(limit), |asked| asked.min(limit))
}

/// What a model without a price costs is not known, and counts as nothing.
fn nano_dollars(model: &Model, usage: &UsageRecord) -> u64 {
    Cost::of(model, usage).map_or(0, Cost::nano_dollars)
}

/// What a request has used, by what its providers told of each attempt. What they did not tell is
/// taken from what was `reserved`: all of it for a whole answer; for one that the client left, or that
/// broke off, the input and an output token for each event that was passed on, since providers tell
/// of the output at the end alone.
pub(crate) fn used(notes: &Notes, reserved: Reserved) -> Charge {
    let log = notes.log();
    let map = &notes.planned.prepared.map;
    let winner = log.winner.or_else(|| log.attempts.len().checked_sub(1));
    let mut sum = Charge::default();
    for (place, attempt) in log.attempts.iter().enumerate() {
        let usage = match notes.answer.outcome {
            RequestOutcome::Left | RequestOutcome::Broken if winner == Some(place) => {
                Some(so_far(attempt.usage, notes.answer.events, reserved.input))
            }
            _ => attempt.usage.or_else(|| unheard(attempt, reserved.input)),
        };
        let model = map.models.get(&attempt.model);
        sum = sum.plus(&usage.map_or_else(Charge::default, |usage| Charge {
            tokens: usage.input.saturating_add(usage.output),
            nano_dollars: model.map_or(0, |model| nano_dollars(model, &usage)),
        }));
    }
    let answered = log.winner.and_then(|winner| log.attempts.get(winner));
    let is_whole = notes.answer.outcome == RequestOutcome::Answered;
    if is_whole && answered.is_some_and(|answered| answered.usage.is_none()) {
        return sum.at_least(&reserved.charge);
    }
    sum
}

/// What an attempt is taken to have used that its provider told nothing of. One that had begun to
/// answer and was cancelled, cut or given up has read its input; an error that a provider tells of is
/// not charged.
fn unheard(attempt: &AttemptNotes, input: u64) -> Option<UsageRecord> {
    let was_left =
        matches!(attempt.class, None | Some(FailureClass::Timeout | FailureClass::Network));
    let is_used = attempt.opened && was_left;
    is_used.then(|| UsageRecord { input, ..UsageRecord::default() })
}

fn so_far(told: Option<UsageRecord>, events: u64, input: u64) -> UsageRecord {
    let told = told.unwrap_or(UsageRecord { input, ..UsageRecord::default() });
    UsageRecord { output: told.output.max(events), ..told }
}
