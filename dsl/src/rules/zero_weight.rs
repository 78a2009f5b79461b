//! A weight of nothing.
//!
//! Owns this one rule.

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR057"),
    name: "zero-weight",
    severity: Severity::Warning,
    title: "a weight is 0",
    doc: "A link with `0%` is never drawn, and the others of a draw are no fallbacks, so that it \
          gets no request at all.",
    bad: one("role coder {\n  route 100% sonnet | 0% haiku -> gpt\n}\n"),
    good: one("role coder {\n  route 90% sonnet | 10% haiku -> gpt\n}\n"),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let shares = subject.role.each_arm().iter().flat_map(|arm| &arm.draw);
    for share in shares.filter(|share| share.percent == 0) {
        let message = format!("`{}` is never drawn", share.link.model.key());
        let help = "give it a share, or take it away";
        findings.push(Diagnostic::warning(RULE.code, share.span, message).help(help));
    }
}
