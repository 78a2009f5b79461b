//! A client's request in whichever protocol, and the request for a link made from it.
//!
//! Owns the choice between the client's own bytes and the chat that they are translated to; how
//! either is written is each protocol's.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{Front, Way};
use crate::anthropic::client::{chat, outline, splice};
use crate::openai::request::{ChatRequest, RequestError, Target, UpstreamRequest};
use crate::wire::Dialect;
use crate::wire::dialect::Service;
use crate::{anthropic, openai};

/// The betas that a client of Anthropic's asks for; meant for links of its protocol alone.
const BETA: &str = "anthropic-beta";

/// A client's request.
#[derive(Debug)]
pub struct ClientRequest {
    front: Front,
    own: ChatRequest,
    /// Made when a link first needs it.
    chat: OnceLock<Result<Translated, RequestError>>,
    beta: Option<HeaderValue>,
}

#[derive(Debug)]
struct Translated {
    request: ChatRequest,
    /// What a chat has no place for.
    dropped: Vec<String>,
}

/// What is sent to a link.
#[derive(Debug)]
pub struct Ask {
    /// The request.
    pub request: UpstreamRequest,
    /// Which of the upstream's services it is for.
    pub service: Service,
    /// How the answer is read.
    pub way: Way,
    /// The client's betas, where the link speaks its protocol.
    pub beta: Option<HeaderValue>,
}

impl ClientRequest {
    /// Takes a body apart.
    ///
    /// # Errors
    /// As [`ChatRequest::parse`].
    pub fn parse(front: Front, headers: &HeaderMap, body: Bytes) -> Result<Self, RequestError> {
        let own = ChatRequest::parse_any(body)?;
        match front {
            Front::Chat | Front::Messages | Front::CountTokens => own.check_list("messages")?,
        }
        let speaks_messages = matches!(front, Front::Messages | Front::CountTokens);
        let beta = headers.get(BETA).filter(|_| speaks_messages).cloned();
        Ok(Self { front, own, chat: OnceLock::new(), beta })
    }

    /// What the client speaks.
    pub const fn front(&self) -> Front {
        self.front
    }

    /// The request as it came.
    pub const fn own(&self) -> &ChatRequest {
        &self.own
    }

    /// What the client asks for: a role's name.
    pub fn model(&self) -> &str {
        self.own.model()
    }

    /// Whether it wants a stream.
    pub fn stream(&self) -> bool {
        self.own.stream() && self.front != Front::CountTokens
    }

    /// Whether chunks end with one that tells the usage: what other protocols are written from
    /// always does.
    pub fn include_usage(&self) -> bool {
        self.front != Front::Chat || self.own.include_usage()
    }

    /// Whether it asks to see reasoning.
    pub fn shows_thinking(&self) -> bool {
        match self.front {
            Front::Chat | Front::CountTokens => true,
            Front::Messages => outline::shows_thinking(&self.own),
        }
    }

    /// Takes out the parameters that a role denies, and names those that were set.
    pub(crate) fn deny(&mut self, denied: &BTreeSet<String>) -> Vec<String> {
        match self.front {
            Front::Chat => self.own.deny(denied),
            Front::Messages | Front::CountTokens => {
                let names = denied.iter().map(|name| self.own_name(name).to_owned());
                self.own.deny(&names.collect())
            }
        }
    }

    /// The request for a link.
    ///
    /// # Errors
    /// When the link cannot be asked for this, with the part at fault.
    pub fn build(&self, dialect: Dialect, target: &Target<'_>) -> Result<Ask, RequestError> {
        let way = Way::of(self.front, dialect);
        let request = match (self.front, way.is_own) {
            (Front::Messages, true) => splice::build(&self.own, target, splice::Question::Message)?,
            (Front::CountTokens, true) => {
                splice::build(&self.own, target, splice::Question::Count)?
            }
            (Front::CountTokens, false) => {
                let message = "this model's provider counts no tokens".to_owned();
                return Err(RequestError { message, param: None, code: None });
            }
            (Front::Chat, _) => built(&self.own, dialect, target)?,
            (Front::Messages, false) => self.through_chat(dialect, target)?,
        };
        let service = match self.front {
            Front::CountTokens => Service::CountTokens,
            _ => Service::Answer,
        };
        let beta = self.beta.clone().filter(|_| way.is_own);
        Ok(Ask { request, service, way, beta })
    }

    fn through_chat(
        &self,
        dialect: Dialect,
        target: &Target<'_>,
    ) -> Result<UpstreamRequest, RequestError> {
        splice::check_end(&self.own, target)?;
        let chat = self.chat.get_or_init(|| {
            chat::translate(&self.own).map(|(request, dropped)| Translated { request, dropped })
        });
        let Translated { request, dropped } = chat.as_ref().map_err(Clone::clone)?;
        let mut built = built(request, dialect, target)?;
        for name in &mut built.dropped {
            *name = self.own_name(name).to_owned();
        }
        built.dropped.extend(dropped.iter().cloned());
        Ok(built)
    }

    /// What the client calls a chat's parameter.
    fn own_name<'n>(&self, name: &'n str) -> &'n str {
        match (self.front, name) {
            (Front::Chat, name) => name,
            (_, "max_completion_tokens") => "max_tokens",
            (_, "stop") => "stop_sequences",
            (_, "user") => "metadata",
            (_, "reasoning_effort") if self.own.get("thinking").is_some() => "thinking",
            (_, "reasoning_effort" | "response_format") => "output_config",
            (_, name) => name,
        }
    }
}

fn built(
    request: &ChatRequest,
    dialect: Dialect,
    target: &Target<'_>,
) -> Result<UpstreamRequest, RequestError> {
    match dialect {
        Dialect::Openai => openai::request::build(request, target),
        Dialect::Anthropic => anthropic::request::build(request, target),
    }
}
