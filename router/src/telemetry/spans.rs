//! A request that is over as spans: one of the request, and below it one of each attempt.
//!
//! Owns what they say, by the conventions for HTTP servers and for GenAI clients. They are made
//! from the notes, as the record is, so that nothing is paid for them while the request runs. No
//! text that a client, a model or a provider wrote is in them, but the name that an answer gives
//! its model.

use std::time::Duration;

use model_map::Cost;
use model_map::audit::RequestOutcome;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status};

use super::attributes::{Named, double, flag, list, operation, route, text_value, whole};
use super::measure::{Ended, dollars, fallbacks};
use super::nanos;
use super::trace::{Own, Trace};
use crate::audit::record::{self, request_id};
use crate::audit::trail::{AttemptNotes, Log, Notes};
use crate::front::Front;
use crate::log::outcome;
use crate::observer::Refused;

/// The event of a first content, reasoning or tool delta.
const FIRST_TOKEN: &str = "sfai.first_token";

/// The spans of a request; none where its trace is not recorded.
pub(crate) fn of(notes: &Notes, scheme: &str) -> Vec<Span> {
    let trace = notes.planned.trace.as_deref().and_then(Trace::recorded);
    let Some(trace) = trace else { return Vec::new() };
    let log = notes.log();
    let mut spans = vec![request(notes, (trace, scheme), &log)];
    let all = log.attempts.iter().enumerate();
    spans.extend(all.map(|(place, _)| attempt(notes, trace, (&log, place))));
    spans
}

/// The span of a request that was turned away before it had a plan.
pub(crate) fn refused(refused: &Refused, scheme: &str) -> Option<Span> {
    let trace = refused.trace.as_deref().and_then(Trace::recorded)?;
    let mut attributes = http(refused.front, scheme, refused.status);
    attributes.push(text_value("sfai.request.id", &request_id(refused.id)));
    attributes.push(text_value("sfai.outcome", "refused"));
    let times = (nanos(refused.time), nanos(refused.time + refused.total));
    let mut span = server(trace, refused.front, times);
    if refused.status >= 500 {
        fails(&mut span, &mut attributes, refused.status.to_string());
    }
    span.attributes = attributes;
    Some(span)
}

fn http(front: Front, scheme: &str, status: u16) -> Vec<KeyValue> {
    vec![
        text_value("http.request.method", "POST"),
        text_value("http.route", route(front)),
        text_value("url.path", route(front)),
        text_value("url.scheme", scheme),
        whole("http.response.status_code", status.into()),
    ]
}

fn server(trace: &Own, front: Front, (start, end): (u64, u64)) -> Span {
    Span {
        parent_span_id: trace.parent.map_or_else(Vec::new, |it| it.to_be_bytes().to_vec()),
        name: format!("POST {}", route(front)),
        kind: SpanKind::Server.into(),
        flags: flags(trace, trace.parent.is_some()),
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..span(trace, trace.span)
    }
}

fn span(trace: &Own, id: u64) -> Span {
    let state = trace.state.as_ref().and_then(|it| it.to_str().ok()).unwrap_or_default();
    Span {
        trace_id: trace.id.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        trace_state: state.to_owned(),
        ..Span::default()
    }
}

/// Those of the trace, and whether the parent is another process's.
fn flags(trace: &Own, is_remote: bool) -> u32 {
    let remote = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    u32::from(trace.flags()) | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

fn fails(span: &mut Span, attributes: &mut Vec<KeyValue>, kind: String) {
    attributes.push(text_value("error.type", &kind));
    span.status = Some(Status { code: StatusCode::Error.into(), message: String::new() });
}

fn at(notes: &Notes, since: Duration) -> u64 {
    nanos(notes.planned.time + since)
}

fn event(time: u64) -> Event {
    Event { time_unix_nano: time, name: FIRST_TOKEN.into(), ..Event::default() }
}

fn request(notes: &Notes, (trace, scheme): (&Own, &str), log: &Log) -> Span {
    let (planned, answer) = (&notes.planned, &notes.answer);
    let times = (at(notes, Duration::ZERO), at(notes, notes.total));
    let mut span = server(trace, planned.front, times);
    let mut all = http(planned.front, scheme, answer.status);
    let map = &planned.prepared.map;
    all.push(text_value("sfai.request.id", &request_id(planned.id)));
    all.push(text_value("sfai.outcome", outcome(answer.outcome)));
    all.push(text_value("sfai.role", &planned.role));
    all.push(text_value("sfai.rule", &planned.rule));
    all.push(text_value("sfai.env", &map.env));
    all.push(text_value("sfai.map", &map.digest));
    all.push(whole("sfai.attempts", log.attempts.len() as u64));
    all.push(whole("sfai.fallbacks", fallbacks(log)));
    if let Some(client) = &planned.facts.client {
        all.push(text_value("sfai.client", client));
    }
    let winner = log.winner.and_then(|winner| log.attempts.get(winner));
    if let Some(winner) = winner {
        all.push(text_value("sfai.model", &winner.model));
    }
    if let Some(cost) = record::cost(map, log, answer.outcome) {
        all.push(double("sfai.cost_usd", dollars(cost)));
    }
    span.events = answer.first_token.map(|it| event(at(notes, it))).into_iter().collect();
    match (answer.outcome, winner.and_then(|it| it.class)) {
        (RequestOutcome::Broken, Some(class)) => fails(&mut span, &mut all, class.name().into()),
        _ if answer.status >= 500 => fails(&mut span, &mut all, answer.status.to_string()),
        _ => {}
    }
    span.attributes = all;
    span
}

fn attempt(notes: &Notes, trace: &Own, (log, place): (&Log, usize)) -> Span {
    let empty = AttemptNotes::default();
    let attempt = log.attempts.get(place).unwrap_or(&empty);
    let map = &notes.planned.prepared.map;
    let named = Named::of(map, &attempt.model);
    let operation = operation(notes.planned.front);
    let mut span = Span {
        parent_span_id: trace.span.to_be_bytes().to_vec(),
        name: format!("{operation} {}", named.model),
        kind: SpanKind::Client.into(),
        flags: flags(trace, false),
        start_time_unix_nano: at(notes, attempt.started),
        end_time_unix_nano: at(notes, attempt.ended.unwrap_or(notes.total)),
        ..span(trace, trace.attempt(place))
    };
    let mut all = vec![text_value("gen_ai.operation.name", operation)];
    all.extend(super::attributes::proto(&named.attributes()));
    all.extend(asked(notes));
    all.push(text_value("sfai.role", &notes.planned.role));
    all.push(text_value("sfai.rule", &notes.planned.rule));
    all.push(text_value("sfai.model", &attempt.model));
    all.push(whole("sfai.attempt", place as u64 + 1));
    all.extend(attempt.answers_as.iter().map(|it| text_value("gen_ai.response.model", it)));
    all.extend(used(attempt));
    let cost = attempt.usage.and_then(|usage| Cost::of(map.models.get(&attempt.model)?, &usage));
    all.extend(cost.map(|cost| double("sfai.cost_usd", dollars(cost))));
    all.extend(attempt.status.map(|it| whole("http.response.status_code", it.into())));
    if let Some(first) = attempt.first_token {
        let waited = first.saturating_sub(attempt.started).as_secs_f64();
        all.push(double("gen_ai.response.time_to_first_chunk", waited));
        span.events = vec![event(at(notes, first))];
    }
    match Ended::of(log, place) {
        Ended::Failed(class) => fails(&mut span, &mut all, class.name().into()),
        Ended::Cancelled => all.push(flag("sfai.cancelled", true)),
        Ended::Answered => {
            all.extend(notes.answer.finish.map(|it| list("gen_ai.response.finish_reasons", it)));
        }
    }
    span.attributes = all;
    span
}

/// What was asked for, as far as it is no content.
fn asked(notes: &Notes) -> impl Iterator<Item = KeyValue> {
    let facts = &notes.planned.facts;
    let stream = facts.stream.then(|| flag("gen_ai.request.stream", true));
    let json = facts.json.then(|| text_value("gen_ai.output.type", "json"));
    let most = facts.max_tokens.map(|most| whole("gen_ai.request.max_tokens", most));
    [stream, json, most].into_iter().flatten()
}

fn used(attempt: &AttemptNotes) -> Vec<KeyValue> {
    let Some(usage) = attempt.usage else { return Vec::new() };
    let mut all = vec![
        whole("gen_ai.usage.input_tokens", usage.input),
        whole("gen_ai.usage.output_tokens", usage.output),
        whole("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        whole("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
    ];
    let reasoning = usage.reasoning;
    all.extend(reasoning.map(|it| whole("gen_ai.usage.reasoning.output_tokens", it)));
    all
}
