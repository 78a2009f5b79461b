//! From a Lambda event to the request that it carries.
//!
//! Owns the payload format 2.0, which Function URLs and HTTP APIs share, as far as the router
//! needs it; a REST API's is in [`rest`]. `lambda_http` is not used: it panics on events that are a little odd, and here each
//! of them gets an answer.

mod rest;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use serde::Deserialize;
use serde_json::Value;

/// Which of the three a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// Streams.
    FunctionUrl,
    /// Streams, with the same prelude: it has to be set up so.
    RestApi,
    /// Takes one buffered answer; everything that is not a Function URL is treated so, since a
    /// stream would reach its client as the raw prelude.
    HttpApi,
}

impl Front {
    /// The front of an event, however odd the rest of it is.
    pub(super) fn of(event: &Value) -> Self {
        let domain = event.pointer("/requestContext/domainName").and_then(Value::as_str);
        if domain.is_some_and(|domain| domain.contains(".lambda-url.")) {
            return Self::FunctionUrl;
        }
        if rest::is_rest(event) {
            return Self::RestApi;
        }
        Self::HttpApi
    }
}

/// Why an event is not a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEvent(String);

impl fmt::Display for BadEvent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "The event is not a request that this function reads: {}.", self.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    version: String,
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    request_context: RequestContext,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct RequestContext {
    http: HttpContext,
    stage: Option<String>,
}

#[derive(Deserialize)]
struct HttpContext {
    method: String,
}

/// Reads the request out of an event.
///
/// # Errors
/// When it is of another format, or a part of it can be in no HTTP request.
pub(super) fn request(event: Value) -> Result<Request<Bytes>, BadEvent> {
    if rest::is_rest(&event) {
        return rest::request(event);
    }
    let event = Event::deserialize(event).map_err(|error| BadEvent(error.to_string()))?;
    if event.version != "2.0" {
        let why = format!("its payload format is {}, not 2.0", event.version);
        return Err(BadEvent(why));
    }
    let context = event.request_context;
    let mut headers: Vec<(String, String)> = event.headers.into_iter().collect();
    if !event.cookies.is_empty() {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("cookie"));
        headers.push((header::COOKIE.to_string(), event.cookies.join("; ")));
    }
    assemble(Parts {
        method: context.http.method,
        path: without_stage(&event.raw_path, context.stage.as_deref()).to_owned(),
        query: event.raw_query_string,
        headers,
        body: event.body.unwrap_or_default(),
        is_base64: event.is_base64_encoded,
    })
}

/// What every format has of a request.
struct Parts {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    is_base64: bool,
}

fn assemble(parts: Parts) -> Result<Request<Bytes>, BadEvent> {
    let uri = uri(&parts.path, &parts.query)?;
    let method = Method::from_bytes(parts.method.as_bytes())
        .map_err(|_| BadEvent("its method is none".into()))?;
    let mut request = Request::new(body(parts.body, parts.is_base64)?);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in parts.headers {
        let (name, value) = header(&name, &value)?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// An HTTP API puts its stage before the path, unless it is `$default`.
fn without_stage<'p>(path: &'p str, stage: Option<&str>) -> &'p str {
    let rest = stage
        .filter(|stage| !stage.is_empty() && *stage != "$default")
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn uri(path: &str, query: &str) -> Result<Uri, BadEvent> {
    let mut text = String::with_capacity(path.len() + query.len() + 2);
    if !path.starts_with('/') {
        text.push('/');
    }
    push_encoded(&mut text, path, b"?#");
    if !query.is_empty() {
        text.push('?');
        push_encoded(&mut text, query, b"#");
    }
    let path = PathAndQuery::try_from(text).map_err(|_| BadEvent("its path is none".into()))?;
    Ok(Uri::from(path))
}

/// Appends a part of a URI. An HTTP API decodes paths: what a URI cannot hold is encoded again,
/// so that it is an unknown path and not a broken event.
fn push_encoded(to: &mut String, text: &str, delimiters: &[u8]) {
    use fmt::Write;
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
            && !delimiters.contains(&byte);
        if is_plain {
            to.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

fn body(text: String, is_base64: bool) -> Result<Bytes, BadEvent> {
    if !is_base64 {
        return Ok(text.into());
    }
    let decoded = BASE64_STANDARD.decode(text);
    decoded.map(Bytes::from).map_err(|error| BadEvent(format!("its body is not base64: {error}")))
}

/// Values are not repeated in the message: they may be credentials.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), BadEvent> {
    let parsed = HeaderName::try_from(name)
        .map_err(|_| BadEvent(format!("{name:?} is no name of a header")))?;
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| BadEvent(format!("the value of the header `{name}` can be in no header")))?;
    value.set_sensitive(parsed == header::AUTHORIZATION || parsed == header::COOKIE);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests;
