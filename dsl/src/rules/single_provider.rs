//! A chain that one provider's outage breaks.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Program, Route};

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

fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    let routes = program.roles.values().filter_map(|role| role.route.as_ref());
    findings.extend(routes.filter(|route| route.is_whole).filter_map(|route| finding(route)));
}

fn finding(route: &Route) -> Option<Diagnostic> {
    let (first, rest) = route.links.split_first()?;
    let provider = &first.model.provider.name;
    if rest.iter().any(|link| link.model.provider.name != *provider) {
        return None;
    }
    let message = format!("every link of this chain is at `{provider}`");
    let help = "add a link at another provider, so that an outage of this one is survived";
    Some(Diagnostic::warning(RULE.code, route.span, message).help(help))
}
