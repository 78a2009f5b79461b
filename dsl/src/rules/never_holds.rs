//! A `when` that holds for no request.
//!
//! Owns this one rule; an arm whose requests are all taken before has another.

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::analysis::{Reach, Verdict};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::When;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR051"),
    name: "never-holds",
    severity: Severity::Warning,
    title: "a condition holds for no request",
    doc: "No request makes this `when` true, so that what it guards never applies. The values \
          decide, not the text: `tokens > 10 and tokens < 5` and `not (stream or not stream)` are \
          both found. `tokens` counts the role's own prompt, so that it is never below that; a \
          client that may not ask for the role sends it nothing.",
    bad: one("role coder {\n  when tokens > 10_000 and tokens < 5_000 route gpt -> sonnet\n  \
         otherwise                               route sonnet -> gpt\n}\n"),
    good: one("role coder {\n  when tokens < 10_000 and tokens > 5_000 route gpt -> sonnet\n  \
         otherwise                               route sonnet -> gpt\n}\n"),
    check: None,
};

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    let never = one.reach.iter().zip(one.arms).filter(|(reach, _)| **reach == Reach::Never);
    findings.extend(never.filter_map(|(_, arm)| arm.when.as_ref()).map(finding));
    let is_dead =
        |when: &&When| one.requests.satisfiable(&[(&when.condition, true)]) == Verdict::No;
    let guards = one.role.guards.iter().map(|guard| &guard.when);
    findings.extend(guards.filter(is_dead).map(finding));
}

fn finding(when: &When) -> Diagnostic {
    let message = "no request makes this condition true";
    let help = "mend the condition, or take away what it guards";
    Diagnostic::warning(RULE.code, when.span, message).help(help)
}
