//! A request in numbers, and those numbers in CloudWatch's embedded metric format.
//!
//! Owns the names and what each counts; `docs/audit.md` lists them, and alarms are built on them.

use std::time::SystemTime;

use model_map::FailureClass;
use model_map::audit::Record;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::log::went_well;

/// Where CloudWatch puts them.
const NAMESPACE: &str = "sfai";
/// By what they are told apart. A dimension more is a metric more for each of its values, and each
/// is paid for; role and model are properties of the same line, which Logs Insights can group by.
const DIMENSION: &str = "Env";

/// A number of a request: its name, its unit and its value, where it has one.
type Number = (&'static str, &'static str, Option<f64>);

/// What a request counts for.
pub(crate) fn of(record: &Record) -> [Number; 12] {
    let known = |tokens: fn(&model_map::audit::UsageRecord) -> u64| {
        let mut used = record.attempts.iter().filter_map(|it| it.usage.as_ref()).peekable();
        used.peek()?;
        Some(number(used.map(tokens).sum()))
    };
    let cost = record.cost_usd.as_ref().and_then(|cost| cost.parse().ok());
    [
        ("Requests", "Count", Some(1.0)),
        ("Errors", "Count", Some(f64::from(u8::from(!went_well(record))))),
        ("FirstTokenMs", "Milliseconds", record.first_token_ms.map(number)),
        ("TotalMs", "Milliseconds", Some(number(record.total_ms))),
        ("Attempts", "Count", Some(number(record.attempts.len() as u64))),
        ("Fallbacks", "Count", Some(number(fallbacks(record)))),
        ("UpstreamFailures", "Count", Some(number(upstream_failures(record)))),
        ("BreakerSkips", "Count", Some(number(record.skipped.len() as u64))),
        ("BreakerOpenings", "Count", Some(number(record.opened.len() as u64))),
        ("CostUsd", "None", cost),
        ("InputTokens", "Count", known(|usage| usage.input)),
        ("OutputTokens", "Count", known(|usage| usage.output)),
    ]
}

/// How often a further link was taken.
fn fallbacks(record: &Record) -> u64 {
    let pairs = record.attempts.iter().zip(record.attempts.iter().skip(1));
    pairs.filter(|(before, after)| before.model != after.model).count() as u64
}

/// Attempts that failed and not by the request's own fault.
fn upstream_failures(record: &Record) -> u64 {
    let own =
        [FailureClass::InvalidRequest, FailureClass::ContextLength, FailureClass::ContentFilter];
    let classes = record.attempts.iter().filter_map(|attempt| attempt.class);
    classes.filter(|class| !own.contains(class)).count() as u64
}

/// Tokens and milliseconds are far below 2^53, up to which every whole number is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn number(whole: u64) -> f64 {
    whole as f64
}

/// The members that make a log line one of the embedded metric format.
#[derive(Serialize)]
pub(crate) struct Embedded {
    #[serde(rename = "_aws")]
    aws: Value,
    #[serde(flatten)]
    values: Map<String, Value>,
}

/// A request's numbers, and that its record has not failed so far.
pub(crate) fn embedded(record: &Record, now: SystemTime) -> Embedded {
    let mut numbers = of(record).to_vec();
    numbers.push(("AuditFailures", "Count", Some(0.0)));
    embed(&record.env, &numbers, now)
}

/// A request that was turned away before it had a plan.
pub(crate) fn embedded_refusal(env: &str, now: SystemTime) -> Embedded {
    embed(env, &[("Requests", "Count", Some(1.0)), ("Errors", "Count", Some(0.0))], now)
}

/// A record that could not be stored.
pub(crate) fn embedded_failure(env: &str, now: SystemTime) -> Embedded {
    embed(env, &[("AuditFailures", "Count", Some(1.0))], now)
}

/// The shared table that could not be asked.
#[cfg(feature = "aws")]
pub(crate) fn embedded_state_failure(env: &str, now: SystemTime) -> Embedded {
    embed(env, &[("StateFailures", "Count", Some(1.0))], now)
}

/// What of the configuration cannot be read, or is refused.
#[cfg(feature = "aws")]
pub(crate) fn embedded_trouble(env: &str, troubles: usize, now: SystemTime) -> Embedded {
    embed(env, &[("ConfigFailures", "Count", Some(number(troubles as u64)))], now)
}

fn embed(env: &str, numbers: &[Number], now: SystemTime) -> Embedded {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let known = numbers.iter().filter(|(_, _, value)| value.is_some());
    let metrics: Vec<Value> =
        known.map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut values: Map<String, Value> = numbers
        .iter()
        .filter_map(|(name, _, value)| Some(((*name).to_owned(), json!((*value)?))))
        .collect();
    values.insert(DIMENSION.into(), env.into());
    let aws = json!({
        "Timestamp": u64::try_from(since.as_millis()).unwrap_or_default(),
        "CloudWatchMetrics": [
            {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics},
        ],
    });
    Embedded { aws, values }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(attempts: Value) -> Record {
        let record = json!({
            "attempts": attempts, "draw": 0, "env": "prod", "facts": {"messages": 1, "tokens": 1},
            "cost_usd": "0.00128655", "first_token_ms": 700, "id": "req_1", "map": "m",
            "opened": ["a/a"], "outcome": "answered", "role": "r", "rule": "a:1", "status": 200, "time": "t",
            "total_ms": 2400, "version": 1,
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn a_request_is_counted_under_the_names_that_alarms_are_built_on() {
        let usage = json!({"cache_read": 0, "cache_write": 0, "input": 10, "output": 3});
        let record = record(json!([
            {"class": "overloaded", "ended_ms": 1, "model": "a/a", "started_ms": 0, "usage": usage},
            {"class": "invalid_request", "ended_ms": 2, "model": "a/a", "started_ms": 1},
            {"ended_ms": 3, "model": "b/b", "started_ms": 2, "usage": usage},
        ]));
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234);
        let line = serde_json::to_value(embedded(&record, now)).unwrap();
        let told = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&told["Namespace"], &told["Dimensions"]), (&json!("sfai"), &json!([["Env"]])));
        assert_eq!((&line["Env"], &line["_aws"]["Timestamp"]), (&json!("prod"), &json!(1_234)));
        for (name, value) in [
            ("Requests", 1.0),
            ("Errors", 0.0),
            ("FirstTokenMs", 700.0),
            ("TotalMs", 2400.0),
            ("Attempts", 3.0),
            ("Fallbacks", 1.0),
            ("UpstreamFailures", 1.0),
            ("BreakerSkips", 0.0),
            ("BreakerOpenings", 1.0),
            ("CostUsd", 0.00128655),
            ("InputTokens", 20.0),
            ("OutputTokens", 6.0),
            ("AuditFailures", 0.0),
        ] {
            assert_eq!(line[name].as_f64(), Some(value), "{name}");
            let metrics = told["Metrics"].as_array().unwrap();
            assert!(metrics.iter().any(|metric| metric["Name"] == name), "{name}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_metric() {
        let line = serde_json::to_value(embedded(&record(json!([])), SystemTime::now())).unwrap();
        assert!(line.get("InputTokens").is_none());
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(metrics.iter().all(|metric| metric["Name"] != "InputTokens"));
    }
}
