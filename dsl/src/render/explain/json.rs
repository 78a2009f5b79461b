//! Explanations for programs, as one JSON object.
//!
//! Owns the JSON shape, which `format` versions.

use std::time::Duration;

use model_map::RequestFacts;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::explain::{self, Clause, Explained, Verdict, Way};
use crate::render::human::Look;
use crate::render::written;
use crate::rules::{Example, Rule};
use crate::span::Sources;

/// The version of the shape; it rises when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

/// What `sfai-dsl explain --format json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "An explanation of sfai-dsl")]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Report<'e> {
    /// A role.
    Role(RoleReport<'e>),
    /// A rule.
    Rule(RuleReport<'e>),
}

/// What a role does with a request.
#[derive(Serialize, JsonSchema)]
struct RoleReport<'e> {
    /// The version of this shape: 1.
    format: u32,
    /// The role's name.
    role: &'e str,
    /// Where it is declared: `routes/backend.sfr:31`.
    place: String,
    /// One line for people.
    about: Option<&'e str>,
    /// The request; `tokens` with the role's own prompt, as conditions see it.
    request: &'e RequestFacts,
    /// The part of the tokens that is the role's prompt.
    prompt_tokens: u64,
    /// Whether the request's client may ask for the role; if not, nothing below happens.
    may_ask: bool,
    /// In the order in which they are tried.
    arms: Vec<ClauseReport<'e>>,
    /// Guarded blocks, in the order in which they apply.
    guards: Vec<ClauseReport<'e>>,
    /// What is in effect for this request.
    fields: Vec<FieldReport<'e>>,
    /// Each chain that the request may get, one a draw.
    chains: Vec<ChainReport<'e>>,
}

/// An arm or a guarded block.
#[derive(Serialize, JsonSchema)]
struct ClauseReport<'e> {
    /// Where it is.
    place: String,
    /// As it is written, on one line.
    text: String,
    /// What became of it.
    verdict: VerdictReport,
    /// The tests of its condition, in the order of the text.
    tests: Vec<TestReport<'e>>,
}

/// What became of an arm or a guarded block.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictReport {
    /// The arm takes the request; the block applies.
    Applies,
    /// Its condition does not hold.
    Fails,
    /// An arm before it takes the request.
    NotAsked,
}

/// A test of a condition.
#[derive(Serialize, JsonSchema)]
struct TestReport<'e> {
    /// As it is written: `tokens > 200_000`.
    test: &'e str,
    /// Whether it holds.
    holds: bool,
    /// What the request has: `it has 1_203`.
    has: &'e str,
}

/// A field in effect.
#[derive(Serialize, JsonSchema)]
struct FieldReport<'e> {
    /// As it is written: `timeout connect`.
    name: &'e str,
    /// As it would be written.
    value: &'e str,
    /// Where it is; none for a built-in one.
    place: Option<String>,
}

/// A chain.
#[derive(Serialize, JsonSchema)]
struct ChainReport<'e> {
    /// How many of a hundred conversations get it; none where nothing is drawn.
    percent: Option<u32>,
    /// Whether the request's own conversation gets it; none where that is not known.
    is_drawn: Option<bool>,
    /// In the order in which they are tried.
    links: Vec<LinkReport<'e>>,
    /// The longest before an answer begins.
    longest_ms: u64,
    /// The most attempts.
    attempts: u64,
    /// The most that it costs, in millionths of a US dollar; none where that cannot be known.
    micro_dollars: Option<u64>,
}

/// A link of a chain.
#[derive(Serialize, JsonSchema)]
struct LinkReport<'e> {
    /// Where it is.
    place: String,
    /// The alias of its model.
    model: &'e str,
    /// `provider/model-id`.
    key: &'e str,
    /// How often it is tried at most.
    tries: u32,
    /// When the next one is taken at the latest.
    given_up_by_ms: u64,
}

/// A rule's page.
#[derive(Serialize, JsonSchema)]
struct RuleReport<'e> {
    /// The version of this shape: 1.
    format: u32,
    /// Its stable code: `SFR010`.
    code: &'e str,
    /// Its name.
    name: &'e str,
    /// `error` or `warning`.
    severity: &'e str,
    /// What it finds, in a few words.
    title: &'e str,
    /// Why that is bad and what to do, in Markdown.
    doc: &'e str,
    /// The files of an example that fails.
    bad: Vec<FileReport>,
    /// What `check` says of it, as people see it.
    says: String,
    /// The same, mended.
    good: Vec<FileReport>,
}

/// A file of an example.
#[derive(Serialize, JsonSchema)]
struct FileReport {
    /// From the project's folder.
    path: &'static str,
    /// What it holds.
    text: String,
}

/// A role: one JSON object and a newline.
///
/// # Errors
/// Never for explanations; the signature is the serializer's.
pub fn json(sources: &Sources, explained: &Explained) -> Result<String, serde_json::Error> {
    let fields = explained.fields.iter().map(|field| FieldReport {
        name: field.name,
        value: &field.value,
        place: field.span.map(|span| sources.place(span)),
    });
    print(&Report::Role(RoleReport {
        format: FORMAT,
        role: &explained.role,
        place: sources.place(explained.span),
        about: explained.about.as_deref(),
        request: &explained.facts,
        prompt_tokens: explained.prompt_tokens,
        may_ask: explained.may_ask,
        arms: clauses(sources, &explained.arms),
        guards: clauses(sources, &explained.guards),
        fields: fields.collect(),
        chains: explained.ways.iter().map(|way| chain(sources, way)).collect(),
    }))
}

/// A rule: one JSON object and a newline.
///
/// # Errors
/// Never for rules; the signature is the serializer's.
pub fn rule_json(rule: &Rule) -> Result<String, serde_json::Error> {
    let files = |of: &Example| {
        let files = explain::rule::files(of).into_iter();
        files.map(|(path, text)| FileReport { path, text }).collect()
    };
    print(&Report::Rule(RuleReport {
        format: FORMAT,
        code: rule.code.0,
        name: rule.name,
        severity: crate::render::severity(rule.severity),
        title: rule.title,
        doc: rule.doc,
        bad: files(&rule.bad),
        says: explain::rule::findings(&rule.bad, Look::PLAIN),
        good: files(&rule.good),
    }))
}

fn print(report: &Report<'_>) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

/// The JSON Schema of what is printed.
pub fn schema() -> Schema {
    schema_for!(Report<'static>)
}

fn clauses<'e>(sources: &Sources, all: &'e [Clause]) -> Vec<ClauseReport<'e>> {
    all.iter().map(|one| clause(sources, one)).collect()
}

fn clause<'e>(sources: &Sources, clause: &'e Clause) -> ClauseReport<'e> {
    let tests = clause.reasons.iter();
    ClauseReport {
        place: sources.place(clause.span),
        text: written(sources, clause.span),
        verdict: match clause.verdict {
            Verdict::Applies => VerdictReport::Applies,
            Verdict::Fails => VerdictReport::Fails,
            Verdict::NotAsked => VerdictReport::NotAsked,
        },
        tests: tests
            .map(|it| TestReport { test: &it.test, holds: it.holds, has: &it.has })
            .collect(),
    }
}

fn chain<'e>(sources: &Sources, way: &'e Way) -> ChainReport<'e> {
    let links = way.links.iter().map(|link| LinkReport {
        place: sources.place(link.span),
        model: &link.alias,
        key: &link.key,
        tries: link.tries,
        given_up_by_ms: millis(link.given_up_by),
    });
    ChainReport {
        percent: way.percent,
        is_drawn: way.is_drawn,
        links: links.collect(),
        longest_ms: millis(way.longest),
        attempts: way.attempts,
        micro_dollars: way.micro_dollars,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
