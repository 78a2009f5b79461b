//! Results of tests for programs, as one JSON object.
//!
//! Owns the JSON shape, which `format` versions.

use std::collections::BTreeMap;
use std::time::Duration;

use model_map::FailureClass;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::span::{Sources, Span};
use crate::test_run::{Outcome, Part, Tested, Tried, TriedEnd};

/// The version of the shape; it rises when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

/// What `sfai-dsl test --format json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Results of the tests of sfai-dsl")]
struct Report<'o> {
    /// The version of this shape: 1.
    format: u32,
    /// How many tests passed.
    passed: usize,
    /// How many failed.
    failed: usize,
    /// In the order of the files and their text.
    tests: Vec<Test<'o>>,
    /// What the tests reach of the program.
    coverage: Coverage<'o>,
}

/// A test.
#[derive(Serialize, JsonSchema)]
struct Test<'o> {
    /// What it shows.
    name: &'o str,
    /// Where it is: `routes/backend.sfr:70`.
    place: String,
    /// Whether every expectation holds in every draw.
    passed: bool,
    /// The expectations that do not.
    failures: Vec<Failure<'o>>,
}

/// An expectation that does not hold, and the first play that shows it.
#[derive(Serialize, JsonSchema)]
struct Failure<'o> {
    /// Where it is.
    place: String,
    /// What was expected, in words.
    expected: &'o str,
    /// What happened, in words.
    happened: &'o str,
    /// The alias of the link that is drawn, where one is drawn.
    drawn: Option<&'o str>,
    /// Where the arm is that took the request; none if it was refused.
    rule: Option<String>,
    /// In the order in which they were started.
    attempts: Vec<Attempt<'o>>,
}

/// An attempt; times are in milliseconds since the request came in.
#[derive(Serialize, JsonSchema)]
struct Attempt<'o> {
    /// The alias of the model.
    model: &'o str,
    /// `provider/model-id`.
    key: &'o str,
    /// When it was called.
    called_at_ms: u64,
    /// When it ended.
    ended_at_ms: u64,
    /// How.
    end: End,
    /// How it failed.
    class: Option<FailureClass>,
    /// With which status, if it had one.
    status: Option<u16>,
}

/// How an attempt ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    /// With its first token.
    Answered,
    /// It failed.
    Failed,
    /// It was cancelled, since another's first token came first.
    Superseded,
}

/// What tests reach.
#[derive(Serialize, JsonSchema)]
struct Coverage<'o> {
    /// The arms; one that several roles share counts once.
    arms: Share<'o>,
    /// The links of all arms.
    links: Share<'o>,
}

/// How much of it.
#[derive(Serialize, JsonSchema)]
struct Share<'o> {
    /// How many a test reaches.
    covered: usize,
    /// How many there are.
    total: usize,
    /// The others.
    uncovered: Vec<Uncovered<'o>>,
}

/// What no test reaches.
#[derive(Serialize, JsonSchema)]
struct Uncovered<'o> {
    /// Where it is.
    place: String,
    /// The role that has it.
    role: &'o str,
    /// As it is written.
    text: &'o str,
}

/// One JSON object and a newline.
///
/// # Errors
/// Never for results; the signature is the serializer's.
pub fn json(sources: &Sources, outcome: &Outcome) -> Result<String, serde_json::Error> {
    let failed = outcome.failed();
    let report = Report {
        format: FORMAT,
        passed: outcome.tests.len() - failed,
        failed,
        tests: outcome.tests.iter().map(|tested| test(sources, tested)).collect(),
        coverage: Coverage {
            arms: share(sources, &outcome.coverage.arms),
            links: share(sources, &outcome.coverage.links),
        },
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// The JSON Schema of [`json`]'s result.
pub fn schema() -> Schema {
    schema_for!(Report<'static>)
}

fn test<'o>(sources: &Sources, tested: &'o Tested) -> Test<'o> {
    let failures = tested.misses.iter().map(|miss| Failure {
        place: sources.place(miss.span),
        expected: &miss.expected,
        happened: &miss.happened,
        drawn: miss.drawn.as_deref(),
        rule: miss.arm.map(|arm| sources.place(arm)),
        attempts: miss.attempts.iter().map(attempt).collect(),
    });
    Test {
        name: &tested.name,
        place: sources.place(tested.span),
        passed: tested.misses.is_empty(),
        failures: failures.collect(),
    }
}

fn attempt(tried: &Tried) -> Attempt<'_> {
    let (end, class, status) = match tried.end {
        TriedEnd::Answered => (End::Answered, None, None),
        TriedEnd::Superseded => (End::Superseded, None, None),
        TriedEnd::Failed { class, status } => (End::Failed, Some(class), status),
    };
    let (called_at_ms, ended_at_ms) = (millis(tried.called_at), millis(tried.ended_at));
    Attempt { model: &tried.alias, key: &tried.key, called_at_ms, ended_at_ms, end, class, status }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn share<'o>(sources: &Sources, parts: &'o BTreeMap<Span, Part>) -> Share<'o> {
    let left = parts.iter().filter(|(_, part)| !part.is_covered);
    let uncovered: Vec<_> = left
        .map(|(span, part)| Uncovered {
            place: sources.place(*span),
            role: &part.role,
            text: &part.text,
        })
        .collect();
    Share { covered: parts.len() - uncovered.len(), total: parts.len(), uncovered }
}
