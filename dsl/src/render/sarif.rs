//! Findings as SARIF 2.1.0, for code scanning and for editors.
//!
//! Owns the part of SARIF that is used here; the words are the rules'.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{sentence, severity};
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::rules::{RULES, Rule};
use crate::span::{FileId, Sources, Span};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'d> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'d>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'d> {
    tool: Tool,
    /// SARIF counts UTF-16 units where nothing is said.
    column_kind: &'static str,
    results: Vec<Outcome<'d>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: &'static str,
    short_description: Text<'static>,
    full_description: Text<'static>,
    help: Help,
    default_configuration: Level,
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: String,
}

#[derive(Serialize)]
struct Text<'d> {
    text: std::borrow::Cow<'d, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'d> {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text<'d>,
    locations: [Location<'d>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'d>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Mend<'d>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'d>>,
}

#[derive(Serialize)]
struct Properties<'d> {
    env: &'d str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
    byte_offset: u32,
    byte_length: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mend<'d> {
    description: Text<'d>,
    artifact_changes: Vec<Change<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'d> {
    artifact_location: Artifact,
    replacements: Vec<Replacement<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'d> {
    deleted_region: Region,
    inserted_content: Text<'d>,
}

/// One SARIF log and a newline; every rule is described, so that a reader can tell "looked for and
/// not found" from "not looked for".
///
/// # Errors
/// Never for findings; the signature is the serializer's.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> Result<String, serde_json::Error> {
    let version = env!("CARGO_PKG_VERSION");
    let driver = Driver {
        name: env!("CARGO_PKG_NAME"),
        version,
        semantic_version: version,
        rules: RULES.iter().map(|rule| descriptor(rule)).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        column_kind: "unicodeCodePoints",
        results: findings.iter().map(|finding| outcome(sources, finding)).collect(),
    };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn descriptor(rule: &Rule) -> Descriptor {
    let example = |heading: &str, text: &str| format!("\n\n{heading}\n\n```sfr\n{text}```");
    let bad = example("Found in:", rule.bad.text);
    let good = example("Mended:", rule.good.text);
    Descriptor {
        id: rule.code.0,
        name: rule.name,
        short_description: text(rule.title),
        full_description: text(rule.doc),
        help: Help { text: rule.doc, markdown: format!("{}{bad}{good}\n", rule.doc) },
        default_configuration: Level { level: severity(rule.severity) },
    }
}

fn outcome<'d>(sources: &Sources, finding: &'d Diagnostic) -> Outcome<'d> {
    let help = finding.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    let related = finding.related.iter().enumerate().map(|(at, other)| Location {
        id: Some(at),
        physical_location: place(sources, other.span),
        message: Some(text(&other.message)),
    });
    let here = place(sources, finding.span);
    Outcome {
        rule_id: finding.code.0,
        rule_index: RULES.iter().position(|rule| rule.code == finding.code),
        level: severity(finding.severity),
        message: Text { text: format!("{}{help}", sentence(finding)).into() },
        locations: [Location { id: None, physical_location: here, message: None }],
        related_locations: related.collect(),
        fixes: finding.fix.iter().map(|fix| mend(sources, fix)).collect(),
        properties: finding.env.as_deref().map(|env| Properties { env }),
    }
}

fn mend<'d>(sources: &Sources, fix: &'d Fix) -> Mend<'d> {
    let mut by_file: BTreeMap<FileId, Vec<&'d Edit>> = BTreeMap::new();
    for edit in &fix.edits {
        by_file.entry(edit.span.file).or_default().push(edit);
    }
    let changes = by_file.into_iter().map(|(file, edits)| Change {
        artifact_location: artifact(sources, file),
        replacements: edits.into_iter().map(|edit| replacement(sources, edit)).collect(),
    });
    Mend { description: text(&fix.title), artifact_changes: changes.collect() }
}

fn replacement<'d>(sources: &Sources, edit: &'d Edit) -> Replacement<'d> {
    Replacement { deleted_region: region(sources, edit.span), inserted_content: text(&edit.text) }
}

fn text(text: &str) -> Text<'_> {
    Text { text: text.into() }
}

fn place(sources: &Sources, span: Span) -> Place {
    Place { artifact_location: artifact(sources, span.file), region: region(sources, span) }
}

fn artifact(sources: &Sources, file: FileId) -> Artifact {
    let path = sources.get(file).map_or("", |file| &file.path);
    Artifact { uri: uri(path), uri_base_id: "%SRCROOT%" }
}

fn region(sources: &Sources, span: Span) -> Region {
    let position = |byte| sources.get(span.file).map(|file| file.position(byte));
    let (start, end) = (position(span.start), position(span.end));
    Region {
        start_line: start.map_or(1, |at| at.line),
        start_column: start.map_or(1, |at| at.column),
        end_line: end.map_or(1, |at| at.line),
        end_column: end.map_or(1, |at| at.column),
        byte_offset: span.start,
        byte_length: span.end.saturating_sub(span.start),
    }
}

/// A relative path as a URI reference: all but RFC 3986's unreserved characters and `/` escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_becomes_a_reference_without_reserved_characters() {
        assert_eq!(super::uri("routes/a b:é.sfr"), "routes/a%20b%3A%C3%A9.sfr");
    }
}
