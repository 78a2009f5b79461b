//! Why a condition holds or does not: each test in it beside what the request has.
//!
//! Owns the words; whether a test holds is [`Condition::holds`]'s.

use model_map::{Condition, Facts, Flag, NumberFact, RequestFacts, TextFact};

use crate::spell;

/// A test of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// As it is written: `tokens > 200_000`, `not image`.
    pub test: String,
    /// Whether it holds.
    pub holds: bool,
    /// What the request has instead or in fact: `it has 1_203`.
    pub has: String,
}

/// Every test of a condition, in the order of the text.
pub(super) fn reasons(condition: &Condition, facts: &RequestFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    collect(condition, facts, &mut found);
    found
}

fn collect(condition: &Condition, facts: &RequestFacts, found: &mut Vec<Reason>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| collect(part, facts, found));
        }
        Condition::Not(part) => match has(part, facts) {
            Some(has) => found.push(reason(condition, facts, has)),
            None => collect(part, facts, found),
        },
        leaf => found.extend(has(leaf, facts).map(|has| reason(leaf, facts, has))),
    }
}

fn reason(test: &Condition, facts: &RequestFacts, has: String) -> Reason {
    Reason { test: spell::condition(test), holds: test.holds(facts), has }
}

/// What the request has of what a leaf tests; none for what joins others.
fn has(leaf: &Condition, facts: &RequestFacts) -> Option<String> {
    match leaf {
        Condition::Flag(flag) => Some(flag_words(*flag, facts.flag(*flag)).to_owned()),
        Condition::Number(test) => Some(number_words(test.fact, facts.number(test.fact))),
        Condition::Text(test) => Some(text_words(&test.fact, facts.text(&test.fact))),
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => None,
    }
}

const fn flag_words(flag: Flag, has: bool) -> &'static str {
    match (flag, has) {
        (Flag::Image, true) => "it has an image",
        (Flag::Image, false) => "it has no image",
        (Flag::Json, true) => "it asks for JSON",
        (Flag::Json, false) => "it does not ask for JSON",
        (Flag::Stream, true) => "it is streamed",
        (Flag::Stream, false) => "it is not streamed",
        (Flag::Tools, true) => "it has tools",
        (Flag::Tools, false) => "it has no tools",
    }
}

fn number_words(fact: NumberFact, number: Option<u64>) -> String {
    match (fact, number) {
        (NumberFact::MaxTokens, None) => "it sets none".to_owned(),
        (NumberFact::MaxTokens, Some(number)) => format!("it sets {}", spell::number(number)),
        (_, None) => "it has none".to_owned(),
        (_, Some(number)) => format!("it has {}", spell::number(number)),
    }
}

fn text_words(fact: &TextFact, text: Option<&str>) -> String {
    match (fact, text) {
        (TextFact::Client, None) => "it comes from no known client".to_owned(),
        (TextFact::Client, Some(client)) => format!("it comes from {}", spell::name(client)),
        (_, None) => "it has none".to_owned(),
        (_, Some(text)) => format!("it has {}", spell::string(text)),
    }
}
