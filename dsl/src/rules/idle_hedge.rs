//! A hedge that never starts.
//!
//! Owns this one rule.

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Role;
use crate::spell;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR056"),
    name: "idle-hedge",
    severity: Severity::Warning,
    title: "a hedge never starts",
    doc: "`hedge after D` starts the next link beside one that has shown no token by then. When \
          `first_token` is over by then, or there is no next link, it does nothing.",
    bad: one("role coder {\n  route sonnet -> gpt\n  hedge after 30s\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n  hedge after 3s\n}\n"),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let whole = Some(subject.role).filter(|role| role.is_whole);
    findings.extend(whole.and_then(finding));
}

fn finding(role: &Role) -> Option<Diagnostic> {
    let hedge = role.hedge?;
    let span = hedge.span.unwrap_or(role.name);
    let arms = role.each_arm();
    let has_next =
        arms.iter().any(|arm| !arm.is_whole || arm.ways().iter().any(|way| way.len() > 1));
    if !has_next {
        let message = "this hedge has no second link to start";
        let help = "add a link to the chain, or take the hedge away";
        return Some(Diagnostic::warning(RULE.code, span, message).help(help));
    }
    let guarded = role.guards.iter().map(|guard| role.timeouts.with(&guard.timeouts));
    let longest =
        guarded.chain([role.timeouts]).map(|times| times.first_token).max_by_key(|it| it.value)?;
    if hedge.value < longest.value {
        return None;
    }
    let (after, first_token) = (spell::duration(hedge.value), spell::duration(longest.value));
    let message = format!("after {after} `first_token`, {first_token}, is over");
    let help = format!("hedge after less than {first_token}");
    let finding = Diagnostic::warning(RULE.code, span, message).help(help);
    Some(match longest.span {
        Some(span) => finding.related(span, "an attempt ends here"),
        None => finding,
    })
}
