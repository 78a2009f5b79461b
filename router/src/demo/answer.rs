//! From a request to the demo's answer, as a pure function: which protocol, then its answer.
//!
//! It owns the shapes that the protocols share; sockets and pace are in [`super::server`].

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{anthropic, openai};

/// What tells one answer from another; given in, so that an answer can be predicted.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Seconds since 1970, for `created`.
    pub created: u64,
    /// The number of the request, from which its ids are made.
    pub serial: u64,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body, whole or as a stream.
    pub body: Body,
    /// The headers that the provider would send, less those about the connection.
    pub headers: HeaderMap,
    /// The HTTP status.
    pub status: StatusCode,
}

/// The body of an [`Answer`].
#[derive(Debug, Clone)]
pub enum Body {
    /// Server-sent events, in order.
    Events(Vec<Event>),
    /// A JSON document.
    Whole(Bytes),
}

/// One server-sent event with the blank line that ends it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its bytes on the wire.
    pub bytes: Bytes,
    /// Whether it carries a piece of the answer: text, or a part of a tool call.
    pub is_content: bool,
}

impl Event {
    /// An event with a piece of the answer.
    pub(super) fn content(bytes: String) -> Self {
        Self { bytes: bytes.into(), is_content: true }
    }

    /// An event about the answer.
    pub(super) fn frame(bytes: String) -> Self {
        Self { bytes: bytes.into(), is_content: false }
    }
}

/// Why a request is refused, in the words of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// OpenAI's `code`; Anthropic has none.
    pub(super) code: Option<&'static str>,
    /// For people.
    pub(super) message: String,
    /// OpenAI's `param`: the field at fault.
    pub(super) param: Option<String>,
    /// The HTTP status.
    pub(super) status: StatusCode,
}

impl Refusal {
    /// A 400 without further particulars.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: None, message, param: None, status: StatusCode::BAD_REQUEST }
    }

    /// A 400 that names a field.
    pub(super) fn field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::bad(message) }
    }
}

/// Answers one request. `body` is the whole request body.
pub fn answer(head: &Parts, body: &[u8], stamp: Stamp) -> Answer {
    let path = head.uri.path();
    if path.ends_with("/chat/completions") {
        return openai::answer(head, body, stamp);
    }
    if path.ends_with("/messages") {
        return anthropic::answer(head, body, stamp);
    }
    #[cfg(feature = "aws")]
    if let Some(answer) = super::converse::answer(head, body, stamp) {
        return answer;
    }
    let refusal = Refusal {
        status: StatusCode::NOT_FOUND,
        ..Refusal::bad(format!("sfai's demo upstream has no {} {path}", head.method))
    };
    if head.headers.contains_key("anthropic-version") {
        return anthropic::refuse(&refusal, stamp);
    }
    openai::refuse(&refusal, stamp)
}

/// Refuses every method but POST.
pub(super) fn check_method(method: &Method) -> Result<(), Refusal> {
    if method == Method::POST {
        return Ok(());
    }
    let message = format!("Method {method} is not allowed here, only POST");
    Err(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, ..Refusal::bad(message) })
}

/// Reads the body as a JSON object. serde_json's own limit of 128 levels bounds its depth.
pub(super) fn read_object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad("The body of the request is not a JSON object.")),
        Err(error) => {
            Err(Refusal::bad(format!("We could not parse the JSON body of your request: {error}")))
        }
    }
}

/// The token of `Authorization: Bearer`, when it is not empty.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then_some(token)
}

/// A JSON answer, `extra` being the provider's own headers.
pub(super) fn whole(status: StatusCode, value: &Value, extra: &[(&'static str, String)]) -> Answer {
    let headers = headers("application/json", extra);
    Answer { body: Body::Whole(value.to_string().into()), headers, status }
}

/// A streamed answer.
pub(super) fn events(events: Vec<Event>, extra: &[(&'static str, String)]) -> Answer {
    let mut headers = headers("text/event-stream; charset=utf-8", extra);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Answer { body: Body::Events(events), headers, status: StatusCode::OK }
}

fn headers(content_type: &'static str, extra: &[(&'static str, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in extra {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// A string field of an object; empty when absent or of another type.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// `type` of an object.
pub(super) fn kind(value: &Value) -> &str {
    text(value, "type")
}

/// The fields of `value` with those of `more` over them.
pub(super) fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

/// `{}` where `value` is no object.
pub(super) fn object_or_empty(value: Value) -> Value {
    if value.is_object() { value } else { json!({}) }
}
