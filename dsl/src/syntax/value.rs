//! Values as they are written: numbers, durations, strings and the rest.
//!
//! Owns their types; whether they are sensible where they stand is for the rules.

use std::time::Duration;

use super::tree::Name;
use crate::span::Span;

/// A value where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// With its quotes, sign and unit.
    pub span: Span,
    /// What it is.
    pub kind: ValueKind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueKind {
    /// `8_192`, `-1`, `0.2`
    Number(Number),
    /// `1500ms`, a whole number of milliseconds.
    Duration(Duration),
    /// `90%`, in whole percents.
    Share(u32),
    /// `$0.05`
    Money(Money),
    /// `64KiB`, in bytes.
    Size(u64),
    /// `"…"`, its escapes resolved.
    String(Vec<Part>),
    /// `"""…"""`, its indentation stripped and its line ends LF.
    Text(Vec<Part>),
    /// A bare word: the name of something, or of a `let`.
    Ident(String),
    /// `anthropic/claude-sonnet-4-6`
    ModelId(Box<ModelId>),
    /// Not to be read; its finding has been given.
    Broken,
}

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Without a point.
    Integer(i64),
    /// With one.
    Decimal(f64),
}

impl Number {
    /// As a float; integers beyond 2^53 are rounded.
    #[expect(clippy::cast_precision_loss, reason = "documented")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Decimal(value) => value,
        }
    }

    /// As a count; none for a decimal or a negative number.
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(value).ok(),
            Self::Decimal(_) => None,
        }
    }
}

/// An amount in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    /// Millionths.
    pub micro_dollars: u64,
}

/// `PROVIDER/MODEL-ID`
#[derive(Debug, Clone, PartialEq)]
pub struct ModelId {
    /// Before the first slash.
    pub provider: Name,
    /// After it; may hold slashes and colons.
    pub id: Name,
}

/// A piece of a string or text.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As it is.
    Literal(String),
    /// `${NAME}`, filled in at compile time.
    Hole(Name),
}

impl Value {
    /// The parts of a string or text; none for other values.
    pub fn parts(&self) -> Option<&[Part]> {
        match &self.kind {
            ValueKind::String(parts) | ValueKind::Text(parts) => Some(parts),
            _ => None,
        }
    }

    /// The word of a bare word; none for other values.
    pub fn ident(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::Ident(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages: "a duration".
    pub fn describe(&self) -> &'static str {
        match self.kind {
            ValueKind::Number(_) => "a number",
            ValueKind::Duration(_) => "a duration",
            ValueKind::Share(_) => "a share",
            ValueKind::Money(_) => "an amount of money",
            ValueKind::Size(_) => "a size",
            ValueKind::String(_) => "a string",
            ValueKind::Text(_) => "a text",
            ValueKind::Ident(_) => "a name",
            ValueKind::ModelId(_) => "a model id",
            ValueKind::Broken => "a broken value",
        }
    }
}
