//! A chain that lists a model twice.
//!
//! Owns this one rule.

use std::collections::BTreeMap;

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Link;

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

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for way in subject.role.each_arm().iter().flat_map(|arm| arm.ways()) {
        if is_plain(&way) {
            continue;
        }
        let mut first = BTreeMap::new();
        for link in way {
            let Some(before) = first.get(&target(link)) else {
                first.insert(target(link), link.span);
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

/// Whether a chain is short and all of its models are others, which is so of nearly all.
fn is_plain(way: &[&Link]) -> bool {
    let is_other = |(at, link): (usize, &&Link)| {
        way.iter().take(at).all(|before| target(before) != target(link))
    };
    way.len() <= 8 && way.iter().enumerate().all(is_other)
}

fn target(link: &Link) -> (&str, &str) {
    (&link.model.provider.name, &link.model.id)
}
