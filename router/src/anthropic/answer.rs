//! Whole messages, turned into chat completions.
//!
//! Owns the message's shape; streams are in `stream`.

use bytes::Bytes;

use crate::wire::{Answer, AnswerOptions, UpstreamError};

/// Turns a message into a chat completion. Errors: `server_error` where it is no message, `empty`
/// where it holds neither content nor a tool call.
pub fn translate(body: &Bytes, options: &AnswerOptions) -> Result<Answer, UpstreamError> {
    let _ = (body, options);
    todo!()
}
