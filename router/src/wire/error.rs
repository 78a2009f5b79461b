//! A provider's error in one shape, from an HTTP answer or from an event inside a stream.
//!
//! Owns the reading of both protocols' error objects and of the headers that say when to come
//! back. What follows from a failure is decided in [`model_map::attempt`].

use std::time::SystemTime;

use http::HeaderMap;
use model_map::{Failure, Protocol};

/// What a provider says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// Its class, and what that allows.
    pub failure: Failure,
    /// The provider's words, or ours where it has none. May name what the client sent; for an
    /// `auth` failure it may hold a part of our key and must not reach a client or a log.
    pub message: String,
    /// The provider's code, else its type.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
}

/// Reads an HTTP answer that is not a 200. `now` is taken where a header names an instant.
pub fn read(
    protocol: Protocol,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> UpstreamError {
    let _ = (protocol, status, headers, body, now);
    todo!()
}
