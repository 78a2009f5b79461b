//! What findings look like: one file a format.
//!
//! Owns the formats and that no secret is shown; what is found is in [`crate::rules`].

pub mod human;
pub mod json;
pub mod models;

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Severity};
use crate::rules;
use crate::span::{FileId, SourceFile};

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

/// A file's text as it may be shown: secrets as `*`, control characters as `?`, every byte where it
/// was.
pub fn shown<'t>(id: FileId, file: &'t SourceFile, findings: &[Diagnostic]) -> Cow<'t, str> {
    let secrets: Vec<_> = findings
        .iter()
        .filter(|finding| finding.span.file == id && rules::hides_source(finding.code))
        .map(|finding| finding.span.range())
        .collect();
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
