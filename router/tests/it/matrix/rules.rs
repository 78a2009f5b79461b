//! What has to come of a case, from the specification's sentences alone.

use std::time::Duration;

use super::case::{BACK_OFF, Case, Class, FIRST_TOKEN, Point, RETRIED, RETRY_AFTER};

/// What the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A whole answer.
    Answered,
    /// An answer that breaks off with an error, and no end mark.
    Broken,
    /// An error with this status.
    Refused(u16),
}

#[derive(Debug)]
pub struct Expected {
    pub outcome: Outcome,
    /// `x-sfai-attempts`.
    pub tried: String,
    pub first_calls: usize,
    pub second_calls: usize,
    /// When the answer is over at the earliest.
    pub not_before: Duration,
    /// How long after the call before each later one comes at the earliest.
    pub pauses: Vec<Duration>,
}

/// "Full jitter", which this router draws the most of; "`Retry-After` … is honoured when it fits
/// into what is left". Another link is taken at once: a silent one has had its time from before its
/// call arrived.
fn pauses(case: &Case, first_calls: usize, second_calls: usize) -> Vec<Duration> {
    // An error in the middle of an answer has no headers of its own.
    let asks = case.point == Point::BeforeHeaders && case.class == Class::RateLimit;
    let retry = if asks { RETRY_AFTER } else { BACK_OFF };
    [vec![retry; first_calls - 1], vec![Duration::ZERO; second_calls]].concat()
}

/// "Nothing is sent until an attempt delivers its first delta"; with `commit headers` until the
/// provider's headers are there, with `commit complete` until all of it is; what is not streamed
/// commits when it is complete.
fn has_committed(case: &Case) -> bool {
    match (case.streamed, case.commit) {
        (false, _) | (true, "complete") => false,
        (true, "headers") => case.point > Point::BeforeHeaders,
        (true, _) => case.point > Point::AfterHeaders,
    }
}

/// "Fallback: all but `invalid_request` and `content_filter`." The second link's window is unknown,
/// so that it may be larger.
fn falls_back(class: Class) -> bool {
    !matches!(class, Class::InvalidRequest | Class::ContentFilter)
}

pub fn expected(case: &Case) -> Expected {
    let first = format!("{}/m", case.upstream);
    let silence = if case.class == Class::Timeout { FIRST_TOKEN } else { Duration::ZERO };
    if has_committed(case) {
        return Expected {
            outcome: Outcome::Broken,
            tried: format!("{first}=ok"),
            first_calls: 1,
            second_calls: 0,
            not_before: silence,
            pauses: Vec::new(),
        };
    }
    // "Retry on the same link for network, rate_limit, overloaded, server_error", once here.
    let first_calls = if RETRIED.contains(&case.class) { 2 } else { 1 };
    let failed = vec![format!("{first}={}", case.class); first_calls].join(", ");
    if falls_back(case.class) {
        return Expected {
            outcome: Outcome::Answered,
            tried: format!("{failed}, second/m=ok"),
            first_calls,
            second_calls: 1,
            not_before: silence,
            pauses: pauses(case, first_calls, 1),
        };
    }
    // "400, 413, 422 and 429 are kept."
    let outcome = Outcome::Refused(400);
    let pauses = pauses(case, first_calls, 0);
    Expected { outcome, tried: failed, first_calls, second_calls: 0, not_before: silence, pauses }
}
