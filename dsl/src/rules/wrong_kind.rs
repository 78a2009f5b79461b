//! A value of another kind than its place needs.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR020"),
    name: "wrong-kind",
    severity: Severity::Error,
    title: "a value is of another kind",
    doc: "A duration carries its unit (`20s`, `1500ms`, `5m`), money its `$`, a string its \
          quotes; a plain number is none of these, so that nobody has to guess a unit.",
    bad: one("role coder {\n  route sonnet -> gpt\n  timeout total 300\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n  timeout total 300s\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(span: Span, wanted: &str, found: &str) -> Diagnostic {
    Diagnostic::error(RULE.code, span, format!("expected {wanted}, found {found}"))
        .help(format!("write {wanted}"))
}
