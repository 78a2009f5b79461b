//! `retry` on a class of failure that a repetition never mends.
//!
//! Owns this one rule.

use model_map::FailureClass;

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Edit, Fix, Severity};
use crate::span::Span;
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR021"),
    name: "never-retried",
    severity: Severity::Error,
    title: "a class of failure is never retried",
    doc: "Only `network`, `rate_limit`, `overloaded` and `server_error` can go away by asking the \
          same link again. A link that stayed silent (`timeout`) is left at once, and the others \
          come back the same; the next link of the chain is what helps.",
    bad: one("role coder {\n  route sonnet -> gpt\n  retry 1 on network, timeout\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n  retry 1 on network\n}\n"),
    check: None,
};

/// The finding for `name`, which is the one at `at` of `names`.
pub fn finding(class: FailureClass, name: &Name, names: &[Name], at: usize) -> Diagnostic {
    let message = format!("`{class}` is never retried");
    let help = "retried are `network`, `rate_limit`, `overloaded` and `server_error`; \
                after the others the next link is taken";
    let mut finding = Diagnostic::error(RULE.code, name.span, message).help(help);
    finding.fix = without(name, names, at);
    finding
}

/// The edit that takes `name`, the one at `at`, out of a list; none if it is the only one.
pub(super) fn without(name: &Name, names: &[Name], at: usize) -> Option<Fix> {
    let before = at.checked_sub(1).and_then(|at| names.get(at));
    let span = match (before, names.get(at + 1)) {
        (Some(before), _) => Span { start: before.span.end, ..name.span },
        (None, Some(next)) => Span { end: next.span.start, ..name.span },
        (None, None) => return None,
    };
    let edits = vec![Edit { span, text: String::new() }];
    Some(Fix { title: format!("take `{}` away", name.text), edits })
}
