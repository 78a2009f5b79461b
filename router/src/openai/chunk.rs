//! What the router reads in an upstream's chunks and answers while it forwards them.
//!
//! Owns the lenient shapes, borrowed from the bytes; nothing is built from them.

use crate::json::{self, Scan};
use crate::wire::Usage;

/// A chunk of a stream, or a whole answer: the parts that matter to the router.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) error: Option<&'a str>,
    usage: Option<&'a str>,
    pub(super) choices: Choices,
}

impl<'a> Chunk<'a> {
    /// Reads a chunk; none where it is no object.
    pub(super) fn read(value: &mut Scan<'a>) -> Option<Self> {
        let (mut chunk, mut groq) = (Self::default(), None);
        let is_object = value.members(&mut |key, value| match key {
            "error" => chunk.error = value.raw(),
            "usage" => chunk.usage = value.raw(),
            // Where Groq puts its usage.
            "x_groq" => groq = value.member("usage"),
            "choices" => {
                value.elements(&mut |value| chunk.choices.read(value));
            }
            _ => (),
        });
        chunk.usage = chunk.usage.or(groq);
        is_object.then_some(chunk)
    }

    /// Whether it tells of an error.
    pub(super) fn is_error(&self) -> bool {
        self.error.is_some_and(|error| !matches!(error, "{}" | "\"\"" | "false"))
    }

    /// What it says was used.
    pub(super) fn usage(&self) -> Option<Usage> {
        json::read(self.usage?, usage)
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

impl Choices {
    fn read(&mut self, choice: &mut Scan<'_>) {
        let is_object = choice.members(&mut |key, value| match key {
            // `message` is in place of `delta` in a whole answer; Perplexity's chunks have both.
            "delta" | "message" => self.said(value),
            "text" => self.content |= is_filled(value),
            "finish_reason" => {
                if let Some((finish, reason)) = value.raw().and_then(finish) {
                    (self.finish, self.reason) = (Some(finish), Some(reason));
                }
            }
            _ => (),
        });
        self.any |= is_object;
    }

    fn said(&mut self, delta: &mut Scan<'_>) {
        delta.members(&mut |key, value| match key {
            "content" | "refusal" | "audio" | "tool_calls" | "function_call" => {
                self.content |= is_filled(value);
            }
            "reasoning" | "reasoning_content" | "reasoning_details" => {
                self.reasoning |= is_filled(value);
            }
            _ => (),
        });
    }
}

/// Whether a value holds anything: a string that is not empty, a list or an object with parts. It is
/// looked at as it stands: a text that is decoded would be a copy.
fn is_filled(value: &mut Scan<'_>) -> bool {
    let raw = value.raw().unwrap_or_default().as_bytes();
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    match raw.first() {
        Some(b'"') => !inside.is_empty(),
        Some(b'[' | b'{') => !inside.trim_ascii().is_empty(),
        _ => false,
    }
}

/// A reason, given with its quotes, and its name; none for the empty one.
fn finish(reason: &str) -> Option<(Finish, &'static str)> {
    Some(match reason {
        r#""length""# => (Finish::Curtailed, "length"),
        r#""content_filter""# => (Finish::Curtailed, "content_filter"),
        r#""stop""# => (Finish::Other, "stop"),
        r#""tool_calls""# => (Finish::Other, "tool_calls"),
        r#""function_call""# => (Finish::Other, "function_call"),
        other if other.starts_with('"') && other.len() > 2 => (Finish::Other, "other"),
        _ => return None,
    })
}

/// Usage in OpenAI's shape, with DeepSeek's addition to it; none where it is of another shape.
pub(super) fn usage(value: &mut Scan<'_>) -> Option<Usage> {
    let (mut usage, mut cached, mut hit, mut is_sound) = (Usage::default(), None, None, true);
    let sound = &mut is_sound;
    let is_object = value.members(&mut |key, value| match key {
        "prompt_tokens" => usage.input = value.tokens(sound).unwrap_or(0),
        "completion_tokens" => usage.output = value.tokens(sound).unwrap_or(0),
        "prompt_cache_hit_tokens" => hit = value.tokens(sound),
        "prompt_tokens_details" => {
            value.members(&mut |key, value| match key {
                "cached_tokens" => cached = value.tokens(sound),
                "cache_write_tokens" => usage.cache_write = value.tokens(sound).unwrap_or(0),
                _ => (),
            });
        }
        "completion_tokens_details" => {
            value.members(&mut |key, value| {
                if key == "reasoning_tokens" {
                    usage.reasoning = value.tokens(sound);
                }
            });
        }
        _ => (),
    });
    usage.cache_read = cached.or(hit).unwrap_or(0);
    (is_object && is_sound).then_some(usage)
}
