//! Faults by name, for clients in other languages, which say in the path what is to happen.
//!
//! It owns the names alone. A segment of the path, or the model, is one of
//!
//! | name | fault |
//! | --- | --- |
//! | `fail-529` | that status |
//! | `limit-3` | 429 with `retry-after: 3` |
//! | `reset-AT`, `cut-AT`, `hang-AT`, `malformed-AT`, `error-event-AT` | as [`Fault`] has it |
//! | `slow` | 300 ms before the first token |
//! | `empty`, `bytewise`, `missing-mark`, `missing-finish`, `missing-both` | as [`Fault`] has it |
//!
//! with `before-headers`, `after-headers`, `before-first-token`, `after-first-token` or
//! `after-last-token` for AT. With `-once` at its end it happens to the first request of a path.

use std::time::Duration;

use super::Arrival;
use super::fault::{At, Fault, Missing};

/// The fault that a request names, `earlier` being the requests of the same path before it.
pub(super) fn named(arrival: &Arrival, earlier: usize) -> Option<Fault> {
    let model = arrival.model();
    arrival.path.split('/').chain([model.as_str()]).find_map(|name| {
        match name.strip_suffix("-once") {
            Some(name) => parse(name).filter(|_| earlier == 0),
            None => parse(name),
        }
    })
}

fn parse(name: &str) -> Option<Fault> {
    let at = |prefix: &str| name.strip_prefix(prefix).and_then(point);
    match name {
        "bytewise" => return Some(Fault::Bytewise),
        "empty" => return Some(Fault::Empty),
        "missing-both" => return Some(Fault::Missing(Missing::Both)),
        "missing-finish" => return Some(Fault::Missing(Missing::Finish)),
        "missing-mark" => return Some(Fault::Missing(Missing::Mark)),
        "slow" => return Some(Fault::Pause(At::BeforeFirstToken, Duration::from_millis(300))),
        _ => {}
    }
    let status = name.strip_prefix("fail-").and_then(|status| status.parse().ok());
    let limit = name.strip_prefix("limit-").filter(|seconds| seconds.parse::<u32>().is_ok());
    None.or(status.map(Fault::status))
        .or(limit.map(Fault::retry_after))
        .or(at("reset-").map(Fault::Reset))
        .or(at("cut-").map(Fault::Cut))
        .or(at("hang-").map(Fault::Hang))
        .or(at("malformed-").map(Fault::Malformed))
        .or(at("error-event-").map(Fault::ErrorEvent))
}

fn point(name: &str) -> Option<At> {
    Some(match name {
        "before-headers" => At::BeforeHeaders,
        "after-headers" => At::AfterHeaders,
        "before-first-token" => At::BeforeFirstToken,
        "after-first-token" => At::AfterFirstToken,
        "after-last-token" => At::AfterLastToken,
        _ => return None,
    })
}
