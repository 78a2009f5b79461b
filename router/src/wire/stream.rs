//! An upstream's stream, read chunk by chunk.
//!
//! Owns what a reader says about each chunk; the readers themselves are `stream` of each protocol.

use super::{AnswerOptions, Dialect, Told, UpstreamError, Usage};
use crate::front::{Front, Through, Way, stream_event};
use crate::openai::error::ClientError;
use crate::openai::responses::error::Broken;
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
    /// (the output limit, a content filter) why there is none. Nothing before tells of an end: what
    /// would have is in [`End::out`], for whom such an answer is enough.
    Empty,
    /// With neither an end mark nor a finish reason.
    Cut,
    /// With an error event, now or before.
    Failed(Box<StreamFailure>),
}

/// Reads an upstream's stream and writes the client's.
#[derive(Debug)]
pub struct StreamReader {
    front: Front,
    reader: Reader,
    /// What makes another protocol's events of chunks.
    through: Option<Box<Through>>,
    /// What makes events of what Bedrock sends.
    #[cfg(feature = "aws")]
    decoder: Option<Box<crate::bedrock::Decoder>>,
}

#[derive(Debug)]
enum Reader {
    Openai(Box<openai::stream::Reader>),
    Anthropic(Box<anthropic::stream::Reader>),
    Messages(Box<anthropic::client::forward::Reader>),
    Responses(Box<openai::responses::forward::Reader>),
}

impl StreamReader {
    /// A reader for the start of a stream in the upstream's dialect, for a client of chats.
    pub fn new(dialect: Dialect, options: AnswerOptions) -> Self {
        Self::of(Way::of(Front::Chat, dialect), options)
    }

    /// A reader for the start of a stream that comes this way.
    pub fn of(way: Way, options: AnswerOptions) -> Self {
        let through = if way.is_own { None } else { Through::new(way.front, &options) };
        let reader = match (way.front, way.dialect) {
            (Front::Messages, Dialect::Anthropic) if way.is_own => Reader::Messages(Box::default()),
            (Front::Responses, Dialect::Openai) if way.is_own => Reader::Responses(Box::default()),
            (_, Dialect::Openai) => {
                let along = openai::stream::Along::new(options.hides_usage);
                Reader::Openai(Box::new(openai::stream::Reader::of(along)))
            }
            (_, Dialect::Anthropic) => {
                Reader::Anthropic(Box::new(anthropic::stream::Reader::new(options)))
            }
        };
        Self {
            front: way.front,
            reader,
            through: through.map(Box::new),
            #[cfg(feature = "aws")]
            decoder: None,
        }
    }

    /// For what Bedrock answers, under an id of its own.
    #[cfg(feature = "aws")]
    pub fn of_bedrock(front: Front, id: String, options: AnswerOptions) -> Self {
        let decoder = crate::bedrock::Decoder::new(id, options.model.clone(), Default::default());
        Self::of(Way::of(front, Dialect::Anthropic), options).decoding(decoder)
    }

    /// For bytes that Bedrock sends.
    #[cfg(feature = "aws")]
    pub(crate) fn decoding(self, decoder: crate::bedrock::Decoder) -> Self {
        Self { decoder: Some(Box::new(decoder)), ..self }
    }

    /// What the client speaks.
    pub const fn front(&self) -> Front {
        self.front
    }

    /// Takes the next bytes. Where they are cut does not matter.
    pub fn push(&mut self, chunk: Bytes) -> Progress {
        #[cfg(feature = "aws")]
        let chunk = match &mut self.decoder {
            Some(decoder) => decoder.push(&chunk),
            None => chunk,
        };
        self.hear(chunk)
    }

    fn hear(&mut self, chunk: Bytes) -> Progress {
        let progress = match &mut self.reader {
            Reader::Openai(reader) => reader.push(chunk),
            Reader::Anthropic(reader) => reader.push(chunk),
            Reader::Messages(reader) => reader.push(chunk),
            Reader::Responses(reader) => reader.push(chunk),
        };
        match &mut self.through {
            Some(through) => through.progress(progress),
            None => progress,
        }
    }

    /// Takes the end of the bytes.
    pub fn finish(&mut self) -> End {
        #[cfg(feature = "aws")]
        if let Some(rest) = self.decoder.as_mut().map(|decoder| decoder.finish()) {
            let said = self.hear(rest).out;
            let end = self.end();
            let out = if said.is_empty() { end.out } else { [said, end.out].concat().into() };
            return End { out, ..end };
        }
        self.end()
    }

    fn end(&mut self) -> End {
        let end = match &mut self.reader {
            Reader::Openai(reader) => reader.finish(),
            Reader::Anthropic(reader) => reader.finish(),
            Reader::Messages(reader) => reader.finish(),
            Reader::Responses(reader) => reader.finish(),
        };
        let mut end = match &mut self.through {
            Some(through) => through.end(end),
            None => end,
        };
        if self.front.may_be_empty() && end.ending == Ending::Empty {
            end.ending = Ending::Complete;
        }
        end
    }

    /// What the provider has said so far that it used.
    pub fn usage(&self) -> Option<Usage> {
        match &self.reader {
            Reader::Openai(reader) => reader.usage(),
            Reader::Anthropic(reader) => reader.usage(),
            Reader::Messages(reader) => reader.usage(),
            Reader::Responses(reader) => reader.usage(),
        }
    }

    /// The event that ends the stream with an error, behind all that was read.
    pub(crate) fn fail(&mut self, error: &ClientError) -> Bytes {
        let written = self.through.as_mut().and_then(|through| through.fail(error));
        written.unwrap_or_else(|| {
            let broken = match &self.reader {
                Reader::Responses(reader) => reader.along().broken(),
                _ => Broken::default(),
            };
            stream_event(self.front, error, broken)
        })
    }

    /// Why it ended, if it has said so, and what it used.
    pub fn told(&self) -> Told {
        let finish = match &self.reader {
            Reader::Openai(reader) => reader.reason(),
            Reader::Anthropic(reader) => reader.reason(),
            Reader::Messages(reader) => reader.reason(),
            Reader::Responses(reader) => reader.reason(),
        };
        Told { finish, usage: self.usage() }
    }

    /// Events left out because their data is not JSON.
    pub fn skipped(&self) -> u32 {
        match &self.reader {
            Reader::Openai(reader) => reader.skipped(),
            Reader::Anthropic(reader) => reader.skipped(),
            Reader::Messages(reader) => reader.skipped(),
            Reader::Responses(reader) => reader.skipped(),
        }
    }
}
