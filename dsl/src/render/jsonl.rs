//! Findings for programs that read them one at a time: one JSON object a line.
//!
//! Owns the lines about the whole; a finding is [`super::json`]'s, and so is the version.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::Tally;
use super::json::{FORMAT, Finding, finding};
use crate::diagnostic::Diagnostic;
use crate::span::Sources;

/// One line of `sfai-dsl check --format jsonl`: first a header, then the findings, last a summary.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(title = "A line of findings of sfai-dsl")]
enum Line<'d> {
    /// The first line.
    Header {
        /// The version of this shape: 1.
        format: u32,
        /// `sfai-dsl`.
        tool: &'static str,
        /// The tool's own version.
        version: &'static str,
    },
    /// One finding.
    Finding(Finding<'d>),
    /// The last line; where it is missing the output was cut.
    Summary {
        /// How many of the findings are errors.
        errors: usize,
        /// How many are warnings.
        warnings: usize,
    },
}

/// A header, the findings, and a summary.
///
/// # Errors
/// Never for findings; the signature is the serializer's.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> Result<String, serde_json::Error> {
    let Tally { errors, warnings } = Tally::of(findings);
    let tool = env!("CARGO_PKG_NAME");
    let header = Line::Header { format: FORMAT, tool, version: env!("CARGO_PKG_VERSION") };
    let between = findings.iter().map(|one| Line::Finding(finding(sources, one)));
    let lines = [header].into_iter().chain(between).chain([Line::Summary { errors, warnings }]);
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(&line)?);
        text.push('\n');
    }
    Ok(text)
}

/// The JSON Schema of one line of [`render`]'s result.
pub fn schema() -> Schema {
    schema_for!(Line<'static>)
}
