//! Whole answers of upstreams that speak the client's protocol.
//!
//! Owns the check that there is an answer; the bytes are forwarded as they came.

use bytes::Bytes;

use crate::wire::{Answer, UpstreamError};

/// Checks an answer's body and reads what it used. Errors: `server_error` where it is not JSON or
/// holds an error object, `empty` where it holds neither content nor a tool call.
pub fn read(body: Bytes) -> Result<Answer, UpstreamError> {
    let _ = body;
    todo!()
}
