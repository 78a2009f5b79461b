//! A whole answer as the client gets it, and what it used.
//!
//! Owns no parsing: see `answer` of each protocol.

use bytes::Bytes;

use super::names::MadeNames;

/// How an answer is written for the client.
#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {
    /// Seconds since 1970, for the answer's `created` where the upstream gives none.
    pub created: u64,
    /// Whether the client asked for the usage chunk at a stream's end.
    pub include_usage: bool,
    /// Whether the upstream was asked for that chunk for the router alone.
    pub hides_usage: bool,
    /// Whether the answer is the input of the forced tool ([`crate::wire::answer::ANSWER_TOOL`]);
    /// from [`crate::openai::request::UpstreamRequest::answer_tool`].
    pub answer_tool: bool,
    /// The model's name where the upstream gives none.
    pub model: String,
    /// 64 random bits, for the ids of calls where the upstream gives none.
    pub chance: u64,
    /// What else the client's request says of the answer.
    pub wishes: Wishes,
}

/// What a client's request says of the shape of an answer that is written from a chat.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Whether it asked to see reasoning.
    pub shows_thinking: bool,
    /// The names, as JSON, of tools that take a text in place of arguments.
    pub custom_tools: Vec<String>,
    /// The names, as JSON, that tools have in a chat, and those that the client has for them, where
    /// those are longer than a chat takes.
    pub names: MadeNames,
    /// Where a completion stops.
    pub stops: Vec<String>,
    /// Whether a completion may hold Markdown's fences.
    pub may_hold_fences: bool,
    /// Whether a completion by a chat is one of code.
    pub is_code: bool,
    /// Whether a completion's stream ends with the usage.
    pub usage: bool,
}

/// The tool whose input is the answer, for models without structured output.
pub const ANSWER_TOOL: &str = "sfai_json_answer";

/// A whole answer in the client's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The JSON body.
    pub body: Bytes,
    /// What the provider says it used.
    pub usage: Option<Usage>,
    /// Why it ended; see [`Told`].
    pub finish: Option<&'static str>,
}

impl Answer {
    /// What the provider says of it.
    pub fn told(&self) -> Told {
        Told { finish: self.finish, usage: self.usage }
    }
}

/// What a provider says of its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Why it ended, as the client is told: `stop`, `length` and the like, or `other`.
    pub finish: Option<&'static str>,
    /// What it used.
    pub usage: Option<Usage>,
}

/// Tokens of one answer, as its provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input: fresh, read from a cache and written to one.
    pub input: u64,
    /// The part of `input` that was read from a cache.
    pub cache_read: u64,
    /// The part of `input` that was written to a cache.
    pub cache_write: u64,
    /// All output, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the provider says.
    pub reasoning: Option<u64>,
}
