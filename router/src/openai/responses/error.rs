//! Errors inside a stream of a response's events.
//!
//! Owns their shape; those of HTTP are as everywhere with OpenAI.

use bytes::Bytes;
use serde_json::json;

use crate::openai::error::ClientError;

/// An error after the first token: the event that says so, and the response that failed with it,
/// since clients wait for one or the other.
pub(crate) fn stream_event(error: &ClientError) -> Bytes {
    let ClientError { message, kind, code, param } = error;
    let told = json!({"type": "error", "sequence_number": 0, "code": code, "message": message,
        "param": param, "error": {"type": kind, "code": code, "message": message, "param": param}});
    let failed = json!({"type": "response.failed", "sequence_number": 0, "response": {
        "id": "resp_failed", "object": "response", "created_at": 0, "model": "", "output": [],
        "status": "failed", "error": {"code": code, "message": message}}});
    format!("event: error\ndata: {told}\n\nevent: response.failed\ndata: {failed}\n\n").into()
}
