//! An arm whose requests are all taken before.
//!
//! Owns this one rule; a condition that holds for no request at all has another.

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::analysis::Reach;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Arm;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR052"),
    name: "hidden-arm",
    severity: Severity::Warning,
    title: "an arm is hidden by those before it",
    doc: "The first arm whose condition holds decides. Every request that this arm could take is \
          taken by one before it, so that it never decides anything. Arms may overlap: what is \
          found is an arm that is hidden wholly, by one other or by several together. Put the \
          narrower arm first, or take this one away.",
    bad: one("role coder {\n  when tokens > 1_000   route sonnet -> gpt\n  \
         when tokens > 200_000 route gpt -> sonnet\n  otherwise             route haiku -> gpt\n}\n"),
    good: one("role coder {\n  when tokens > 200_000 route gpt -> sonnet\n  \
         when tokens > 1_000   route sonnet -> gpt\n  otherwise             route haiku -> gpt\n}\n"),
    check: None,
};

/// The most arms that a finding points at.
const MOST_RELATED: usize = 4;

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    for (reach, arm) in one.reach.iter().zip(one.arms) {
        if let Reach::Hidden { by } = reach {
            findings.push(finding(one, arm, by));
        }
    }
}

fn finding(one: &RoleOutlook<'_>, arm: &Arm, by: &[usize]) -> Diagnostic {
    let (message, help) = match (&arm.when, by.len()) {
        (None, _) => (
            "the arms before it take every request".to_owned(),
            "take it away, or make one of them narrower",
        ),
        (Some(_), 1) => (
            "every request that this could take is taken by an arm before it".to_owned(),
            "put this arm before the wider one, or take it away",
        ),
        (Some(_), count) => (
            format!("every request that this could take is taken by {count} arms before it"),
            "put this arm before them, or take it away",
        ),
    };
    let span = arm.when.as_ref().map_or(arm.span, |when| when.span);
    let finding = Diagnostic::warning(RULE.code, span, message).help(help);
    let hiding = by.iter().take(MOST_RELATED).filter_map(|at| one.arms.get(*at));
    hiding.fold(finding, |finding, arm| {
        let span = arm.when.as_ref().map_or(arm.span, |when| when.span);
        finding.related(span, "this takes them")
    })
}
