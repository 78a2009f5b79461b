//! Random conditions over few values, and all requests that make a difference to them.

use std::collections::BTreeSet;

use model_map::{
    Condition, Flag, NumberFact, NumberTest, RequestFacts, TextFact, TextPattern, TextTest,
};
use proptest::prelude::*;

/// The greatest number that the random conditions name.
const MOST: u64 = 2;

pub(super) fn header() -> TextFact {
    TextFact::Header("x".into())
}

fn flag() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Flag::Image), Just(Flag::Tools)].prop_map(Condition::Flag)
}

fn number() -> impl Strategy<Value = Condition> {
    let fact = prop_oneof![Just(NumberFact::Tokens), Just(NumberFact::MaxTokens)];
    let bound = || proptest::option::of(0..=MOST);
    (fact, bound(), bound()).prop_map(|(fact, at_least, at_most)| {
        Condition::Number(NumberTest { at_least, at_most, fact })
    })
}

fn text() -> impl Strategy<Value = Condition> {
    let is = prop_oneof![
        1 => Just(TextPattern::Present),
        3 => r"[ab*?]{0,4}".prop_map(TextPattern::Matches),
        3 => proptest::collection::btree_set("[ab]{0,2}", 1..3).prop_map(TextPattern::OneOf),
    ];
    let client = proptest::collection::btree_set("[ab]", 1..3).prop_map(TextPattern::OneOf);
    prop_oneof![
        3 => is.prop_map(|is| Condition::Text(TextTest { fact: header(), is })),
        1 => client.prop_map(|is| Condition::Text(TextTest { fact: TextFact::Client, is })),
    ]
}

/// A condition in the map's normal form, but for nested lists of one kind.
pub(super) fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![1 => flag(), 2 => number(), 3 => text()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::Any),
            inner.prop_map(|part| match part {
                Condition::Not(part) => *part,
                part => Condition::Not(Box::new(part)),
            }),
        ]
    })
}

/// Texts of up to three letters, one of which no condition names.
fn texts() -> Vec<Option<String>> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..3 {
        last =
            last.iter().flat_map(|text| ["a", "b", "z"].map(|it| format!("{text}{it}"))).collect();
        all.extend(last.iter().cloned());
    }
    std::iter::once(None).chain(all.into_iter().map(Some)).collect()
}

/// The facts that the conditions ask for, each with all values that make a difference.
pub(super) fn requests(conditions: &[&Condition]) -> Vec<RequestFacts> {
    let mut asked = Asked::default();
    conditions.iter().for_each(|condition| condition.each_leaf(&mut |leaf| asked.add(leaf)));
    let mut all = vec![RequestFacts { messages: 1, ..RequestFacts::default() }];
    let numbers = 0..=MOST + 1;
    if asked.flags.contains(&Flag::Image) {
        vary(&mut all, [false, true], |facts, image| facts.image = image);
    }
    if asked.flags.contains(&Flag::Tools) {
        vary(&mut all, [false, true], |facts, tools| facts.tools = tools);
    }
    if asked.numbers.contains(&NumberFact::Tokens) {
        vary(&mut all, numbers.clone(), |facts, tokens| facts.tokens = tokens);
    }
    if asked.numbers.contains(&NumberFact::MaxTokens) {
        let limits = std::iter::once(None).chain(numbers.map(Some)).collect::<Vec<_>>();
        vary(&mut all, limits, |facts, limit| facts.max_tokens = limit);
    }
    if asked.texts.contains(&TextFact::Client) {
        let clients = [None, Some("a"), Some("b"), Some("z")];
        vary(&mut all, clients, |facts, client| facts.client = client.map(Into::into));
    }
    if asked.texts.contains(&header()) {
        vary(&mut all, texts(), |facts, text| {
            facts.headers = text.map(|text| ("x".to_owned(), text)).into_iter().collect();
        });
    }
    all
}

#[derive(Default)]
struct Asked {
    flags: BTreeSet<Flag>,
    numbers: BTreeSet<NumberFact>,
    texts: BTreeSet<TextFact>,
}

impl Asked {
    fn add(&mut self, leaf: &Condition) {
        match leaf {
            Condition::Flag(flag) => drop(self.flags.insert(*flag)),
            Condition::Number(test) => drop(self.numbers.insert(test.fact)),
            Condition::Text(test) => drop(self.texts.insert(test.fact.clone())),
            _ => {}
        }
    }
}

fn vary<T: Clone>(
    all: &mut Vec<RequestFacts>,
    values: impl IntoIterator<Item = T> + Clone,
    set: impl Fn(&mut RequestFacts, T),
) {
    *all = all
        .iter()
        .flat_map(|facts| {
            values.clone().into_iter().map(|value| {
                let mut facts = facts.clone();
                set(&mut facts, value);
                facts
            })
        })
        .collect();
}
