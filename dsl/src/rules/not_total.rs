//! Arms that leave a request without a way.
//!
//! Owns this one rule and its words; what arms cover is worked out in [`crate::analysis`].

use std::collections::HashSet;

use model_map::{Condition, Facts, Flag, NumberFact, RequestFacts, TextFact};

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::analysis::Verdict;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Arm;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR028"),
    name: "not-total",
    severity: Severity::Error,
    title: "no arm takes some request",
    doc: "A request that no arm takes could only be refused, long after the program was reviewed. \
          End the arms with `otherwise`, or with conditions that together cover everything, which \
          `check` proves: `when stream …` and `when not stream …` are enough, and so are `tokens \
          <= 8_000` and `tokens > 8_000`. Numbers and texts that a request lacks make every \
          comparison false, so that `max_tokens <= 100` and `max_tokens > 100` leave out the \
          requests without `max_tokens`.",
    bad: one("role coder {\n  when image          route gpt -> sonnet\n  \
              when tokens > 8_000 route sonnet -> gpt\n}\n"),
    good: one("role coder {\n  when image          route gpt -> sonnet\n  \
               when tokens > 8_000 route sonnet -> gpt\n  \
               otherwise           route haiku -> gpt_mini\n}\n"),
    check: None,
};

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    findings.extend(finding(one));
}

/// Roles that take over their arms share these, and the first finding about them.
pub(super) fn once_each(findings: &mut Vec<Diagnostic>) {
    let mut found = HashSet::new();
    findings.retain(|one| one.code != RULE.code || found.insert(one.span));
}

fn finding(one: &RoleOutlook<'_>) -> Option<Diagnostic> {
    let message = match &one.uncovered {
        Verdict::No => return None,
        Verdict::Yes(request) => {
            // Conditions count the role's own prompt.
            let tokens = request.tokens.saturating_add(one.requests.prompt_tokens());
            let request = RequestFacts { tokens, ..(**request).clone() };
            format!("no arm takes {}", words(&request, one.arms))
        }
        Verdict::TooComplex => "these conditions are too many to tell whether they cover \
                                every request"
            .to_owned(),
    };
    let last = one.arms.last()?;
    Some(Diagnostic::error(RULE.code, last.span, message).help("add `otherwise route …` after it"))
}

/// A request in words, as far as conditions ask about it: "a request with no image and 9 tokens".
fn words(request: &RequestFacts, arms: &[Arm]) -> String {
    let mut parts = Vec::new();
    for when in arms.iter().filter_map(|arm| arm.when.as_ref()) {
        when.condition.each_leaf(&mut |leaf| {
            let part = match leaf {
                Condition::Flag(flag) => flag_words(*flag, request.flag(*flag)),
                Condition::Number(test) => number_words(test.fact, request.number(test.fact)),
                Condition::Text(test) => text_words(&test.fact, request.text(&test.fact)),
                // What joins others is no leaf.
                Condition::All(_) | Condition::Any(_) | Condition::Not(_) => return,
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        });
    }
    match parts.split_last() {
        None => "a request".to_owned(),
        Some((last, [])) => format!("a request with {last}"),
        Some((last, before)) => format!("a request with {} and {last}", before.join(", ")),
    }
}

fn flag_words(flag: Flag, holds: bool) -> String {
    match (flag, holds) {
        (Flag::Image, true) => "an image".to_owned(),
        (Flag::Json, true) => "a JSON format".to_owned(),
        (Flag::Json, false) => "no JSON format".to_owned(),
        (Flag::Stream, true) => "`stream`".to_owned(),
        (Flag::Stream, false) => "no `stream`".to_owned(),
        (Flag::Tools, true) => "tools".to_owned(),
        (other, false) => format!("no {}", other.name()),
    }
}

fn number_words(fact: NumberFact, number: Option<u64>) -> String {
    match (fact, number) {
        (NumberFact::MaxTokens, Some(number)) => format!("`max_tokens` {number}"),
        (NumberFact::Messages, Some(1)) => "1 message".to_owned(),
        (NumberFact::Tokens, Some(1)) => "1 token".to_owned(),
        (other, Some(number)) => format!("{number} {}", other.name()),
        (other, None) => format!("no `{}`", other.name()),
    }
}

fn text_words(fact: &TextFact, text: Option<&str>) -> String {
    match (fact, text) {
        (TextFact::Client, Some(client)) => format!("the client `{client}`"),
        (TextFact::Client, None) => "no client".to_owned(),
        (TextFact::Header(name), Some(text)) => format!("the header `{name}: {text}`"),
        (TextFact::Header(name), None) => format!("no header `{name}`"),
        (TextFact::Metadata(key), Some(text)) => format!("`{text}` as `{key}` of its metadata"),
        (TextFact::Metadata(key), None) => format!("no `{key}` in its metadata"),
    }
}
