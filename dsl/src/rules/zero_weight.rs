//! A weight of nothing.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Program;

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

fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    let arms = program.roles.values().flat_map(|role| role.each_arm());
    for share in arms.flat_map(|arm| &arm.draw).filter(|share| share.percent == 0) {
        let message = format!("`{}` is never drawn", share.link.model.key());
        let help = "give it a share, or take it away";
        findings.push(Diagnostic::warning(RULE.code, share.span, message).help(help));
    }
}
