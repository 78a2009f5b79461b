//! Bedrock's errors in the shape in which those of all providers are read.
//!
//! Owns which of its exceptions mean what; what follows from a failure is the attempt rules'.

use std::time::SystemTime;

use http::HeaderMap;
use serde::Deserialize;

use super::quoted;
use crate::wire::UpstreamError;

/// Names the exception, followed by a colon and an address.
const KIND: &str = "x-amzn-errortype";

#[derive(Debug, Default, Deserialize)]
struct Exception {
    #[serde(default, alias = "Message")]
    message: Option<String>,
    #[serde(default, rename = "__type")]
    kind: Option<String>,
}

/// Reads an HTTP answer that is an error.
pub(crate) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> UpstreamError {
    let said: Exception = serde_json::from_slice(body).unwrap_or_default();
    let named = headers.get(KIND).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let kind = named.or(said.kind).unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let message = said.message.unwrap_or_else(|| format!("HTTP {status} ({kind})"));
    let object = object(kind, &message);
    crate::wire::error::read(
        status_of(kind, &message).unwrap_or(status),
        headers,
        object.as_bytes(),
        now,
    )
}

/// The error object of an exception.
pub(super) fn object(kind: &str, message: &str) -> String {
    format!(r#"{{"error":{{"type":{},"message":{}}}}}"#, quoted(kind), quoted(message))
}

/// The status that an exception comes to, where its own would mislead.
pub(super) fn status_of(kind: &str, message: &str) -> Option<u16> {
    // In a stream they begin in lower case.
    let kind = kind.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    Some(match kind.trim_end_matches("exception") {
        // The link is wrong, not the request: another may be right.
        "validation" if says("model identifier is invalid") || says("on-demand throughput") => 404,
        "validation" if says("counting tokens") => 404,
        "validation" => 400,
        "accessdenied" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "throttling" | "servicequotaexceeded" => 429,
        "internalserver" | "modelerror" | "modelstreamerror" => 500,
        "serviceunavailable" | "modelnotready" => 503,
        _ => return None,
    })
}
