//! A link whose window none of its requests fits into.
//!
//! Owns this one rule.

use model_map::{Condition, NumberFact, NumberTest};

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Arm, Link};

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR054"),
    name: "small-window",
    severity: Severity::Warning,
    title: "no request of the arm fits into a link's window",
    doc: "The arm's condition, the arms before it and the role's own prompt say how many tokens a \
          request has at least that gets here. The model's window is not over that, so that every \
          one of them fails there with `context_length`. `tokens` is an estimate; a window just \
          above the bound may be too small as well.",
    bad: one("model small = openai/small {\n  context 8_000\n}\n\nrole coder {\n  \
         when tokens > 10_000 route sonnet -> small\n  otherwise            route small -> sonnet\n}\n"),
    good: one("model small = openai/small {\n  context 8_000\n}\n\nrole coder {\n  \
         when tokens > 10_000 route sonnet -> gpt\n  otherwise            route small -> sonnet\n}\n"),
    check: None,
};

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    for (arm, goals) in one.reached() {
        let bound = bound(one, &goals);
        // Windows are nearly always far above every bound; then there is nothing to work out.
        let is_small = |link: &&Link| window(link).is_some_and(|window| window <= bound);
        let small: Vec<_> = arm.links().filter(is_small).collect();
        if small.is_empty() {
            continue;
        }
        let least = one.requests.least_tokens(&goals);
        let least = least.unwrap_or_else(|| one.requests.prompt_tokens());
        findings.extend(small.into_iter().filter_map(|link| finding(arm, link, least)));
    }
}

/// A number of tokens that the fewest of a request which takes the arm do not exceed: those of the
/// prompt, or where some test begins to pass or to fail.
fn bound(one: &RoleOutlook<'_>, goals: &[(&Condition, bool)]) -> u64 {
    let mut bound = one.requests.prompt_tokens();
    for (condition, _) in goals {
        condition.each_leaf(&mut |leaf| {
            if let Condition::Number(NumberTest { at_least, at_most, fact: NumberFact::Tokens }) =
                leaf
            {
                let above = at_most.map(|most| most.saturating_add(1));
                bound = [*at_least, above].into_iter().flatten().fold(bound, u64::max);
            }
        });
    }
    bound
}

fn window(link: &Link) -> Option<u64> {
    let facts = &link.model.facts;
    facts.input.into_iter().chain(facts.context).min()
}

fn finding(arm: &Arm, link: &Link, least: u64) -> Option<Diagnostic> {
    let window = window(link).filter(|window| *window <= least)?;
    let message = format!(
        "`{}` takes {window} tokens, and a request that gets here has at least {least}",
        link.model.key()
    );
    let help = "name a model with a larger window";
    let finding = Diagnostic::warning(RULE.code, link.span, message).help(help);
    Some(match &arm.when {
        Some(when) => finding.related(when.span, "the requests that get here"),
        None => finding,
    })
}
