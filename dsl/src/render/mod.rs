//! What findings look like: one file a format.
//!
//! Owns the formats and that no secret is shown; what is found is in [`crate::rules`].

pub mod concise;
pub mod diff;
pub mod explain;
pub mod github;
pub mod human;
pub mod json;
pub mod jsonl;
pub mod models;
pub mod sarif;
pub mod status;
mod table;
pub mod test_run;
pub mod versions;

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Severity};
use crate::rules::{self, secret};
use crate::span::{FileId, SourceFile, Sources, Span};

/// The formats that findings can be shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people, with the source
    Human,
    /// One line a finding: `path:line:column: error[CODE] message`
    Concise,
    /// One JSON object
    Json,
    /// One JSON object a line, the first and last about the whole
    Jsonl,
    /// Workflow commands that GitHub Actions shows beside the code
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// The findings in a format; `look` is for people's alone.
///
/// # Errors
/// Never for findings; the signature is the serializer's.
pub fn render(
    format: Format,
    sources: &Sources,
    findings: &[Diagnostic],
    look: human::Look,
) -> Result<String, serde_json::Error> {
    let safe: Vec<Diagnostic> = findings.iter().map(masked).collect();
    match format {
        Format::Human => Ok(human::render(sources, &safe, look)),
        Format::Concise => Ok(concise::render(sources, &safe)),
        Format::Json => json::render(sources, &safe),
        Format::Jsonl => jsonl::render(sources, &safe),
        Format::Github => Ok(github::render(sources, &safe)),
        Format::Sarif => sarif::render(sources, &safe),
    }
}

/// The finding with nothing in its words that looks like a secret: some rules repeat what is
/// written. A fix that would have to repeat one is left out.
fn masked(finding: &Diagnostic) -> Diagnostic {
    let mut safe = finding.clone();
    let words = [Some(&mut safe.message), safe.help.as_mut()];
    let related = safe.related.iter_mut().map(|other| &mut other.message);
    for text in words.into_iter().flatten().chain(related) {
        *text = secret::mask(text);
    }
    safe.fix = safe.fix.filter(|fix| {
        let mut texts = fix.edits.iter().map(|edit| &edit.text).chain([&fix.title]);
        texts.all(|text| secret::find(text).is_empty())
    });
    safe
}

/// The message, with the environment where it is so in one only.
fn sentence(finding: &Diagnostic) -> String {
    let only = finding.env.as_ref().map(|env| format!(" (only in env {env})"));
    format!("{}{}", finding.message, only.unwrap_or_default())
}

/// What is written there, on one line and without anything that looks like a secret.
pub fn written(sources: &Sources, span: Span) -> String {
    let file = sources.get(span.file);
    let text = file.and_then(|file| file.text.get(span.range())).unwrap_or_default();
    secret::mask(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The word for a severity.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Tally {
    /// Counts.
    pub fn of(findings: &[Diagnostic]) -> Self {
        let errors = findings.iter().filter(|one| one.severity == Severity::Error).count();
        Self { errors, warnings: findings.len() - errors }
    }
}

/// "1 error", "2 errors".
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A text of others, without anything that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// A file's text as it may be shown: secrets as `*`, control characters as `?`, every byte where it
/// was.
pub fn shown<'t>(id: FileId, file: &'t SourceFile, findings: &[Diagnostic]) -> Cow<'t, str> {
    let mut secrets: Vec<_> = findings
        .iter()
        .filter(|finding| finding.span.file == id && rules::hides_source(finding.code))
        .map(|finding| finding.span.range())
        .collect();
    secrets.extend(secret::find(&file.text));
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    if secrets.is_empty() && !file.text.contains(is_control) {
        return Cow::Borrowed(&file.text);
    }
    let mut shown = String::with_capacity(file.text.len());
    for (at, c) in file.text.char_indices() {
        if c != '\n' && secrets.iter().any(|secret| secret.contains(&at)) {
            shown.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else if is_control(c) {
            shown.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}
