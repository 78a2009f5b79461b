//! The protocols that the router can speak to an upstream.
//!
//! Owns which of the map's protocols is which of them; requests and readers are each protocol's.

use model_map::{ModelEndpoint, Protocol};

/// A protocol with a translation here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The Messages API.
    Anthropic,
    /// Chat Completions: the client's own.
    Openai,
}

/// What an upstream can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// An answer to a chat.
    Answer,
    /// How many tokens a chat has.
    CountTokens,
    /// An answer in the shape of a response.
    Responses,
    /// A text's completion.
    Completions,
    /// What stands between two texts.
    Fim,
    /// Vectors.
    Embeddings,
}

impl Service {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Answer,
        Self::CountTokens,
        Self::Responses,
        Self::Completions,
        Self::Fim,
        Self::Embeddings,
    ];

    /// The endpoint of an OpenAI-style provider that it is, where it is one.
    pub const fn of_model(self) -> Option<ModelEndpoint> {
        match self {
            Self::Answer => Some(ModelEndpoint::Chat),
            Self::CountTokens => None,
            Self::Responses => Some(ModelEndpoint::Responses),
            Self::Completions => Some(ModelEndpoint::Completions),
            Self::Fim => Some(ModelEndpoint::Fim),
            Self::Embeddings => Some(ModelEndpoint::Embeddings),
        }
    }
}

impl Dialect {
    /// How a provider of this protocol is spoken to; none for Bedrock, whose own words stand on the
    /// far side of Anthropic's.
    pub const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Anthropic => Some(Self::Anthropic),
            // The demo speaks both; as the client does there is nothing to translate.
            Protocol::Demo | Protocol::Openai => Some(Self::Openai),
            Protocol::Bedrock => None,
        }
    }

    /// The path below a provider's `base_url` of one of its services; that of its answers where it
    /// has no such service.
    pub const fn path(self, service: Service) -> &'static str {
        match (self, service) {
            (Self::Anthropic, Service::CountTokens) => "/v1/messages/count_tokens",
            (Self::Anthropic, _) => "/v1/messages",
            (Self::Openai, Service::Responses) => "/responses",
            (Self::Openai, Service::Completions) => "/completions",
            (Self::Openai, Service::Fim) => "/fim/completions",
            (Self::Openai, Service::Embeddings) => "/embeddings",
            (Self::Openai, Service::Answer | Service::CountTokens) => "/chat/completions",
        }
    }
}
