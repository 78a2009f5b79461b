//! The protocols that clients speak, met with those that upstreams speak.
//!
//! Owns which request an upstream gets and how its answer comes back. Where both speak the same,
//! the bytes are passed on; everywhere else chats lie between: each front has one translation to
//! and from them, and each upstream's protocol one, so that none is needed for each pair.

mod answer;
mod error;
mod request;

pub(crate) use answer::Through;
pub use answer::whole;
pub(crate) use error::{dress, speaks_messages, stream_event};
pub(crate) use request::lacking;
pub use request::{Ask, ClientRequest};

use crate::wire::Dialect;
use crate::wire::dialect::Service;

/// What a client asks for, and in whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// OpenAI's Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// The number of tokens of a message's input.
    CountTokens,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's completions of a text.
    Completions,
    /// Completions of the gap between two texts.
    Fim,
    /// Vectors for texts.
    Embeddings,
}

impl Front {
    /// What an upstream that speaks the same is asked for.
    pub(crate) const fn service(self) -> Service {
        match self {
            Self::Chat | Self::Messages => Service::Answer,
            Self::CountTokens => Service::CountTokens,
            Self::Responses => Service::Responses,
            Self::Completions => Service::Completions,
            Self::Fim => Service::Fim,
            Self::Embeddings => Service::Embeddings,
        }
    }

    /// Whether an answer may hold nothing: where the cursor stands nothing may be missing.
    pub(crate) const fn may_be_empty(self) -> bool {
        matches!(self, Self::Completions | Self::Fim)
    }

    /// The service that not every upstream of the same protocol has, where a chat can stand in for
    /// it.
    pub(crate) const fn optional(self) -> Option<Service> {
        match self {
            Self::Responses | Self::Completions | Self::Fim => Some(self.service()),
            Self::Chat | Self::Messages | Self::CountTokens | Self::Embeddings => None,
        }
    }
}

/// How an upstream is asked for a front, and so how its answer becomes the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// What the client speaks.
    pub front: Front,
    /// What the upstream speaks.
    pub dialect: Dialect,
    /// Whether both are the same; else chats lie between.
    pub is_own: bool,
}

impl Way {
    /// The way to an upstream of this dialect.
    pub const fn of(front: Front, dialect: Dialect) -> Self {
        let is_own = match front {
            Front::Messages | Front::CountTokens => matches!(dialect, Dialect::Anthropic),
            _ => matches!(dialect, Dialect::Openai),
        };
        Self { front, dialect, is_own }
    }

    /// The way by a chat, whatever the upstream speaks.
    pub const fn by_chat(front: Front, dialect: Dialect) -> Self {
        Self { front, dialect, is_own: false }
    }
}
