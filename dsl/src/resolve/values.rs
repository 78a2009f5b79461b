//! Values: constants looked up, holes in strings filled.
//!
//! Owns what a value is; whether it is sensible where it stands is for who reads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Resolver;
use super::graph::order;
use super::view::Space;
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::rules::{cycle, unknown_name, wrong_kind};
use crate::span::Span;
use crate::spell;
use crate::syntax::tree::{ModelId, Money, Name, Number, Part, Value, ValueKind};

/// A value without names of constants in it.
#[derive(Debug, Clone)]
pub(super) enum Literal<'t> {
    Number(Number),
    Duration(Duration),
    Share(u32),
    Money(Money),
    Size(u64),
    Text(Arc<str>),
    /// A bare word that is no constant.
    Word(&'t str),
    Target(&'t ModelId),
}

impl<'t> Resolver<'t> {
    /// Reads every `let`, each after those that it is made of.
    pub(super) fn read_lets(&mut self) {
        let needs: BTreeMap<&'t str, Vec<&'t str>> = self
            .names
            .view
            .lets
            .iter()
            .map(|(name, node)| (*name, node.value.as_ref().map(names_in).unwrap_or_default()))
            .collect();
        let order = order(&needs);
        for circle in &order.cycles {
            let names =
                circle.iter().filter_map(|name| self.names.view.lets.get(name)?.name.as_ref());
            self.findings.push(cycle::finding("let", names.collect()));
        }
        // A constant of a circle is a hole to every other of it.
        for name in order.cycles.into_iter().flatten() {
            self.names_mut().lets.insert(name, None);
        }
        for name in order.names {
            if !self.names.lets.contains_key(name) {
                let value = self.names.view.lets.get(name).and_then(|node| node.value.as_ref());
                let literal = value.and_then(|value| self.literal(value));
                self.names_mut().lets.insert(name, literal);
            }
        }
    }

    /// What a value is; none if it is broken or its finding has been given.
    pub(super) fn literal(&mut self, value: &'t Value) -> Option<Literal<'t>> {
        Some(match &value.kind {
            ValueKind::Number(number) => Literal::Number(*number),
            ValueKind::Duration(duration) => Literal::Duration(*duration),
            ValueKind::Share(percents) => Literal::Share(*percents),
            ValueKind::Money(money) => Literal::Money(*money),
            ValueKind::Size(bytes) => Literal::Size(*bytes),
            ValueKind::ModelId(target) => Literal::Target(target),
            ValueKind::String(parts) | ValueKind::Text(parts) => Literal::Text(self.fill(parts)?),
            ValueKind::Ident(word) if self.names.view.knows(Space::Let, word) => {
                self.constant(word)?
            }
            ValueKind::Ident(word) => Literal::Word(word),
            ValueKind::Broken => return None,
        })
    }

    fn constant(&mut self, name: &'t str) -> Option<Literal<'t>> {
        self.use_name(Space::Let, name);
        self.names.lets.get(name).cloned().flatten()
    }

    fn fill(&mut self, parts: &'t [Part]) -> Option<Arc<str>> {
        if let [Part::Literal(text)] = parts {
            return Some(Arc::from(text.as_str()));
        }
        let mut filled = String::new();
        let mut is_whole = true;
        for part in parts {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Hole(name) => match self.hole(name) {
                    Some(text) => filled.push_str(&text),
                    None => is_whole = false,
                },
            }
        }
        is_whole.then(|| Arc::from(filled))
    }

    fn hole(&mut self, name: &'t Name) -> Option<Arc<str>> {
        if name.text == "env" {
            return Some(Arc::from(self.names.env.as_str()));
        }
        if self.names.view.knows(Space::Let, &name.text) {
            return self.constant(&name.text).map(|literal| in_text(&literal));
        }
        let lets = self.names.view.lets.keys().copied();
        let near = nearest(&name.text, lets.chain(["env"]));
        if let Some(near) = near {
            self.use_name(Space::Let, near);
        }
        self.findings.push(unknown_name::hole(name, near));
        None
    }

    /// A value of one kind; `wanted` names it: "a duration such as `20s`".
    pub(super) fn read<T>(
        &mut self,
        value: Option<&'t Value>,
        wanted: &str,
        read: impl FnOnce(&Literal<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = value?;
        let literal = self.literal(value)?;
        if let Some(found) = read(&literal) {
            return Some(found);
        }
        let finding = match (&literal, &value.kind) {
            (Literal::Word(word), ValueKind::Ident(_)) => {
                let near = self.names.view.nearest(Space::Let, word);
                if let Some(near) = near {
                    self.use_name(Space::Let, near);
                }
                unknown_name::constant(word, value.span, wanted, near)
            }
            _ => wrong_kind::finding(value.span, wanted, describe(&literal)),
        };
        self.findings.push(finding);
        None
    }

    /// A string or text.
    pub(super) fn text(&mut self, value: Option<&'t Value>) -> Option<Arc<str>> {
        self.read(value, "a string in quotes", |literal| match literal {
            Literal::Text(text) => Some(Arc::clone(text)),
            _ => None,
        })
    }

    /// A duration.
    pub(super) fn duration(&mut self, value: Option<&'t Value>) -> Option<Duration> {
        self.read(value, "a duration such as `20s`", |literal| match literal {
            Literal::Duration(duration) => Some(*duration),
            _ => None,
        })
    }

    /// A number.
    pub(super) fn number(&mut self, value: Option<&'t Value>) -> Option<Number> {
        self.read(value, "a number", |literal| match literal {
            Literal::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// A whole number from `least`.
    pub(super) fn whole(
        &mut self,
        value: Option<&'t Value>,
        least: u64,
        otherwise: impl FnOnce(Span) -> Diagnostic,
    ) -> Option<u64> {
        let number = self.number(value)?;
        let whole = number.as_u64().filter(|whole| *whole >= least);
        if whole.is_none() {
            self.findings.push(otherwise(value?.span));
        }
        whole
    }

    /// A share.
    pub(super) fn percent(&mut self, value: Option<&'t Value>) -> Option<u32> {
        self.read(value, "a share such as `90%`", |literal| match literal {
            Literal::Share(percent) => Some(*percent),
            _ => None,
        })
    }

    /// An amount of money.
    pub(super) fn money(&mut self, value: Option<&'t Value>) -> Option<Money> {
        self.read(value, "an amount such as `$3`", |literal| match literal {
            Literal::Money(money) => Some(*money),
            _ => None,
        })
    }

    /// A bare word, or a constant that is one.
    pub(super) fn word(&mut self, value: Option<&'t Value>, wanted: &str) -> Option<&'t str> {
        self.read(value, wanted, |literal| match literal {
            Literal::Word(word) => Some(*word),
            _ => None,
        })
    }
}

fn names_in(value: &Value) -> Vec<&str> {
    match &value.kind {
        ValueKind::Ident(name) => vec![name],
        ValueKind::String(parts) | ValueKind::Text(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Hole(name) => Some(name.text.as_str()),
                Part::Literal(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A constant inside a string, in one form however it was written.
fn in_text(literal: &Literal<'_>) -> Arc<str> {
    match literal {
        Literal::Text(text) => Arc::clone(text),
        Literal::Word(word) => Arc::from(*word),
        Literal::Number(Number::Integer(value)) => Arc::from(value.to_string()),
        Literal::Number(Number::Decimal(value)) => Arc::from(value.to_string()),
        Literal::Duration(duration) => Arc::from(spell::duration(*duration)),
        Literal::Share(percents) => Arc::from(format!("{percents}%")),
        Literal::Money(money) => Arc::from(spell::dollars(money.micro_dollars)),
        Literal::Size(bytes) => Arc::from(bytes.to_string()),
        Literal::Target(target) => {
            Arc::from(format!("{}/{}", target.provider.text, target.id.text))
        }
    }
}

fn describe(literal: &Literal<'_>) -> &'static str {
    match literal {
        Literal::Number(_) => "a number",
        Literal::Duration(_) => "a duration",
        Literal::Share(_) => "a share",
        Literal::Money(_) => "an amount of money",
        Literal::Size(_) => "a size",
        Literal::Text(_) => "a string",
        Literal::Word(_) => "a word",
        Literal::Target(_) => "a model id",
    }
}
