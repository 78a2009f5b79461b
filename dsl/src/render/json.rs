//! Findings for programs, as one JSON object.
//!
//! Owns the JSON shape, which `format` versions.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::Tally;
use crate::diagnostic::{Diagnostic, Edit, Severity};
use crate::span::{Sources, Span};

/// The version of the shape; it rises when a field changes its meaning or goes away.
pub(super) const FORMAT: u32 = 1;

/// What `sfai-dsl check --format json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Findings of sfai-dsl")]
struct Report<'d> {
    /// The version of this shape: 1.
    format: u32,
    /// How many of the findings are errors.
    errors: usize,
    /// How many are warnings.
    warnings: usize,
    /// By path, line and column.
    findings: Vec<Finding<'d>>,
}

/// One finding.
#[derive(Serialize, JsonSchema)]
pub(super) struct Finding<'d> {
    /// The rule's stable code: `SFR010`.
    code: &'static str,
    /// How bad it is.
    severity: Level,
    /// What is wrong.
    message: &'d str,
    /// What to do.
    help: Option<&'d str>,
    /// The only environment in which this is so.
    env: Option<&'d str>,
    #[serde(flatten)]
    place: Place<'d>,
    /// Other places that belong to it.
    related: Vec<Related<'d>>,
    /// A mend that is certain.
    fix: Option<Fix<'d>>,
}

/// How bad a finding is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// Nothing is compiled.
    Error,
    /// It works, but hardly as meant.
    Warning,
}

/// Lines and columns count from 1, columns in characters; the span is in bytes.
#[derive(Serialize, JsonSchema)]
struct Place<'d> {
    /// Relative to the project's folder, with `/` on every system.
    path: &'d str,
    /// The line of its first character.
    line: u32,
    /// The column of its first character.
    column: u32,
    /// The line of the character after its last.
    end_line: u32,
    /// The column of the character after its last.
    end_column: u32,
    /// The same in bytes from the start of the file.
    span: Bytes,
}

/// A range of bytes.
#[derive(Serialize, JsonSchema)]
struct Bytes {
    /// The first.
    start: u32,
    /// The one after the last.
    end: u32,
}

/// Another place of a finding.
#[derive(Serialize, JsonSchema)]
struct Related<'d> {
    /// What it has to do with the finding.
    message: &'d str,
    #[serde(flatten)]
    place: Place<'d>,
}

/// Edits that mend a finding and change nothing else.
#[derive(Serialize, JsonSchema)]
struct Fix<'d> {
    /// What it does, as an order.
    title: &'d str,
    /// None overlap.
    edits: Vec<Replacement<'d>>,
}

/// The replacement of one range.
#[derive(Serialize, JsonSchema)]
struct Replacement<'d> {
    #[serde(flatten)]
    place: Place<'d>,
    /// What to put there.
    text: &'d str,
}

/// One JSON object and a newline.
///
/// # Errors
/// Never for findings; the signature is the serializer's.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> Result<String, serde_json::Error> {
    let Tally { errors, warnings } = Tally::of(findings);
    let findings = findings.iter().map(|one| finding(sources, one)).collect();
    let report = Report { format: FORMAT, errors, warnings, findings };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// The JSON Schema of [`render`]'s result.
pub fn schema() -> Schema {
    schema_for!(Report<'static>)
}

pub(super) fn finding<'d>(sources: &'d Sources, from: &'d Diagnostic) -> Finding<'d> {
    let related = from
        .related
        .iter()
        .map(|other| Related { message: &other.message, place: place(sources, other.span) });
    let fix = from.fix.as_ref().map(|fix| {
        let edit =
            |edit: &'d Edit| Replacement { place: place(sources, edit.span), text: &edit.text };
        Fix { title: &fix.title, edits: fix.edits.iter().map(edit).collect() }
    });
    Finding {
        code: from.code.0,
        severity: match from.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        message: &from.message,
        help: from.help.as_deref(),
        env: from.env.as_deref(),
        place: place(sources, from.span),
        related: related.collect(),
        fix,
    }
}

fn place(sources: &Sources, span: Span) -> Place<'_> {
    let bytes = Bytes { start: span.start, end: span.end };
    let Some(file) = sources.get(span.file) else {
        return Place { path: "", line: 1, column: 1, end_line: 1, end_column: 1, span: bytes };
    };
    let (start, end) = (file.position(span.start), file.position(span.end));
    Place {
        path: &file.path,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        span: bytes,
    }
}
