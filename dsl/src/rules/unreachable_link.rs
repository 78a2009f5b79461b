//! A link that no failure leads to.
//!
//! Owns this one rule; a chain that has no time for its links is found by `timeouts`.

use model_map::FailureClass;

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Link;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR053"),
    name: "unreachable-link",
    severity: Severity::Warning,
    title: "no failure leads to a link",
    doc: "`fallback on context_length` alone moves on only when the input does not fit, and then \
          skips links whose window is not larger than that of the one that failed. A link with \
          such a window is never taken. Name a model with a larger window, or more classes.",
    bad: one("model small = openai/small {\n  context 8_000\n}\n\nrole coder {\n  \
         route    sonnet -> small\n  fallback on context_length\n}\n"),
    good: one("model small = openai/small {\n  context 8_000\n}\n\nrole coder {\n  \
         route    small -> sonnet\n  fallback on context_length\n}\n"),
    check: None,
};

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    let mut classes = one.role.fallback.value.iter();
    let is_only_length = classes.all(|class| *class == FailureClass::ContextLength);
    if !is_only_length || one.role.hedge.is_some() {
        return;
    }
    for way in one.reached().flat_map(|(arm, _)| arm.ways()) {
        walk(&way, findings);
    }
}

/// Goes along a chain as the router does.
fn walk(way: &[&Link], findings: &mut Vec<Diagnostic>) {
    let mut too_small: Option<(u64, &Link)> = None;
    for link in way {
        let window = link.model.facts.context;
        match (window, too_small) {
            (Some(window), Some((before, failed))) if window <= before => {
                let message = format!(
                    "no failure leads to `{}`: its window, {window} tokens, is not larger than that \
                     of `{}`",
                    link.model.key(),
                    failed.model.key()
                );
                let help = "name a model with a larger window, or more classes in `fallback`";
                let finding = Diagnostic::warning(RULE.code, link.span, message).help(help);
                findings.push(finding.related(failed.span, "when this fails it is skipped"));
            }
            (Some(window), _) => too_small = Some((window, link)),
            (None, _) => {}
        }
    }
}
