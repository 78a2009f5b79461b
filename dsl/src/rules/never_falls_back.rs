//! `fallback` on a failure that no other link mends.
//!
//! Owns this one rule.

use super::never_retried::without;
use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR031"),
    name: "never-falls-back",
    severity: Severity::Error,
    title: "an invalid request never moves to the next link",
    doc: "`invalid_request` says that the request itself is wrong, so that every link refuses it: \
          asking them all would only make the client wait for the same answer. What only one link \
          cannot take goes to the next one anyway.",
    bad: one("role coder {\n  route sonnet -> gpt\n  fallback on overloaded, invalid_request\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n  fallback on overloaded\n}\n"),
    check: None,
};

/// The finding for `name`, which is the one at `at` of `names`.
pub fn finding(name: &Name, names: &[Name], at: usize) -> Diagnostic {
    let message = format!("after `{}` no other link is asked", name.text);
    let mut finding = Diagnostic::error(RULE.code, name.span, message)
        .help("take it away: the client gets the refusal at once, and can mend its request");
    finding.fix = without(name, names, at);
    finding
}
