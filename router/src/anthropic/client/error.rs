//! Errors as Anthropic's clients read them.
//!
//! Owns the shape, the types and the one status that differs; which error is told is decided
//! elsewhere.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::openai::error::ClientError;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

/// The status that Anthropic would answer with: an overload has one of its own.
pub(crate) fn status(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::from_u16(529).unwrap_or(status),
        other => other,
    }
}

/// The body of an HTTP error with this status.
pub(crate) fn body(error: &ClientError, status: StatusCode, request_id: Option<&str>) -> Bytes {
    object(error, kind(status.as_u16()), request_id).into()
}

/// An error after the first token: nothing may follow it.
pub(crate) fn stream_event(error: &ClientError) -> Bytes {
    let kind = match error.kind {
        kind @ ("invalid_request_error" | "rate_limit_error" | "timeout_error") => kind,
        _ if error.code.as_deref() == Some("overloaded") => "overloaded_error",
        _ => "api_error",
    };
    format!("event: error\ndata: {}\n\n", object(error, kind, None)).into()
}

fn object(error: &ClientError, kind: &'static str, request_id: Option<&str>) -> String {
    let inner = Inner { kind, message: &error.message };
    let body = Body { kind: "error", error: inner, request_id };
    serde_json::to_string(&body).unwrap_or_else(|_| "{}".to_owned())
}

/// Anthropic's type of the errors with a status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}
