//! Answers of upstreams that do not speak the client's protocol.
//!
//! Owns the way from a chat completion, in which such an answer is read, to the front's own shape.

use bytes::Bytes;

use super::{Front, Way};
use crate::anthropic::client::compose::Composer;
use crate::anthropic::client::forward;
use crate::wire::{Answer, AnswerOptions, Dialect, End, Ending, Progress, UpstreamError};
use crate::{anthropic, openai};

/// Reads a whole answer and writes the client's. Errors where it is none.
pub fn whole(way: Way, body: Bytes, options: &AnswerOptions) -> Result<Answer, UpstreamError> {
    match (way.front, way.is_own) {
        (Front::Messages, true) => return forward::read(body),
        (Front::CountTokens, _) => return forward::read_count(body),
        _ => (),
    }
    let chat = match way.dialect {
        Dialect::Openai => openai::answer::read(body),
        Dialect::Anthropic => anthropic::answer::translate(&body, options),
    }?;
    Ok(match way.front {
        Front::Chat | Front::CountTokens => chat,
        Front::Messages => {
            let body = Composer::whole(&chat.body, &options.model, options.shows_thinking);
            Answer { body, ..chat }
        }
    })
}

/// Turns chunks into the events of another protocol.
#[derive(Debug)]
pub(crate) struct Through(Composer);

impl Through {
    /// For the start of a stream; none where chunks are what the client wants.
    pub(crate) fn new(front: Front, options: &AnswerOptions) -> Option<Self> {
        match front {
            Front::Chat | Front::CountTokens => None,
            Front::Messages => {
                Some(Self(Composer::streamed(&options.model, options.shows_thinking)))
            }
        }
    }

    /// Takes what the chat's reader says of the next bytes.
    pub(crate) fn progress(&mut self, mut progress: Progress) -> Progress {
        progress.out = self.0.push(&progress.out);
        if let Some(failure) = &mut progress.failure {
            // It is told in the client's words, not in the upstream's.
            failure.event = Bytes::new();
        }
        progress
    }

    /// Takes the end of the bytes.
    pub(crate) fn end(&mut self, end: End) -> End {
        let End { out, mut ending } = end;
        let mut out = self.0.push(&out);
        match &mut ending {
            Ending::Complete | Ending::Empty => {
                let rest = self.0.end();
                out = if out.is_empty() { rest } else { [out, rest].concat().into() };
            }
            Ending::Failed(failure) => failure.event = Bytes::new(),
            Ending::Cut => (),
        }
        End { out, ending }
    }
}
