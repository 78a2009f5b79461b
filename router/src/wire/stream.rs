//! An upstream's stream, read chunk by chunk.
//!
//! Owns what a reader says about each chunk; the readers themselves are `stream` of each protocol.

use super::{AnswerOptions, Dialect, Told, UpstreamError, Usage};
use crate::{anthropic, openai};
use bytes::Bytes;

/// What one network chunk of an upstream's stream brought.
#[derive(Debug, Default)]
pub struct Progress {
    /// Whole events to send to the client, possibly none.
    pub out: Bytes,
    /// Whole events that this chunk completed, those that are left out and pings too.
    pub events: u32,
    /// Whether a content, reasoning or tool delta is in `out` or was before.
    pub token: bool,
    /// Whether the end mark was seen: `[DONE]`, `message_stop`.
    pub ended: bool,
    /// An error event: `out` holds what came before it, and nothing comes after it.
    pub failure: Option<StreamFailure>,
}

/// An error inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFailure {
    /// What went wrong.
    pub error: UpstreamError,
    /// The upstream's own error event where it speaks the client's protocol, to be forwarded after
    /// the commit; empty where the caller writes one.
    pub event: Bytes,
}

/// What is left when the upstream's bytes are over.
#[derive(Debug)]
pub struct End {
    /// Events still to be sent to the client, possibly none.
    pub out: Bytes,
    /// How the stream ended.
    pub ending: Ending,
}

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an end mark or a finish reason.
    Complete,
    /// As `Complete`, but without content, tool call or refusal, and with no other reason given
    /// (the output limit, a content filter) why there is none.
    Empty,
    /// With neither an end mark nor a finish reason.
    Cut,
    /// With an error event, now or before.
    Failed(Box<StreamFailure>),
}

/// Reads an upstream's stream and writes the client's.
#[derive(Debug)]
pub struct StreamReader(Reader);

#[derive(Debug)]
enum Reader {
    Openai(Box<openai::stream::Reader>),
    Anthropic(Box<anthropic::stream::Reader>),
}

impl StreamReader {
    /// A reader for the start of a stream in the upstream's dialect.
    pub fn new(dialect: Dialect, options: AnswerOptions) -> Self {
        Self(match dialect {
            Dialect::Openai => Reader::Openai(Box::default()),
            Dialect::Anthropic => {
                Reader::Anthropic(Box::new(anthropic::stream::Reader::new(options)))
            }
        })
    }

    /// Takes the next bytes. Where they are cut does not matter.
    pub fn push(&mut self, chunk: Bytes) -> Progress {
        match &mut self.0 {
            Reader::Openai(reader) => reader.push(chunk),
            Reader::Anthropic(reader) => reader.push(chunk),
        }
    }

    /// Takes the end of the bytes.
    pub fn finish(&mut self) -> End {
        match &mut self.0 {
            Reader::Openai(reader) => reader.finish(),
            Reader::Anthropic(reader) => reader.finish(),
        }
    }

    /// What the provider has said so far that it used.
    pub fn usage(&self) -> Option<Usage> {
        match &self.0 {
            Reader::Openai(reader) => reader.usage(),
            Reader::Anthropic(reader) => reader.usage(),
        }
    }

    /// Why it ended, if it has said so, and what it used.
    pub fn told(&self) -> Told {
        let finish = match &self.0 {
            Reader::Openai(reader) => reader.reason(),
            Reader::Anthropic(reader) => reader.reason(),
        };
        Told { finish, usage: self.usage() }
    }

    /// Events left out because their data is not JSON.
    pub fn skipped(&self) -> u32 {
        match &self.0 {
            Reader::Openai(reader) => reader.skipped(),
            Reader::Anthropic(reader) => reader.skipped(),
        }
    }
}
