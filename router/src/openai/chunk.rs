//! What the router reads in an upstream's chunks and answers while it forwards them.
//!
//! Owns the lenient shapes, borrowed from the bytes; nothing is built from them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::Usage;

/// A chunk of a stream, or a whole answer: the parts that matter to the router.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
    #[serde(default)]
    pub(super) choices: Choices,
}

/// Where Groq puts its usage.
#[derive(Debug, Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Chunk<'_> {
    /// Whether it tells of an error.
    pub(super) fn is_error(&self) -> bool {
        self.error.is_some_and(|error| !matches!(error.get(), "{}" | "\"\"" | "false"))
    }

    /// What it says was used.
    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.usage.or_else(|| self.x_groq.as_ref()?.usage)?;
        serde_json::from_str::<WireUsage>(usage.get()).ok().map(Usage::from)
    }
}

/// What all choices of a chunk hold, taken together.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Choices {
    /// Whether there is one.
    pub(super) any: bool,
    /// Text, a refusal or a tool call: an answer.
    pub(super) content: bool,
    /// Reasoning.
    pub(super) reasoning: bool,
    /// The reason of the last one that has one.
    pub(super) finish: Option<Finish>,
    /// That reason's name.
    pub(super) reason: Option<&'static str>,
}

/// Why a choice ended, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// The output limit or the content filter: reason enough for an empty answer.
    Curtailed,
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    /// In place of `delta` in a whole answer; Perplexity's chunks have both.
    #[serde(default)]
    message: Option<Delta>,
    #[serde(default)]
    text: Filled,
    #[serde(default)]
    finish_reason: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Filled,
    #[serde(default)]
    refusal: Filled,
    #[serde(default)]
    tool_calls: Filled,
    #[serde(default)]
    function_call: Filled,
    #[serde(default)]
    audio: Filled,
    #[serde(default)]
    reasoning: Filled,
    #[serde(default)]
    reasoning_content: Filled,
    #[serde(default)]
    reasoning_details: Filled,
}

impl Choices {
    fn add(&mut self, choice: &Choice) {
        self.any = true;
        self.content |= choice.text.0;
        for delta in choice.delta.iter().chain(&choice.message) {
            self.content |= delta.has_content();
            self.reasoning |= delta.has_reasoning();
        }
        if let Some(FinishReason(Some((finish, reason)))) = choice.finish_reason {
            (self.finish, self.reason) = (Some(finish), Some(reason));
        }
    }
}

impl Delta {
    fn has_content(&self) -> bool {
        let said = [&self.content, &self.refusal, &self.audio];
        let calls = [&self.tool_calls, &self.function_call];
        said.iter().chain(&calls).any(|part| part.0)
    }

    fn has_reasoning(&self) -> bool {
        [&self.reasoning, &self.reasoning_content, &self.reasoning_details].iter().any(|x| x.0)
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Choices;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("choices")
            }

            fn visit_unit<E>(self) -> Result<Choices, E> {
                Ok(Choices::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
                let mut all = Choices::default();
                while let Some(choice) = list.next_element::<Choice>()? {
                    all.add(&choice);
                }
                Ok(all)
            }
        }
        from.deserialize_any(All)
    }
}

/// Whether a value holds anything: a string that is not empty, a list or an object with parts.
#[derive(Debug, Default, Clone, Copy)]
struct Filled(bool);

impl<'de> Deserialize<'de> for Filled {
    /// As it stands in the bytes: a text that is decoded would be a copy.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(from)?.get().as_bytes();
        let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        Ok(Self(match raw.first() {
            Some(b'"') => !inside.is_empty(),
            Some(b'[' | b'{') => !inside.trim_ascii().is_empty(),
            _ => false,
        }))
    }
}

#[derive(Clone, Copy)]
struct FinishReason(Option<(Finish, &'static str)>);

impl<'de> Deserialize<'de> for FinishReason {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reason;
        impl Visitor<'_> for Reason {
            type Value = FinishReason;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a finish reason")
            }

            fn visit_str<E>(self, reason: &str) -> Result<FinishReason, E> {
                Ok(FinishReason(match reason {
                    "" => None,
                    "length" => Some((Finish::Curtailed, "length")),
                    "content_filter" => Some((Finish::Curtailed, "content_filter")),
                    "stop" => Some((Finish::Other, "stop")),
                    "tool_calls" => Some((Finish::Other, "tool_calls")),
                    "function_call" => Some((Finish::Other, "function_call")),
                    _ => Some((Finish::Other, "other")),
                }))
            }
        }
        from.deserialize_str(Reason)
    }
}

/// Usage in OpenAI's shape and DeepSeek's addition to it.
#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<InputDetails>,
    #[serde(default)]
    completion_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let input = wire.prompt_tokens_details.unwrap_or_default();
        Self {
            input: wire.prompt_tokens.unwrap_or(0),
            cache_read: input.cached_tokens.or(wire.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write: input.cache_write_tokens.unwrap_or(0),
            output: wire.completion_tokens.unwrap_or(0),
            reasoning: wire.completion_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}
