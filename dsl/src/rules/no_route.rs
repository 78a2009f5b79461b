//! A role that leads nowhere.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR014"),
    name: "no-route",
    severity: Severity::Error,
    title: "a role has no route",
    doc: "A request for the role could be sent nowhere. A role has the `route` that it writes, \
          else that of the role it is `like`, else that of `defaults`.",
    bad: one("role coder {\n  about \"Coding\"\n}\n"),
    good: one("role coder {\n  about \"Coding\"\n  route sonnet -> gpt\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(role: &Name) -> Diagnostic {
    let message = format!("role `{}` has no route", role.text);
    Diagnostic::error(RULE.code, role.span, message).help("write `route MODEL -> MODEL` in it")
}
