//! Parts of the language that this version reads but cannot compile.
//!
//! Owns this one rule; what the version cannot even read is a syntax finding.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR025"),
    name: "not-yet",
    severity: Severity::Error,
    title: "this version cannot compile that yet",
    doc: "The protocols `bedrock` and `demo`, and `system append` and `system replace`, belong to \
          the language, but the map of this version has no place for them. Compiling without them \
          would silently do something else.",
    bad: one("role coder {\n  system replace \"You write code.\"\n  route sonnet -> gpt\n}\n"),
    good: one("role coder {\n  system \"You write code.\"\n  route sonnet -> gpt\n}\n"),
    check: None,
};

/// A mode of `system`.
pub fn system_mode(span: Span) -> Diagnostic {
    let message = "this version can only put the role's prompt before the client's";
    Diagnostic::error(RULE.code, span, message).help("write `system` without `append` or `replace`")
}

/// A protocol.
pub fn protocol(word: &str, span: Span) -> Diagnostic {
    let message = format!("this version does not speak the protocol `{word}`");
    Diagnostic::error(RULE.code, span, message).help("write `openai` or `anthropic`")
}
