//! Findings as lines that editors and `grep` know: `path:line:column: error[SFR010] message`.
//!
//! Owns that line; what needs more than a line reads [`super::json`].

use super::{sentence, severity};
use crate::diagnostic::Diagnostic;
use crate::span::Sources;

/// One line a finding; nothing for none.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> String {
    findings.iter().map(|finding| line(sources, finding)).collect()
}

fn line(sources: &Sources, finding: &Diagnostic) -> String {
    let message = one_line(&sentence(finding));
    let head = format!("{}[{}] {message}\n", severity(finding.severity), finding.code.0);
    match sources.get(finding.span.file) {
        Some(file) => {
            let at = file.position(finding.span.start);
            format!("{}:{}:{}: {head}", one_line(&file.path), at.line, at.column)
        }
        None => head,
    }
}

/// A file's name may hold a newline, and so may what a message repeats.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
