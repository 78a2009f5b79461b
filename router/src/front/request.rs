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
use crate::openai::completions::chat::OUTPUT_LIMIT;
use crate::openai::request::{ChatRequest, RequestError, Target, UpstreamRequest};
use crate::openai::settings::is_empty_list;
use crate::openai::{completions, plain, responses};
use crate::wire::dialect::Service;
use crate::wire::names::MadeNames;
use crate::wire::{Dialect, Wishes};
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
    /// The client's betas, where the link speaks its protocol.
    pub beta: Option<HeaderValue>,
    /// The tools, as JSON, whose names Bedrock does not take: the names there, and the others.
    pub names: MadeNames,
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
            Front::Completions | Front::Fim => own.check_present("prompt")?,
            Front::Responses if own.get("prompt").is_some() => (),
            Front::Responses | Front::Embeddings => own.check_present("input")?,
        }
        let speaks_messages = matches!(front, Front::Messages | Front::CountTokens);
        let beta = headers.get(BETA).filter(|_| speaks_messages).cloned();
        Ok(Self { front, own, chat: OnceLock::new(), beta })
    }

    /// The same with these messages behind its own.
    ///
    /// # Errors
    /// When the messages are no list.
    pub(crate) fn with_messages(&self, more: &[serde_json::Value]) -> Result<Self, RequestError> {
        let own = self.own.with_messages(more)?;
        Ok(Self { front: self.front, own, chat: OnceLock::new(), beta: self.beta.clone() })
    }

    /// A request for a response as one for a chat.
    ///
    /// # Errors
    /// When a chat has no place for it.
    pub(crate) fn as_chat(&self) -> Result<Self, RequestError> {
        let (own, _) = responses::chat::translate(&self.own)?;
        Ok(Self { front: Front::Chat, own, chat: OnceLock::new(), beta: None })
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
        self.own.stream() && !matches!(self.front, Front::CountTokens | Front::Embeddings)
    }

    /// Whether chunks end with one that tells the usage: what other protocols are written from
    /// always does.
    pub fn include_usage(&self) -> bool {
        self.front != Front::Chat || self.own.include_usage()
    }

    /// Has the provider say what a stream used where the client does not ask for it. Streams that
    /// are translated have it asked for anyway.
    pub(crate) const fn count(&mut self) {
        if matches!(self.front, Front::Chat) {
            self.own.count();
        }
    }

    /// Whether the usage of its stream is for the router alone.
    pub(crate) const fn hides_usage(&self) -> bool {
        matches!(self.front, Front::Chat) && self.own.hides_usage()
    }

    /// What of the request shapes the answer, besides what is known to the link.
    pub(crate) fn wishes(&self) -> Wishes {
        match self.front {
            Front::Messages => {
                let shows_thinking = outline::shows_thinking(&self.own);
                let chat = self.chat.get().and_then(|chat| chat.as_ref().ok());
                let names = chat.map(|chat| chat::made_names(&self.own, &chat.request));
                Wishes { shows_thinking, names: names.unwrap_or_default(), ..Wishes::default() }
            }
            Front::Completions | Front::Fim => Wishes {
                stops: completions::chat::stops(&self.own),
                may_hold_fences: completions::chat::has_fences(&self.own),
                // Who completes texts itself says nothing around them.
                is_code: self.chat.get().is_some() && completions::chat::is_code(&self.own),
                usage: self.own.include_usage(),
                ..Wishes::default()
            },
            Front::Responses => {
                let (custom_tools, names) = responses::chat::named_tools(&self.own);
                Wishes { custom_tools, names, ..Wishes::default() }
            }
            Front::Chat | Front::CountTokens | Front::Embeddings => Wishes::default(),
        }
    }

    /// Takes out the parameters that a role denies, and names those that were set.
    pub(crate) fn deny(&mut self, denied: &BTreeSet<String>) -> Vec<String> {
        if denied.is_empty() { Vec::new() } else { self.deny_own(denied) }
    }

    #[inline(never)]
    fn deny_own(&mut self, denied: &BTreeSet<String>) -> Vec<String> {
        match self.front {
            Front::Chat | Front::Completions | Front::Fim | Front::Embeddings => {
                self.own.deny(denied)
            }
            Front::Messages | Front::CountTokens | Front::Responses => {
                let names = denied.iter().map(|name| self.own_name(name).to_owned());
                self.own.deny(&names.collect())
            }
        }
    }

    /// The request for a link that goes this way.
    ///
    /// # Errors
    /// When the link cannot be asked for this, with the part at fault.
    pub fn build(&self, way: Way, target: &Target<'_>) -> Result<Ask, RequestError> {
        let dialect = way.dialect;
        let request = match (self.front, way.is_own) {
            (Front::Chat, _) => built(&self.own, dialect, target)?,
            (Front::Messages, true) => splice::build(&self.own, target, splice::Question::Message)?,
            (Front::CountTokens, true) => {
                splice::build(&self.own, target, splice::Question::Count)?
            }
            (Front::Responses, true) => responses::splice::build(&self.own, target)?,
            (Front::Completions | Front::Fim, true) => plain::completion(&self.own, target)?,
            (Front::Embeddings, true) => plain::embedding(&self.own, target),
            (Front::CountTokens, false) => return Err(lacking("counts no tokens")),
            (Front::Embeddings, false) => return Err(lacking("has no embeddings")),
            (Front::Messages | Front::Responses | Front::Completions | Front::Fim, false) => {
                self.through_chat(dialect, target)?
            }
        };
        let service = if way.is_own { self.front.service() } else { Service::Answer };
        let beta = self.beta.clone().filter(|_| way.is_own);
        Ok(Ask { request, service, beta, names: MadeNames::new() })
    }

    #[inline(never)]
    fn through_chat(
        &self,
        dialect: Dialect,
        target: &Target<'_>,
    ) -> Result<UpstreamRequest, RequestError> {
        if self.front == Front::Messages {
            splice::check_end(&self.own, target)?;
        }
        let translate = match self.front {
            Front::Completions | Front::Fim => completions::chat::translate,
            Front::Responses => responses::chat::translate,
            _ => chat::translate,
        };
        let chat = self.chat.get_or_init(|| {
            translate(&self.own).map(|(request, dropped)| Translated { request, dropped })
        });
        let Translated { request, dropped } = chat.as_ref().map_err(Clone::clone)?;
        if request.get("messages").is_some_and(is_empty_list) {
            let (name, hold) = match self.front {
                Front::Responses => ("input", "holds"),
                _ => ("messages", "hold"),
            };
            return Err(RequestError::at(name, format!("{hold} nothing but white space")));
        }
        let is_completion = matches!(self.front, Front::Completions | Front::Fim);
        let mut parameters = *target.parameters;
        if is_completion {
            parameters.max_tokens = parameters.max_tokens.or(Some(OUTPUT_LIMIT));
        }
        let mut built = built(request, dialect, &Target { parameters: &parameters, ..*target })?;
        if is_completion {
            // It is ours, and not the client's.
            built.dropped.retain(|name| name != "reasoning_effort");
        }
        for name in &mut built.dropped {
            *name = match name.split_once('.') {
                Some((of, part)) => format!("{}.{part}", self.own_name(of)),
                None => self.own_name(name).to_owned(),
            };
        }
        built.dropped.extend(dropped.iter().cloned());
        Ok(built)
    }

    /// What the client calls a chat's parameter.
    fn own_name<'n>(&self, name: &'n str) -> &'n str {
        match (self.front, name) {
            (Front::Completions | Front::Fim, "max_completion_tokens") => "max_tokens",
            (Front::Chat | Front::Completions | Front::Fim | Front::Embeddings, name) => name,
            (Front::Responses, "max_completion_tokens" | "max_tokens") => "max_output_tokens",
            (Front::Responses, "reasoning_effort") => "reasoning",
            (Front::Responses, "response_format") => "text",
            (Front::Responses, name) => name,
            (_, "max_completion_tokens") => "max_tokens",
            (_, "stop") => "stop_sequences",
            (_, "user") => "metadata",
            (_, "reasoning_effort") if self.own.get("thinking").is_some() => "thinking",
            (_, "reasoning_effort" | "response_format") => "output_config",
            (_, name) => name,
        }
    }
}

/// The error of a link whose provider cannot do it.
pub(crate) fn lacking(what: &str) -> RequestError {
    let message = format!("this model's provider {what}");
    RequestError { message, param: None, code: Some("unsupported_endpoint") }
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
