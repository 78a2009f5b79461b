//! When a provider asks to come back.
//!
//! Owns the headers that say so; whether there is time for it is the attempt's to decide.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use jiff::Timestamp;

/// The longest of what the headers ask for: `retry-after-ms`, `retry-after` as seconds or as a
/// date, else the resets of those of Anthropic's limits that are used up.
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
    LIMITS.iter().filter_map(|limit| reset(headers, limit, now)).max()
}

fn reset(headers: &HeaderMap, limit: &str, now: SystemTime) -> Option<Duration> {
    let remaining = text(headers, &format!("anthropic-ratelimit-{limit}-remaining"))?;
    if remaining != "0" {
        return None;
    }
    let then = text(headers, &format!("anthropic-ratelimit-{limit}-reset"))?;
    Some(until(then.parse().ok()?, now))
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
    fn nonsense_is_no_answer() {
        for value in ["", "-1", "NaN", "inf", "1e400", "soon"] {
            let name = HeaderName::from_static("retry-after");
            let headers = [(name, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(read(&headers, SystemTime::UNIX_EPOCH), None, "{value}");
        }
    }
}
