//! Errors in the shape that the client's protocol has for them.
//!
//! Owns the choice of the shape: errors are made in OpenAI's, and changed here on their way out,
//! so that none is missed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};

use super::Front;
use crate::answer::Answer;
use crate::anthropic::client::error as messages;
use crate::openai::error::{ClientError, stream_event as chat_event};
use crate::openai::responses::error::{self as responses, Broken};
use crate::respond::REQUEST_ID;

/// An error after the first token, as an event after which nothing may follow; of a response with
/// what is known of it.
pub(crate) fn stream_event(front: Front, error: &ClientError, broken: Broken) -> Bytes {
    match front {
        Front::Messages | Front::CountTokens => messages::stream_event(error),
        Front::Responses => responses::stream_event(error, broken),
        _ => chat_event(error),
    }
}

/// Gives an error the shape that Anthropic's clients read; other responses stay as they are.
pub(crate) fn dress(response: &mut Response<Answer>) {
    let Some(error) = response.extensions_mut().remove::<ClientError>() else { return };
    let status = messages::status(response.status());
    let id = response.headers().get(REQUEST_ID).cloned();
    let id = id.as_ref().and_then(|id| id.to_str().ok());
    response.body_mut().replace(messages::body(&error, status, id));
    *response.status_mut() = status;
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert("request-id", id);
    }
}

/// Whether a request is of a client of Anthropic's, be it for a path that both protocols have.
pub(crate) fn speaks_messages(path: &str, headers: &HeaderMap) -> bool {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    path == "/messages"
        || path.starts_with("/messages/")
        || (headers.contains_key("anthropic-version") && !path.ends_with("/chat/completions"))
}
