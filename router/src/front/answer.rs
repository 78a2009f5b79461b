//! Answers of upstreams that do not speak the client's protocol.
//!
//! Owns the way from a chat completion, in which such an answer is read, to the front's own shape.

use bytes::Bytes;
use model_map::FailureClass;

use super::{Front, Way};
use crate::anthropic::client::compose as messages;
use crate::anthropic::client::forward;
use crate::openai::completions::compose as completions;
use crate::openai::error::ClientError;
use crate::openai::responses::compose as responses;
use crate::wire::{Answer, AnswerOptions, Dialect, End, Ending, Progress, UpstreamError};
use crate::{anthropic, openai};

/// Reads a whole answer and writes the client's. Errors where it is none.
pub fn whole(way: Way, body: Bytes, options: &AnswerOptions) -> Result<Answer, UpstreamError> {
    match (way.front, way.is_own) {
        (Front::Messages, true) => return forward::read(body),
        (Front::Responses, true) => return openai::responses::forward::read(body),
        (Front::CountTokens, _) => return forward::read_count(body),
        (Front::Embeddings, _) => return openai::plain::read_embeddings(body),
        _ => (),
    }
    let chat = match way.dialect {
        Dialect::Openai => openai::answer::read(body.clone()),
        Dialect::Anthropic => anthropic::answer::translate(&body, options),
    };
    let chat = match chat {
        Err(error) if way.front.may_be_empty() && error.failure.class == FailureClass::Empty => {
            let body = if way.is_own { body } else { Bytes::from_static(b"{}") };
            Answer { body, usage: None, finish: None }
        }
        chat => chat?,
    };
    if way.is_own {
        return Ok(chat);
    }
    let body = match way.front {
        Front::Messages => messages::Composer::whole(&chat.body, message_wanted(options)),
        Front::Completions | Front::Fim => {
            completions::Composer::whole(&chat.body, shape(way.front), wanted(options))
        }
        Front::Responses => responses::Composer::whole(&chat.body, response_wanted(options)),
        Front::Chat | Front::CountTokens | Front::Embeddings => return Ok(chat),
    };
    Ok(Answer { body, ..chat })
}

const fn shape(front: Front) -> completions::Shape {
    match front {
        Front::Fim => completions::Shape::Gap,
        _ => completions::Shape::Completion,
    }
}

fn message_wanted(options: &AnswerOptions) -> messages::Wanted<'_> {
    messages::Wanted {
        model: &options.model,
        shows_thinking: options.wishes.shows_thinking,
        names: &options.wishes.names,
        chance: options.chance,
    }
}

fn response_wanted(options: &AnswerOptions) -> responses::Wanted {
    responses::Wanted {
        custom_tools: options.wishes.custom_tools.clone(),
        names: options.wishes.names.clone(),
        model: options.model.clone(),
        created: options.created,
        chance: options.chance,
    }
}

fn wanted(options: &AnswerOptions) -> completions::Wanted {
    let wishes = options.wishes.clone();
    completions::Wanted {
        stops: wishes.stops,
        may_hold_fences: wishes.may_hold_fences,
        is_code: wishes.is_code,
        usage: wishes.usage,
        model: options.model.clone(),
        created: options.created,
    }
}

/// Turns chunks into the events of another protocol.
#[derive(Debug)]
pub(crate) enum Through {
    Messages(messages::Composer),
    Completions(completions::Composer),
    Responses(responses::Composer),
}

impl Through {
    /// For the start of a stream; none where chunks are what the client wants.
    pub(crate) fn new(front: Front, options: &AnswerOptions) -> Option<Self> {
        match front {
            Front::Chat | Front::CountTokens | Front::Embeddings => None,
            Front::Messages => {
                Some(Self::Messages(messages::Composer::streamed(message_wanted(options))))
            }
            Front::Responses => {
                Some(Self::Responses(responses::Composer::streamed(response_wanted(options))))
            }
            Front::Completions | Front::Fim => {
                let composer = completions::Composer::streamed(shape(front), wanted(options));
                Some(Self::Completions(composer))
            }
        }
    }

    fn push(&mut self, events: &[u8]) -> Bytes {
        match self {
            Self::Messages(composer) => composer.push(events),
            Self::Completions(composer) => composer.push(events),
            Self::Responses(composer) => composer.push(events),
        }
    }

    fn close(&mut self) -> Bytes {
        match self {
            Self::Messages(composer) => composer.end(),
            Self::Completions(composer) => composer.end(),
            Self::Responses(composer) => composer.end(),
        }
    }

    /// Ends the stream with an error; none where such an event is the same wherever it comes.
    pub(crate) fn fail(&mut self, error: &ClientError) -> Option<Bytes> {
        match self {
            Self::Responses(composer) => Some(composer.fail(error)),
            Self::Messages(_) | Self::Completions(_) => None,
        }
    }

    /// Takes what the chat's reader says of the next bytes.
    pub(crate) fn progress(&mut self, mut progress: Progress) -> Progress {
        progress.out = self.push(&progress.out);
        if let Some(failure) = &mut progress.failure {
            // It is told in the client's words, not in the upstream's.
            failure.event = Bytes::new();
        }
        progress
    }

    /// Takes the end of the bytes.
    pub(crate) fn end(&mut self, end: End) -> End {
        let End { out, mut ending } = end;
        if ending == Ending::Empty && !matches!(self, Self::Completions(_)) {
            // There will be no such end.
            return End { out: Bytes::new(), ending };
        }
        let mut out = self.push(&out);
        match &mut ending {
            Ending::Complete | Ending::Empty => {
                let rest = self.close();
                out = if out.is_empty() { rest } else { [out, rest].concat().into() };
            }
            Ending::Failed(failure) => failure.event = Bytes::new(),
            Ending::Cut => (),
        }
        End { out, ending }
    }
}
