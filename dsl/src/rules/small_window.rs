//! A link whose window none of its requests fits into.
//!
//! Owns this one rule.

use model_map::{Condition, NumberFact, NumberTest};

use super::outlook::{Outlook, RoleOutlook};
use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Arm, Link, Program};

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

pub(super) fn check(_: &Program, outlook: &Outlook<'_>, findings: &mut Vec<Diagnostic>) {
    for one in &outlook.roles {
        for (arm, goals) in one.reached() {
            let small: Vec<_> = arm.links().filter(|link| window(link).is_some()).collect();
            if small.is_empty() {
                continue;
            }
            let least = least(one, &goals);
            findings.extend(small.into_iter().filter_map(|link| finding(arm, link, least)));
        }
    }
}

/// The fewest tokens that a request has which takes the arm.
fn least(one: &RoleOutlook<'_>, goals: &[(&Condition, bool)]) -> u64 {
    let prompt = one.requests.prompt_tokens();
    let mut asks = false;
    for (condition, _) in goals {
        condition.each_leaf(&mut |leaf| {
            let is_tokens =
                matches!(leaf, Condition::Number(NumberTest { fact: NumberFact::Tokens, .. }));
            asks |= is_tokens;
        });
    }
    if asks { one.requests.least_tokens(goals).unwrap_or(prompt) } else { prompt }
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
