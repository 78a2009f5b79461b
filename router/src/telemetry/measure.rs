//! What is measured of a request that is over.
//!
//! Owns which values go to which instrument, and by what they are told apart; adding them up is
//! [`super::meter`]'s.

use model_map::{Cost, FailureClass};

use super::attributes::{Attributes, Named, Value, operation, route};
use super::meter::{Instrument, Meter};
use crate::audit::trail::{Log, Notes};
use crate::front::Front;
use crate::log::outcome;
use crate::observer::Refused;

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It answered; the client may have left in the middle.
    Answered,
    Failed(FailureClass),
    /// Another was faster, or the client left.
    Cancelled,
}

impl Ended {
    pub(super) fn of(log: &Log, place: usize) -> Self {
        let class = log.attempts.get(place).and_then(|attempt| attempt.class);
        match class {
            Some(class) => Self::Failed(class),
            None if log.winner == Some(place) => Self::Answered,
            None => Self::Cancelled,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(class) => class.name(),
            Self::Cancelled => "cancelled",
        }
    }
}

/// How often a further model was taken.
pub(super) fn fallbacks(log: &Log) -> u64 {
    let pairs = log.attempts.iter().zip(log.attempts.iter().skip(1));
    pairs.filter(|(before, after)| before.model != after.model).count() as u64
}

/// A cost as a number that may be rounded in its sixteenth digit.
pub(super) fn dollars(cost: Cost) -> f64 {
    cost.to_string().parse().unwrap_or_default()
}

/// A request that is over.
pub(super) fn request(meter: &mut Meter, notes: &Notes, scheme: &str) {
    let (planned, answer, log) = (&notes.planned, &notes.answer, notes.log());
    served(meter, (planned.front, scheme), (answer.status, notes.total.as_secs_f64()));
    let role = ("sfai.role", Value::of(&planned.role));
    let ended = ("sfai.outcome", Value::of(outcome(answer.outcome)));
    meter.count(Instrument::Requests, vec![role.clone(), ended], 1);
    meter.count(Instrument::Fallbacks, vec![role], fallbacks(&log));
    for model in &log.opened {
        let named = vec![("sfai.model", Value::of(model))];
        meter.count(Instrument::BreakerOpenings, named, 1);
    }
    (0..log.attempts.len()).for_each(|place| attempt(meter, notes, (&log, place)));
}

/// One that was turned away before it had a plan. It has no role: a client's own word for one
/// would make series without end.
pub(super) fn refused(meter: &mut Meter, refused: &Refused, scheme: &str) {
    served(meter, (refused.front, scheme), (refused.status, refused.total.as_secs_f64()));
    let outcome = ("sfai.outcome", Value::of("refused"));
    meter.count(Instrument::Requests, vec![outcome], 1);
}

fn served(meter: &mut Meter, (front, scheme): (Front, &str), (status, seconds): (u16, f64)) {
    let mut attributes = vec![
        ("http.request.method", Value::of("POST")),
        ("http.route", Value::of(route(front))),
        ("url.scheme", Value::of(scheme)),
        ("http.response.status_code", Value::Whole(status.into())),
    ];
    if status >= 500 {
        attributes.push(("error.type", Value::Text(status.to_string())));
    }
    meter.spread(Instrument::RequestDuration, attributes, seconds);
}

fn attempt(meter: &mut Meter, notes: &Notes, (log, place): (&Log, usize)) {
    let Some(attempt) = log.attempts.get(place) else { return };
    let map = &notes.planned.prepared.map;
    let named = Named::of(map, &attempt.model);
    let mut called: Attributes =
        vec![("gen_ai.operation.name", Value::of(operation(notes.planned.front)))];
    called.extend(named.attributes());
    let ended = Ended::of(log, place);
    let model = || {
        let mut model = named.attributes();
        model.truncate(2);
        model.push(("sfai.role", Value::of(&notes.planned.role)));
        model
    };
    let mut counted = model();
    counted.push(("sfai.attempt.outcome", Value::of(ended.name())));
    meter.count(Instrument::Attempts, counted, 1);

    let mut timed = called.clone();
    if ended != Ended::Answered {
        timed.push(("error.type", Value::of(ended.name())));
    }
    let until = attempt.ended.unwrap_or(notes.total);
    let took = until.saturating_sub(attempt.started).as_secs_f64();
    meter.spread(Instrument::OperationDuration, timed, took);
    if let Some(first) = attempt.first_token.filter(|_| notes.planned.facts.stream) {
        let waited = first.saturating_sub(attempt.started).as_secs_f64();
        meter.spread(Instrument::TimeToFirstChunk, called.clone(), waited);
    }
    let Some(usage) = attempt.usage else { return };
    for (kind, tokens) in [("input", usage.input), ("output", usage.output)] {
        let mut used = called.clone();
        used.push(("gen_ai.token.type", Value::of(kind)));
        meter.spread(Instrument::TokenUsage, used, number(tokens));
    }
    if let Some(cost) = map.models.get(&attempt.model).and_then(|it| Cost::of(it, &usage)) {
        meter.total(Instrument::Cost, model(), dollars(cost));
    }
}

/// Tokens are far below 2^53, up to which every whole number is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn number(whole: u64) -> f64 {
    whole as f64
}
