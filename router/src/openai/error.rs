//! Errors as OpenAI's clients read them.
//!
//! Owns the shape; which error is told is decided elsewhere.

use bytes::Bytes;
use serde::Serialize;

/// An error for the client: `{"error": {message, type, code, param}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientError {
    /// For people.
    pub message: String,
    /// OpenAI's type, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Such as `model_not_found`.
    pub code: Option<String>,
    /// The part of the request at fault.
    pub param: Option<String>,
}

/// The body of an HTTP error.
pub fn body(error: &ClientError) -> Bytes {
    object(error).into()
}

/// An error after the first token: a data event, after which nothing may follow.
pub fn stream_event(error: &ClientError) -> Bytes {
    format!("data: {}\n\n", object(error)).into()
}

fn object(error: &ClientError) -> String {
    let inner = serde_json::to_string(error).unwrap_or_else(|_| "{}".to_owned());
    format!(r#"{{"error":{inner}}}"#)
}
