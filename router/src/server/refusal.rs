//! What hyper refuses before any code of ours sees it, said in full.
//!
//! Owns the words of such a refusal: hyper's own is a status alone, and clients show the message of
//! an error's body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::audit::record;
use crate::{front, respond};

/// The refusal that says in full what `bare` says, if that is one of hyper's. `head` is what came of
/// the request.
pub(super) fn in_full(bare: &[u8], head: &[u8]) -> Option<Bytes> {
    let rest = bare.strip_prefix(b"HTTP/1.")?;
    let is_bare = rest.ends_with(b"\r\n\r\n")
        && rest.windows(19).any(|it| it.eq_ignore_ascii_case(b"content-length: 0\r\n"));
    let status = StatusCode::from_bytes(rest.get(2..5)?).ok()?;
    if !is_bare || !status.is_client_error() {
        return None;
    }
    Some(of(status, head))
}

fn of(status: StatusCode, head: &[u8]) -> Bytes {
    let (code, message) = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "headers_too_large",
            "The request has more than 100 headers, or more than 64 KiB of them.",
        ),
        StatusCode::URI_TOO_LONG => ("path_too_long", "The request's path is too long."),
        _ => (
            "malformed_request",
            "The request is malformed: its first line, a header or its Content-Length is none of HTTP's.",
        ),
    };
    let mut response = respond::refuse(status, code, message);
    let id = record::request_id(fastrand::u64(..));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(respond::REQUEST_ID, id);
    }
    if front::speaks_messages(path(head), &HeaderMap::new()) {
        front::dress(&mut response);
    }
    let body = response.body().bytes().cloned().unwrap_or_default();
    let mut whole = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        whole.extend_from_slice(name.as_str().as_bytes());
        whole.extend_from_slice(b": ");
        whole.extend_from_slice(value.as_bytes());
        whole.extend_from_slice(b"\r\n");
    }
    let end = format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    whole.extend_from_slice(end.as_bytes());
    whole.extend_from_slice(&body);
    whole.into()
}

/// The path that a head begins with, as far as it has one.
fn path(head: &[u8]) -> &str {
    let path = head.split(|it| matches!(it, b' ' | b'?' | b'\r')).nth(1);
    path.and_then(|path| std::str::from_utf8(path).ok()).unwrap_or_default()
}
