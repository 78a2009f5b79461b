//! Errors inside a stream of a response's events.
//!
//! Owns their shape; those of HTTP are as everywhere with OpenAI.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::openai::error::ClientError;

/// A response that breaks off.
pub(crate) struct Broken {
    /// The number of the next event.
    pub(crate) number: u64,
    /// What is known of it, without its error.
    pub(crate) response: Value,
}

impl Default for Broken {
    /// One of which nothing has come.
    fn default() -> Self {
        let response = json!({"id": "resp_failed", "object": "response", "created_at": 0,
            "model": "", "output": []});
        Self { number: 0, response }
    }
}

/// An error after the first token: the event that says so, and the response that failed with it,
/// since clients wait for one or the other.
pub(crate) fn stream_event(error: &ClientError, broken: Broken) -> Bytes {
    let ClientError { message, kind, code, param } = error;
    let Broken { number, mut response } = broken;
    if let Some(response) = response.as_object_mut() {
        response.insert("status".to_owned(), json!("failed"));
        response.insert("error".to_owned(), json!({"code": code, "message": message}));
    }
    let told = json!({"type": "error", "sequence_number": number, "code": code,
        "message": message, "param": param,
        "error": {"type": kind, "code": code, "message": message, "param": param}});
    let failed = json!({"type": "response.failed", "sequence_number": number + 1,
        "response": response});
    format!("event: error\ndata: {told}\n\nevent: response.failed\ndata: {failed}\n\n").into()
}
