//! When a provider asks to come back.
//!
//! Owns the headers that say so; whether there is time for it is the attempt's to decide.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use jiff::Timestamp;

/// The longest of what the headers ask for: `retry-after-ms`, `retry-after` as seconds or as a
/// date, else the resets of those limits that are used up, as Anthropic or OpenAI name them.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let milliseconds = text(headers, "retry-after-ms").and_then(|value| seconds(value, 0.001));
    let plain = text(headers, "retry-after")
        .and_then(|value| seconds(value, 1.0).or_else(|| http_date(value, now)));
    milliseconds.max(plain).or_else(|| resets(headers, now))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn seconds(value: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse::<f64>().ok()? * unit).ok()
}

fn http_date(value: &str, now: SystemTime) -> Option<Duration> {
    let then = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(until(then, now))
}

/// How long until `then`; zero when it is over.
fn until(then: Timestamp, now: SystemTime) -> Duration {
    let since_epoch = Duration::try_from(then.as_duration()).unwrap_or(Duration::ZERO);
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since_epoch.saturating_sub(now)
}

const LIMITS: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

fn resets(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let anthropic = LIMITS.iter().filter_map(|limit| reset(headers, limit, now)).max();
    anthropic.max(LIMITS.iter().filter_map(|limit| span(headers, limit)).max())
}

/// Of Anthropic's: an instant.
fn reset(headers: &HeaderMap, limit: &str, now: SystemTime) -> Option<Duration> {
    let remaining = text(headers, &format!("anthropic-ratelimit-{limit}-remaining"))?;
    if remaining != "0" {
        return None;
    }
    let then = text(headers, &format!("anthropic-ratelimit-{limit}-reset"))?;
    Some(until(then.parse().ok()?, now))
}

/// Of OpenAI's: a span such as `6m0s`, `1s` or `20ms`; of others' of the name, seconds.
fn span(headers: &HeaderMap, limit: &str) -> Option<Duration> {
    let remaining = text(headers, &format!("x-ratelimit-remaining-{limit}"))?;
    if remaining != "0" {
        return None;
    }
    let value = text(headers, &format!("x-ratelimit-reset-{limit}"))?;
    seconds(value, 1.0).or_else(|| spelt_out(value))
}

/// A duration as Go writes it.
fn spelt_out(value: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    let mut rest = value;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at_checked(unit_at)?;
        let ends = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(ends)?;
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        sum = sum.checked_add(seconds(number, unit)?)?;
        rest = next;
    }
    (!value.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn at(instant: &str, pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let now = instant.parse::<Timestamp>().expect("an instant").as_second();
        read(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()))
    }

    const NOW: &str = "2024-03-26T19:59:50Z";

    #[test]
    fn reads_seconds_dates_and_milliseconds() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(at(NOW, &[("retry-after", "16")]), seconds(16));
        assert_eq!(at(NOW, &[("retry-after", "1.5")]), Some(Duration::from_millis(1500)));
        assert_eq!(at(NOW, &[("retry-after", "Tue, 26 Mar 2024 20:00:00 GMT")]), seconds(10));
        assert_eq!(at(NOW, &[("retry-after", "Tue, 26 Mar 2024 10:00:00 GMT")]), seconds(0));
        assert_eq!(at(NOW, &[("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
        assert_eq!(at(NOW, &[("retry-after", "1"), ("retry-after-ms", "0")]), seconds(1));
    }

    #[test]
    fn works_it_out_from_the_limit_that_is_used_up() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2024-03-26T20:00:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "16000"),
            ("anthropic-ratelimit-tokens-reset", "2024-03-26T21:00:00Z"),
        ];
        assert_eq!(at(NOW, &headers), Some(Duration::from_secs(10)));
        assert_eq!(at(NOW, &headers[2..]), None);
    }

    #[test]
    fn works_it_out_from_openais_limits_too() {
        for (reset, milliseconds) in
            [("1s", 1000), ("6m0s", 360_000), ("20ms", 20), ("1m12.5s", 72_500), ("3", 3000)]
        {
            let headers = [
                ("x-ratelimit-remaining-requests", "7"),
                ("x-ratelimit-reset-requests", "9h"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", reset),
            ];
            assert_eq!(at(NOW, &headers), Some(Duration::from_millis(milliseconds)), "{reset}");
        }
        for reset in ["", "soon", "s", "1d", "-1s"] {
            let headers =
                [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", reset)];
            assert_eq!(at(NOW, &headers), None, "{reset}");
        }
    }

    #[test]
    fn nonsense_is_no_answer() {
        for value in ["", "-1", "NaN", "inf", "1e400", "soon"] {
            let name = HeaderName::from_static("retry-after");
            let headers = [(name, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(read(&headers, SystemTime::UNIX_EPOCH), None, "{value}");
        }
    }
}
