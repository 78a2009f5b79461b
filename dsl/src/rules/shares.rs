//! Shares of a draw that do not add up, or stand behind their model.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR030"),
    name: "shares",
    severity: Severity::Error,
    title: "shares do not add up to 100 %",
    doc: "Every request is drawn one first link, so that the shares of a draw are parts of 100. \
          They are not scaled: a share that was forgotten or changed alone would silently change \
          the others.",
    bad: one("role coder {\n  route 90% sonnet | 20% haiku -> gpt\n}\n"),
    good: one("role coder {\n  route 80% sonnet | 20% haiku -> gpt\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(span: Span, sum: u64) -> Diagnostic {
    let message = format!("the shares add up to {sum}%, not 100%");
    let help = if sum < 100 {
        format!("{}% of the requests would go nowhere: add to one of them", 100 - sum)
    } else {
        format!("take {}% away from one of them", sum - 100)
    };
    Diagnostic::error(RULE.code, span, message).help(help)
}

/// A share by its constant behind its model.
pub fn late(model: &str, share: &str, span: Span) -> Diagnostic {
    let mend = format!("{share} {model}");
    Diagnostic::error(RULE.code, span, "a share stands before its model")
        .help(format!("write `{mend}`"))
        .fix(format!("write `{mend}`"), span, mend)
}
