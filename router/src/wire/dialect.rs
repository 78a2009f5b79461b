//! The protocols that the router can speak to an upstream.
//!
//! Owns which of the map's protocols is which of them; requests and readers are each protocol's.

use model_map::Protocol;

/// A protocol with a translation here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The Messages API.
    Anthropic,
    /// Chat Completions: the client's own.
    Openai,
}

impl Dialect {
    /// How a provider of this protocol is spoken to; none where the router cannot yet.
    pub const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Anthropic => Some(Self::Anthropic),
            // The demo speaks both; as the client does there is nothing to translate.
            Protocol::Demo | Protocol::Openai => Some(Self::Openai),
            Protocol::Bedrock => None,
        }
    }

    /// The path below a provider's `base_url` where chats go.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::Openai => "/chat/completions",
        }
    }
}
