//! A chain that one provider's outage breaks.
//!
//! Owns this one rule.

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Arm;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR041"),
    name: "single-provider",
    severity: Severity::Warning,
    title: "a chain has no second provider",
    doc: "When a provider is down, all of its models are. A chain survives that only with a link \
          at another provider.",
    bad: one("role coder {\n  route gpt -> gpt_mini\n}\n"),
    good: one("role coder {\n  route gpt -> gpt_mini -> haiku\n}\n"),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let whole = subject.role.each_arm().iter().filter(|arm| arm.is_whole);
    findings.extend(whole.filter_map(finding));
}

/// Of several draws the first that lacks a second provider is enough.
fn finding(arm: &Arm) -> Option<Diagnostic> {
    let provider = arm.ways().into_iter().find_map(|way| {
        let (first, rest) = way.split_first()?;
        let provider = &first.model.provider.name;
        let is_lone = rest.iter().all(|link| link.model.provider.name == *provider);
        is_lone.then(|| provider.clone())
    })?;
    let message = match arm.draw.is_empty() {
        true => format!("every link of this chain is at `{provider}`"),
        false => format!("in one of its draws every link of this chain is at `{provider}`"),
    };
    let help = "add a link at another provider, so that an outage of this one is survived";
    Some(Diagnostic::warning(RULE.code, arm.route, message).help(help))
}
