//! Conditions over what a request is like, in the form that the map holds.
//!
//! Owns their shape and their truth; the facts are given by whoever has the request.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::glob;

/// When an arm or a guarded block applies. Total: every request makes it true or false.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All of these hold; at least two, none of them an `all`.
    All(Vec<Condition>),
    /// One of these holds; at least two, none of them an `any`.
    Any(Vec<Condition>),
    /// This does not hold; never a `not` of a `not`.
    Not(Box<Condition>),
    /// The request has this trait.
    Flag(Flag),
    /// A number of the request lies within bounds.
    Number(NumberTest),
    /// A text of the request is there and passes.
    Text(TextTest),
}

/// What a request has or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A picture in a message.
    Image,
    /// A `response_format` that asks for JSON.
    Json,
    /// `stream: true`.
    Stream,
    /// Tools that the model may call.
    Tools,
}

impl Flag {
    /// All of them, in the order of their words.
    pub const ALL: [Self; 4] = [Self::Image, Self::Json, Self::Stream, Self::Tools];

    /// The word in `.sfr` files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Json => "json",
            Self::Stream => "stream",
            Self::Tools => "tools",
        }
    }
}

/// A whole number of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NumberFact {
    /// The output limit that the client sets; it may set none.
    MaxTokens,
    /// How many messages there are.
    Messages,
    /// The estimated input, the role's own prompt and the tools included.
    Tokens,
}

impl NumberFact {
    /// All of them, in the order of their words.
    pub const ALL: [Self; 3] = [Self::MaxTokens, Self::Messages, Self::Tokens];

    /// The word in `.sfr` files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::Messages => "messages",
            Self::Tokens => "tokens",
        }
    }
}

/// Bounds of a number. One that the request lacks lies within none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NumberTest {
    /// The least that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// The greatest that passes; below `at_least` when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// Which number.
    pub fact: NumberFact,
}

/// A text of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextFact {
    /// The name of the client whose key was sent; none where everyone may call.
    Client,
    /// The value of a request header, by its name in lower case.
    Header(String),
    /// A value of the request's `metadata`, by its key.
    Metadata(String),
}

/// A test of a text. One that the request lacks fails it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TextTest {
    /// Which text.
    pub fact: TextFact,
    /// What it is held against.
    pub is: TextPattern,
}

/// What a text is held against.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextPattern {
    /// A glob over the whole value: `*`, `?`, and `\` before a literal one.
    Matches(String),
    /// One of these values, at least one.
    OneOf(BTreeSet<String>),
    /// Any value at all.
    Present,
}

impl Condition {
    /// Whether it holds for a request.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(part) => !part.holds(facts),
            Self::Flag(flag) => facts.flag(*flag),
            Self::Number(test) => facts.number(test.fact).is_some_and(|number| test.holds(number)),
            Self::Text(test) => facts.text(&test.fact).is_some_and(|text| test.is.holds(text)),
        }
    }

    /// Calls `see` with every condition in it that is neither `all`, `any` nor `not`.
    pub fn each_leaf<'c>(&'c self, see: &mut impl FnMut(&'c Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.each_leaf(see));
            }
            Self::Not(part) => part.each_leaf(see),
            leaf => see(leaf),
        }
    }
}

impl NumberTest {
    /// Whether a number that the request has passes.
    pub fn holds(&self, number: u64) -> bool {
        self.at_least.is_none_or(|least| number >= least)
            && self.at_most.is_none_or(|most| number <= most)
    }
}

impl TextPattern {
    /// Whether a text that the request has passes.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Matches(pattern) => glob::matches(pattern, text),
            Self::OneOf(values) => values.contains(text),
            Self::Present => true,
        }
    }
}
