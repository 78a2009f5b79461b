//! Conditions: facts looked up, comparisons typed, and the map's one form of each.
//!
//! Owns what may be compared with what; which requests a condition holds for is `model-map`'s, and
//! what several of them cover is the analysis'.

use std::collections::BTreeSet;

use model_map::{Condition, Flag, NumberFact, NumberTest, TextFact, TextPattern, TextTest};

use super::Resolver;
use super::values::Literal;
use super::view::Space;
use crate::rules::{condition, invalid_value, secret, unknown_name};
use crate::syntax::tree::{self, Comparison, Fact, Joined, Operator, Test, Value, ValueKind};

/// The closed set of facts.
pub(super) const FACTS: [&str; 10] = [
    "client",
    "header",
    "image",
    "json",
    "max_tokens",
    "messages",
    "metadata",
    "stream",
    "tokens",
    "tools",
];

impl<'t> Resolver<'t> {
    /// A condition in the map's form; none if its findings have been given.
    pub(super) fn condition(&mut self, node: &'t tree::Condition) -> Option<Condition> {
        match node {
            tree::Condition::Any(joined) => Some(any(self.parts(joined)?)),
            tree::Condition::All(joined) => Some(all(self.parts(joined)?)),
            tree::Condition::Not { inner, .. } => Some(not(self.condition(inner)?)),
            tree::Condition::Test(test) => self.test(test),
            tree::Condition::Broken(_) => None,
        }
    }

    /// All of them, so that each has its findings.
    fn parts(&mut self, joined: &'t Joined) -> Option<Vec<Condition>> {
        let parts: Vec<_> = joined.parts.iter().map(|part| self.condition(part)).collect();
        parts.into_iter().collect()
    }

    fn test(&mut self, test: &'t Test) -> Option<Condition> {
        let word = test.fact.name.text.as_str();
        if let "header" | "metadata" = word {
            let fact = self.keyed_fact(&test.fact)?;
            return self.text_test(fact, test.comparison.as_ref());
        }
        if !FACTS.contains(&word) {
            self.unknown_key("a fact about a request", &test.fact.name, &FACTS);
            return None;
        }
        if let Some(flag) = Flag::ALL.into_iter().find(|flag| flag.name() == word) {
            return self.flag_test(flag, test);
        }
        match NumberFact::ALL.into_iter().find(|fact| fact.name() == word) {
            Some(fact) => self.number_test(fact, test),
            None => self.text_test(TextFact::Client, test.comparison.as_ref()),
        }
    }

    fn flag_test(&mut self, flag: Flag, test: &Test) -> Option<Condition> {
        let Some(comparison) = &test.comparison else { return Some(Condition::Flag(flag)) };
        let value = comparison.values.first().and_then(Value::ident);
        let holds = match (comparison.operator, value) {
            (Operator::Equal, Some("true")) | (Operator::NotEqual, Some("false")) => Some(true),
            (Operator::Equal, Some("false")) | (Operator::NotEqual, Some("true")) => Some(false),
            _ => None,
        };
        self.findings.push(condition::compared_flag(flag.name(), test.span, holds));
        None
    }

    fn number_test(&mut self, fact: NumberFact, test: &'t Test) -> Option<Condition> {
        let Some(comparison) = &test.comparison else {
            self.findings.push(condition::lone_number(fact.name(), test.span));
            return None;
        };
        if comparison.operator == Operator::Matches {
            self.findings.push(condition::number_operator(fact.name(), comparison.operator_span));
            return None;
        }
        self.find_empty(comparison)?;
        let numbers: Vec<_> =
            comparison.values.iter().map(|value| self.fact_number(fact, value)).collect();
        let numbers: BTreeSet<u64> = numbers.into_iter().collect::<Option<_>>()?;
        let first = *numbers.first()?;
        let within = |at_least, at_most| Condition::Number(NumberTest { at_least, at_most, fact });
        let next = first.saturating_add(1);
        Some(match comparison.operator {
            Operator::Equal => within(Some(first), Some(first)),
            Operator::NotEqual => not(within(Some(first), Some(first))),
            // Below 0 there is nothing: bounds that no number lies within.
            Operator::Less if first == 0 => within(Some(1), Some(0)),
            Operator::Less => within(None, Some(first - 1)),
            Operator::AtMost => within(None, Some(first)),
            Operator::Greater => within(Some(next), None),
            Operator::AtLeast => within(Some(first), None),
            Operator::In | Operator::Matches => {
                any(numbers.into_iter().map(|one| within(Some(one), Some(one))).collect())
            }
        })
    }

    fn fact_number(&mut self, fact: NumberFact, value: &'t Value) -> Option<u64> {
        self.whole(Some(value), 0, |span| condition::not_whole(fact.name(), span))
    }

    /// `header "x-team"`, `metadata "team"`
    fn keyed_fact(&mut self, fact: &'t Fact) -> Option<TextFact> {
        let argument = fact.argument.as_ref()?;
        let key = self.text(Some(argument))?;
        self.text_fact(fact.name.text == "header", &key, argument)
    }

    /// The fact of a header or of a key of the request's metadata.
    pub(super) fn text_fact(
        &mut self,
        is_header: bool,
        key: &str,
        argument: &Value,
    ) -> Option<TextFact> {
        if !is_header {
            return Some(TextFact::Metadata(key.to_owned()));
        }
        let name = key.to_ascii_lowercase();
        if let Some(finding) = invalid_value::header_name(&name, argument.span) {
            self.findings.push(finding);
            return None;
        }
        Some(TextFact::Header(name))
    }

    fn text_test(
        &mut self,
        fact: TextFact,
        comparison: Option<&'t Comparison>,
    ) -> Option<Condition> {
        let test = |is| Condition::Text(TextTest { fact: fact.clone(), is });
        let Some(comparison) = comparison else { return Some(test(TextPattern::Present)) };
        let operator = comparison.operator;
        if matches!(
            operator,
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast
        ) {
            self.findings.push(condition::text_operator(operator, comparison.operator_span));
            return None;
        }
        self.find_empty(comparison)?;
        let is_glob = operator == Operator::Matches;
        let values: Vec<_> =
            comparison.values.iter().map(|value| self.fact_text(&fact, is_glob, value)).collect();
        let values: BTreeSet<String> = values.into_iter().collect::<Option<_>>()?;
        Some(match operator {
            Operator::Matches => test(TextPattern::Matches(values.into_iter().next()?)),
            Operator::NotEqual => not(test(TextPattern::OneOf(values))),
            _ => test(TextPattern::OneOf(values)),
        })
    }

    fn fact_text(&mut self, fact: &TextFact, is_glob: bool, value: &'t Value) -> Option<String> {
        let text = match fact {
            TextFact::Client if !is_glob => return self.client_name(value),
            _ => self.text(Some(value))?,
        };
        if let TextFact::Header(name) = fact
            && let Some(finding) = secret::in_asked_header(name, &text, value.span)
        {
            self.findings.push(finding);
            return None;
        }
        Some(text.to_string())
    }

    /// A client by its name, in quotes or not, or by a constant that holds it.
    pub(super) fn client_name(&mut self, value: &'t Value) -> Option<String> {
        if let ValueKind::Ident(name) = &value.kind
            && self.names.view.knows(Space::Client, name)
        {
            self.use_name(Space::Client, name);
            return Some(name.clone());
        }
        let name = match self.literal(value)? {
            Literal::Word(word) => word.to_owned(),
            Literal::Text(text) => text.to_string(),
            // Anything else is no name, which reading it as a text says.
            _ => self.text(Some(value))?.to_string(),
        };
        if self.names.view.knows(Space::Client, &name) {
            return Some(name);
        }
        let near = self.names.view.nearest(Space::Client, &name);
        self.findings.push(unknown_name::of(Space::Client, &name, value.span, near));
        None
    }

    /// Whether the values are there: none of them is broken, and `in` has some.
    fn find_empty(&mut self, comparison: &Comparison) -> Option<()> {
        if !comparison.is_whole {
            return None;
        }
        if comparison.values.is_empty() {
            self.findings.push(condition::empty_list(comparison.span));
            return None;
        }
        Some(())
    }
}

/// All of these, flat.
fn all(parts: Vec<Condition>) -> Condition {
    let flat = parts.into_iter().flat_map(|part| match part {
        Condition::All(parts) => parts,
        other => vec![other],
    });
    lone(flat.collect()).unwrap_or_else(Condition::All)
}

/// One of these, flat.
fn any(parts: Vec<Condition>) -> Condition {
    let flat = parts.into_iter().flat_map(|part| match part {
        Condition::Any(parts) => parts,
        other => vec![other],
    });
    lone(flat.collect()).unwrap_or_else(Condition::Any)
}

/// The only one of these, else all of them.
fn lone(parts: Vec<Condition>) -> Result<Condition, Vec<Condition>> {
    match <[Condition; 1]>::try_from(parts) {
        Ok([part]) => Ok(part),
        Err(parts) => Err(parts),
    }
}

/// Not this; twice is this.
fn not(inner: Condition) -> Condition {
    match inner {
        Condition::Not(inner) => *inner,
        other => Condition::Not(Box::new(other)),
    }
}
