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
pub use request::{Ask, ClientRequest};

use crate::wire::Dialect;

/// What a client asks for, and in whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// OpenAI's Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// The number of tokens of a message's input.
    CountTokens,
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
            Front::Chat => matches!(dialect, Dialect::Openai),
            Front::Messages | Front::CountTokens => matches!(dialect, Dialect::Anthropic),
        };
        Self { front, dialect, is_own }
    }
}
