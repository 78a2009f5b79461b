//! Findings for programs, as one JSON object.
//!
//! Owns the JSON shape, which `format` versions.

use serde::Serialize;

use super::Tally;
use crate::diagnostic::{Diagnostic, Edit, Severity};
use crate::span::{Sources, Span};

/// The version of the shape; it rises when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Report<'d> {
    format: u32,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding<'d>>,
}

#[derive(Serialize)]
struct Finding<'d> {
    code: &'static str,
    severity: &'static str,
    message: &'d str,
    help: Option<&'d str>,
    /// The only environment in which this is so.
    env: Option<&'d str>,
    #[serde(flatten)]
    place: Place<'d>,
    related: Vec<Related<'d>>,
    fix: Option<Fix<'d>>,
}

/// Lines and columns count from 1, columns in characters; the span is in bytes.
#[derive(Serialize)]
struct Place<'d> {
    path: &'d str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    span: Bytes,
}

#[derive(Serialize)]
struct Bytes {
    start: u32,
    end: u32,
}

#[derive(Serialize)]
struct Related<'d> {
    message: &'d str,
    #[serde(flatten)]
    place: Place<'d>,
}

#[derive(Serialize)]
struct Fix<'d> {
    title: &'d str,
    edits: Vec<Replacement<'d>>,
}

#[derive(Serialize)]
struct Replacement<'d> {
    #[serde(flatten)]
    place: Place<'d>,
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

fn finding<'d>(sources: &'d Sources, from: &'d Diagnostic) -> Finding<'d> {
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
            Severity::Error => "error",
            Severity::Warning => "warning",
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
