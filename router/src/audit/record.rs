//! From the notes of a request to its record.
//!
//! Owns what the record says, the cost among it; the record's shape is [`model_map::audit`]'s.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use model_map::audit::{AttemptRecord, Record, RequestOutcome, VERSION};
use model_map::{Cost, ModelMap};
use serde_json::value::RawValue;

use super::trail::{AttemptNotes, Log, Notes};
use super::{join, redact};

/// The record of a request that is over.
pub(crate) fn of(notes: &Notes) -> Record {
    let (planned, answer, log) = (&notes.planned, &notes.answer, notes.log());
    let map = &planned.prepared.map;
    let winner = log.winner.and_then(|winner| log.attempts.get(winner));
    let cost = cost(map, &log, answer.outcome);
    Record {
        attempts: log.attempts.iter().map(|it| attempt(it, notes.total)).collect(),
        client: planned.facts.client.clone(),
        cost_micro_dollars: cost.map(Cost::micro_dollars),
        cost_usd: cost.map(|cost| cost.to_string()),
        draw: planned.draw,
        dropped: answer.dropped.clone(),
        env: map.env.clone(),
        facts: planned.facts.clone(),
        finish: answer.finish.map(str::to_owned),
        first_token_ms: answer.first_token.map(milliseconds),
        id: request_id(planned.id),
        map: map.digest.clone(),
        model: winner.map(|winner| winner.model.clone()),
        opened: log.opened.clone(),
        outcome: answer.outcome,
        request: planned.request.as_ref().and_then(|body| text(body)),
        response: response(notes),
        role: planned.role.clone(),
        rule: planned.rule.clone(),
        skipped: log.skipped.clone(),
        status: answer.status,
        time: rfc3339(planned.time),
        total_ms: milliseconds(notes.total),
        usage: winner.and_then(|winner| winner.usage),
        version: VERSION,
    }
}

/// The id that a client sees in `x-request-id`.
pub(crate) fn request_id(id: u64) -> String {
    format!("req_{id:016x}")
}

/// An instant as records and logs have it.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// Whole milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn attempt(notes: &AttemptNotes, total: Duration) -> AttemptRecord {
    AttemptRecord {
        class: notes.class,
        ended_ms: milliseconds(notes.ended.unwrap_or(total)),
        first_token_ms: notes.first_token.map(milliseconds),
        model: notes.model.clone(),
        started_ms: milliseconds(notes.started),
        status: notes.status,
        usage: notes.usage,
    }
}

/// What all attempts cost together. An attempt that failed or was cancelled and whose provider told
/// of no usage counts as free; an answer whose usage is not known has no known cost.
pub(crate) fn cost(map: &ModelMap, log: &Log, outcome: RequestOutcome) -> Option<Cost> {
    let answered = log.winner.and_then(|winner| log.attempts.get(winner));
    if answered.is_some_and(|it| it.usage.is_none()) {
        return None;
    }
    let used = log.attempts.iter().filter_map(|attempt| Some((&attempt.model, attempt.usage?)));
    let mut costs = used.map(|(model, usage)| Cost::of(map.models.get(model)?, &usage)).peekable();
    // Of a request that nobody answered and that used nothing there is nothing to tell.
    if outcome != RequestOutcome::Answered && costs.peek().is_none() {
        return None;
    }
    costs.try_fold(Cost::default(), |sum, cost| Some(sum.plus(cost?)))
}

fn response(notes: &Notes) -> Option<Box<RawValue>> {
    let body = notes.answer.body.as_ref().filter(|body| !body.is_empty())?;
    if notes.answer.streamed && !body.trim_ascii_start().starts_with(b"{") {
        return redact::body(&join::stream(body).to_string());
    }
    text(body)
}

fn text(body: &[u8]) -> Option<Box<RawValue>> {
    redact::body(&String::from_utf8_lossy(body))
}
