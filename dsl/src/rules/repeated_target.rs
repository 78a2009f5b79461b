//! A chain that lists a model twice.
//!
//! Owns this one rule.

use std::collections::BTreeMap;

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Program;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR040"),
    name: "repeated-target",
    severity: Severity::Warning,
    title: "a chain lists a model twice",
    doc: "A model that has just failed is asked again after others, under this or another name. \
          If a second try is meant, `retry` says so and waits in between; if another model is \
          meant, this is a slip.",
    bad: one("role coder {\n  route sonnet -> gpt -> sonnet\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt -> haiku\n}\n"),
    check: Some(check),
};

fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    let arms = program.roles.values().flat_map(|role| role.each_arm());
    for way in arms.flat_map(|arm| arm.ways()) {
        let mut first = BTreeMap::new();
        for link in way {
            let target = (link.model.provider.name.as_str(), link.model.id.as_str());
            let Some(before) = first.get(&target) else {
                first.insert(target, link.span);
                continue;
            };
            let key = link.model.key();
            let finding = Diagnostic::warning(
                RULE.code,
                link.span,
                format!("this chain lists `{key}` twice"),
            )
            .help("name another model, or write `retry` if a second try is meant")
            .related(*before, "it is listed here first");
            findings.push(finding);
        }
    }
}
