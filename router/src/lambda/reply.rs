//! From a response to what the Lambda runtime sends: streamed, or one buffered object.
//!
//! Owns what AWS asks of headers and bodies; what the response says is the handler's.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyDataStream, BodyExt};
use lambda_runtime::{FunctionResponse, MetadataPrelude, StreamResponse};
use serde::Serialize;
use serde_json::{Map, Value};

/// What the runtime takes from the handler.
pub(super) type Reply<B> = FunctionResponse<Buffered, BodyDataStream<Guarded<B>>>;

/// The answer of an HTTP API: payload format 2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Buffered {
    status_code: u16,
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// Streams a response.
pub(super) fn streamed<B>(response: Response<B>) -> Reply<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let (head, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    for name in head.headers.keys().filter(|name| may_be_sent(name)) {
        if let Ok(value) = HeaderValue::from_str(&joined(&head.headers, name)) {
            headers.insert(name, value);
        }
    }
    let cookies = cookies(&head.headers);
    let metadata_prelude = MetadataPrelude { status_code: head.status, headers, cookies };
    let stream = BodyDataStream::new(Guarded::new(body));
    FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream })
}

/// Waits for the whole body.
pub(super) async fn buffered<B>(response: Response<B>) -> Reply<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let (head, body) = response.into_parts();
    let Ok(body) = Guarded::new(body).collect().await;
    let (body, is_base64_encoded) = as_text(body.to_bytes());
    let sent = head.headers.keys().filter(|name| may_be_sent(name));
    let headers = sent.map(|name| (name.to_string(), joined(&head.headers, name).into()));
    FunctionResponse::BufferedResponse(Buffered {
        status_code: head.status.as_u16(),
        headers: headers.collect(),
        cookies: cookies(&head.headers),
        body,
        is_base64_encoded,
    })
}

fn as_text(body: Bytes) -> (String, bool) {
    match String::from_utf8(body.into()) {
        Ok(text) => (text, false),
        Err(bytes) => (BASE64_STANDARD.encode(bytes.as_bytes()), true),
    }
}

/// Cookies have a place of their own; lengths and framing are AWS's; a header named
/// `x-amzn-remapped-*` turns the answer into a 500.
fn may_be_sent(name: &HeaderName) -> bool {
    ![SET_COOKIE, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name)
        && !name.as_str().starts_with("x-amzn-remapped-")
}

/// Several values of one name as one: neither form has room for more.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    String::from_utf8_lossy(&values.join(b", ".as_slice())).into_owned()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SET_COOKIE).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

/// What a stream says whose producer broke; no end mark follows it.
const BROKEN: &str = concat!(
    "data: {\"error\":{\"message\":\"The router failed while it sent this answer.\",",
    "\"type\":\"server_error\",\"param\":null,\"code\":\"internal_error\"}}\n\n"
);

/// A body that has at least one byte (an empty one can hang the connection) and outlives a panic
/// of its producer (the stream would otherwise just stop).
pub(super) struct Guarded<B> {
    body: Option<B>,
    is_empty: bool,
}

impl<B> Guarded<B> {
    fn new(body: B) -> Self {
        Self { body: Some(body), is_empty: true }
    }

    fn end(&mut self) -> Option<Bytes> {
        self.body = None;
        std::mem::take(&mut self.is_empty).then(|| Bytes::from_static(b"\n"))
    }
}

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Body for Guarded<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        // The body is dropped after a panic, so that nothing sees it half changed.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context)));
        let bytes = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                this.is_empty &= frame.data_ref().is_none_or(Bytes::is_empty);
                return Poll::Ready(Some(Ok(frame)));
            }
            Ok(Poll::Ready(None)) => this.end(),
            Err(_) => {
                this.body = None;
                Some(Bytes::from_static(BROKEN.as_bytes()))
            }
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests;
