//! What a request is like, for the conditions of its role, and which conversation it belongs to,
//! for draws.
//!
//! Owns the reading of a request in any client's protocol; the questions are [`model_map::Facts`]'s. Nothing is looked
//! at before a condition asks for it, and what needs a pass over the messages is worked out once.

mod survey;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use model_map::{Draw, Facts, Flag, NumberFact, Role, TextFact, estimate_tokens};
use serde::Deserialize;
use serde_json::Value;

use crate::front::{ClientRequest, Front};
use crate::openai::request::ChatRequest;
use survey::Survey;

/// The facts of a request.
pub struct RequestFacts<'r> {
    client: Option<&'r str>,
    headers: &'r HeaderMap,
    front: Front,
    request: &'r ChatRequest,
    metadata: OnceCell<BTreeMap<String, Value>>,
    survey: OnceCell<Survey>,
}

impl<'r> RequestFacts<'r> {
    /// The facts of a request with these headers, by this client where clients have names.
    pub fn new(
        request: &'r ClientRequest,
        headers: &'r HeaderMap,
        client: Option<&'r str>,
    ) -> Self {
        let (metadata, survey) = (OnceCell::new(), OnceCell::new());
        let (front, request) = (request.front(), request.own());
        Self { client, headers, front, request, metadata, survey }
    }

    /// What is known without looking: who asks, and whether for a stream. For a span also what one
    /// look at a field tells.
    pub(crate) fn basic(&self, for_span: bool) -> model_map::RequestFacts {
        let client = self.client.map(str::to_owned);
        let stream = self.request.stream();
        let (json, max_tokens) =
            if for_span { (self.wants_json(), self.max_tokens()) } else { (false, None) };
        let none = model_map::RequestFacts::default();
        model_map::RequestFacts { client, stream, json, max_tokens, ..none }
    }

    /// The request's body, as it came.
    pub(crate) fn body(&self) -> &Bytes {
        self.request.body()
    }

    /// The role that is asked for.
    pub fn role(&self) -> &str {
        self.request.model()
    }

    /// What stands for chance in this request's conversation; the same for all where the role
    /// draws nothing.
    pub fn draw(&self, role: &Role) -> Draw {
        if role.arms.iter().all(|arm| arm.draw.is_empty()) {
            return Draw::percent(0);
        }
        Draw::of(self.client, &self.conversation())
    }

    /// What the requests of one conversation have in common: the session that the client names in
    /// its metadata, else its first user message and the `user` whom it asks for. Of that message
    /// only the first text counts, since clients move cache marks and add parts later on.
    #[inline(never)]
    fn conversation(&self) -> Cow<'_, [u8]> {
        let session = ["session_id", "conversation_id"].iter().find_map(|key| self.metadata(key));
        if let Some(session) = session {
            return Cow::Borrowed(session.as_bytes());
        }
        let first = survey::first_user_text(self.messages());
        let first = first.or_else(|| self.request.get("prompt")).unwrap_or_default();
        // What Anthropic's clients call a user's id is that of a session more often than not.
        let user = self.request.get("user").or_else(|| self.metadata("user_id"));
        match user {
            Some(user) => Cow::Owned([user, first].concat().into_bytes()),
            None => Cow::Borrowed(first.as_bytes()),
        }
    }

    fn messages(&self) -> &str {
        let name = if self.front == Front::Responses { "input" } else { "messages" };
        self.request.get(name).unwrap_or_default()
    }

    /// What stands apart from the messages in the client's protocol.
    fn system(&self) -> Option<&str> {
        match self.front {
            Front::Messages | Front::CountTokens => self.request.get("system"),
            Front::Responses => self.request.get("instructions"),
            _ => None,
        }
    }

    fn survey(&self) -> &Survey {
        let text = |name| self.request.get(name).unwrap_or_default();
        self.survey.get_or_init(|| match self.front {
            Front::Completions | Front::Fim => Survey::of_texts(&[text("prompt"), text("suffix")]),
            Front::Embeddings => Survey::of_texts(&[text("input")]),
            _ => Survey::of(self.messages(), self.system()),
        })
    }

    /// A text of the request's `metadata`; other values are none.
    fn metadata(&self, key: &str) -> Option<&str> {
        let read = || self.request.read("metadata").ok().flatten().unwrap_or_default();
        self.metadata.get_or_init(read).get(key).and_then(Value::as_str)
    }

    /// The raw tools, where there are any.
    fn tools(&self) -> Option<&str> {
        let lists = ["tools", "functions"].iter().filter_map(|name| self.request.get(name));
        let mut full =
            lists.filter(|list| !list.trim_matches(['[', ']', ' ', '\n', '\r', '\t']).is_empty());
        full.next()
    }

    fn wants_json(&self) -> bool {
        #[derive(Deserialize)]
        struct Format<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        #[derive(Deserialize)]
        struct Config<'a> {
            #[serde(borrow, default)]
            format: Option<Format<'a>>,
        }
        let config = || self.request.read::<Config<'_>>("output_config").ok().flatten();
        let named = |name| self.request.read::<Format<'_>>(name).ok().flatten();
        let format = match self.front {
            Front::Messages | Front::CountTokens => {
                config().and_then(|config| config.format).or_else(|| named("output_format"))
            }
            Front::Responses => {
                let text = self.request.read::<Config<'_>>("text").ok().flatten();
                text.and_then(|text| text.format)
            }
            _ => named("response_format"),
        };
        format.is_some_and(|format| matches!(&*format.kind, "json_schema" | "json_object"))
    }

    fn max_tokens(&self) -> Option<u64> {
        let names: &[&str] = match self.front {
            Front::Responses => &["max_output_tokens"],
            _ => &["max_completion_tokens", "max_tokens"],
        };
        names.iter().find_map(|name| self.request.read(name).ok().flatten())
    }
}

impl Facts for RequestFacts<'_> {
    fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Image => self.survey().image,
            Flag::Json => self.wants_json(),
            Flag::Stream => self.request.stream(),
            Flag::Tools => self.tools().is_some(),
        }
    }

    fn number(&self, fact: NumberFact) -> Option<u64> {
        match fact {
            NumberFact::MaxTokens => self.max_tokens(),
            NumberFact::Messages => Some(self.survey().messages),
            NumberFact::Tokens => {
                Some(self.survey().tokens + self.tools().map_or(0, estimate_tokens))
            }
        }
    }

    fn text(&self, fact: &TextFact) -> Option<&str> {
        match fact {
            TextFact::Client => self.client,
            TextFact::Header(name) => {
                let value = self.headers.get(name)?;
                std::str::from_utf8(value.as_bytes()).ok()
            }
            TextFact::Metadata(key) => self.metadata(key),
        }
    }
}

#[cfg(test)]
mod tests;
