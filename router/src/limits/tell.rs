//! What clients are told of their limits.
//!
//! Owns the headers of both protocols and the refusal; the numbers are [`super::account`]'s.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use model_map::{Budget, Period, RateLimit};

use super::account::{Bound, Left};
use super::{Refused, Standing};
use crate::answer::Answer;
use crate::audit::record::rfc3339;
use crate::openai::error::ClientError;
use crate::respond;

/// A client that has to wait longer is told not to try again by itself.
const SOON: Duration = Duration::from_secs(60);

/// The names of what is left of a limit.
struct Names {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

const fn named(limit: &'static str, remaining: &'static str, reset: &'static str) -> Names {
    Names {
        limit: HeaderName::from_static(limit),
        remaining: HeaderName::from_static(remaining),
        reset: HeaderName::from_static(reset),
    }
}

/// OpenAI's, for requests and for tokens.
const OPENAI: [Names; 2] = [
    named(
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    named("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
];

/// Anthropic's, for clients of theirs.
const ANTHROPIC: [Names; 2] = [
    named(
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    named(
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
];

/// Adds what is left of a client's limits.
pub(crate) fn standing(
    standing: &Standing,
    speaks_messages: bool,
    now: SystemTime,
    headers: &mut HeaderMap,
) {
    let names = if speaks_messages { ANTHROPIC } else { OPENAI };
    for (names, left) in names.into_iter().zip([standing.requests, standing.tokens]) {
        let Some(Left { limit, remaining, reset }) = left else { continue };
        headers.insert(names.limit, HeaderValue::from(limit));
        headers.insert(names.remaining, HeaderValue::from(remaining));
        let reset = match speaks_messages {
            true => rfc3339(now + reset),
            false => in_units(reset),
        };
        if let Ok(reset) = HeaderValue::from_str(&reset) {
            headers.insert(names.reset, reset);
        }
    }
}

/// The answer to a request that is not let through.
pub(crate) fn refusal(client: &str, refused: &Refused) -> Response<Answer> {
    let wait = in_units(refused.wait);
    let (code, has) = match refused.by {
        Bound::Requests(RateLimit { count, per, .. }) => {
            ("rate_limit_exceeded", format!("made its {count} requests in {}", in_units(per)))
        }
        Bound::Tokens(RateLimit { count, per, .. }) => {
            ("rate_limit_exceeded", format!("used its {count} tokens in {}", in_units(per)))
        }
        Bound::Budget(budget) => ("insufficient_quota", format!("spent {}", money(budget))),
    };
    let message = format!("Client `{client}` has {has}; this request would be served in {wait}.");
    let kind = "rate_limit_error";
    let error = ClientError { message, kind, code: Some(code.into()), param: None };
    let mut response = respond::error(StatusCode::TOO_MANY_REQUESTS, &error);
    // Rounded up: a client that comes back too early is turned away again.
    let seconds = refused.wait.as_secs() + u64::from(refused.wait.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    if refused.wait > SOON {
        response.headers_mut().insert(respond::SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// `its budget of $5.00 for this day`.
fn money(Budget { micro_dollars, per }: Budget) -> String {
    let (dollars, cents) = (micro_dollars / 1_000_000, micro_dollars % 1_000_000);
    let cents = format!("{cents:06}");
    let shown = cents.trim_end_matches('0');
    let per = match per {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
    };
    format!("its budget of ${dollars}.{shown:0<2} for this {per}")
}

/// As OpenAI writes times: `1h2m3s`, `250ms`.
fn in_units(time: Duration) -> String {
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    if seconds == 0 {
        return if milliseconds == 0 { "0s".into() } else { format!("{milliseconds}ms") };
    }
    // Whole seconds are enough of longer times; up, as for `Retry-After`.
    let seconds = seconds + u64::from(time.subsec_nanos() > 0);
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, unit)| format!("{count}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_clients_read_them() {
        for (milliseconds, text) in [
            (0, "0s"),
            (250, "250ms"),
            (1_000, "1s"),
            (1_001, "2s"),
            (60_000, "1m"),
            (3_723_000, "1h2m3s"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(in_units(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn money_has_two_places_at_least() {
        let spent = |micro_dollars| money(Budget { micro_dollars, per: Period::Day });
        assert_eq!(spent(5_000_000), "its budget of $5.00 for this day");
        assert_eq!(spent(500_000), "its budget of $0.50 for this day");
        assert_eq!(spent(1_000_250), "its budget of $1.00025 for this day");
    }

    #[test]
    fn each_protocol_has_its_own_headers() {
        let left = Left { limit: 60, remaining: 59, reset: Duration::from_secs(65) };
        let told = Standing { requests: Some(left), tokens: None };
        let now = SystemTime::UNIX_EPOCH;
        let mut headers = HeaderMap::new();
        standing(&told, false, now, &mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-ratelimit-remaining-requests"], "59");
        assert_eq!(headers["x-ratelimit-reset-requests"], "1m5s");
        let mut headers = HeaderMap::new();
        standing(&told, true, now, &mut headers);
        assert_eq!(headers["anthropic-ratelimit-requests-reset"], "1970-01-01T00:01:05.000Z");
    }
}
