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
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::openai::error::ClientError;
use crate::pieces::Pieces;

/// Lambda ends a streamed response at 200 MB; what says so has to fit, too.
const STREAM_LIMIT: usize = 200_000_000 - 64 * 1024;
/// Lambda takes no larger document of a function: 6 MB.
const BUFFERED_LIMIT: usize = 6 * 1024 * 1024;
/// Between the prelude of a streamed reply and its body.
const DELIMITER: [u8; 8] = [0; 8];

/// What is sent for an invocation.
pub(super) enum Reply<B> {
    /// The prelude with its delimiter, and the body as it comes.
    Streamed(Bytes, Guarded<B>),
    /// One JSON document.
    Buffered(Bytes),
}

/// The prelude of a streamed reply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Prelude {
    status_code: u16,
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
}

/// The answer of an HTTP API: payload format 2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Buffered {
    #[serde(flatten)]
    head: Prelude,
    body: String,
    is_base64_encoded: bool,
}

impl Prelude {
    fn of(head: &http::response::Parts) -> Self {
        let sent = head.headers.keys().filter(|name| may_be_sent(name));
        let headers = sent.map(|name| (name.to_string(), joined(&head.headers, name).into()));
        Self {
            status_code: head.status.as_u16(),
            headers: headers.collect(),
            cookies: cookies(&head.headers),
        }
    }
}

/// Streams a response.
pub(super) fn streamed<B>(response: Response<B>) -> Reply<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let (head, body) = response.into_parts();
    let mut prelude = json(&Prelude::of(&head));
    prelude.extend_from_slice(&DELIMITER);
    Reply::Streamed(prelude.into(), Guarded::new(body, STREAM_LIMIT))
}

/// Waits for the whole body.
pub(super) async fn buffered<B>(response: Response<B>) -> Reply<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let (head, body) = response.into_parts();
    let mut head = Prelude::of(&head);
    if let Some(body) = whole(Guarded::new(body, STREAM_LIMIT)).await {
        let (body, is_base64_encoded) = as_text(body);
        let whole = json(&Buffered { head, body, is_base64_encoded });
        if whole.len() <= BUFFERED_LIMIT {
            return Reply::Buffered(whole.into());
        }
    }
    head = Prelude { status_code: 502, headers: Map::new(), cookies: Vec::new() };
    head.headers.insert("content-type".into(), "application/json".into());
    let body = String::from_utf8_lossy(&too_large()).into_owned();
    Reply::Buffered(json(&Buffered { head, body, is_base64_encoded: false }).into())
}

/// The whole body. One that cannot be carried is dropped as soon as that is known, and its provider
/// with it.
async fn whole<B>(mut body: Guarded<B>) -> Option<Bytes>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let mut pieces = Pieces::default();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        if pieces.len() + data.len() > BUFFERED_LIMIT {
            return None;
        }
        pieces.push(data);
    }
    Some(pieces.join())
}

/// Says what this front cannot carry.
fn too_large() -> Bytes {
    let message = format!(
        "The answer is larger than the {} MB that this API carries. Ask through the Function URL, which streams, or for less.",
        BUFFERED_LIMIT / (1024 * 1024)
    );
    let code = Some("response_too_large".into());
    crate::openai::error::body(&ClientError { message, kind: "server_error", code, param: None })
}

/// Texts and numbers alone, which JSON can hold.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
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

/// What a stream says that has come to Lambda's limit; no end mark follows it.
const TOO_LONG: &str = concat!(
    "data: {\"error\":{\"message\":\"The answer is incomplete: AWS Lambda carries 200 MB of it.\",",
    "\"type\":\"server_error\",\"param\":null,\"code\":\"response_too_large\"}}\n\n"
);

/// A body that has at least one byte (an empty one can hang the connection), outlives a panic of
/// its producer (the stream would otherwise just stop) and ends before Lambda cuts it.
pub(super) struct Guarded<B> {
    body: Option<B>,
    is_empty: bool,
    left: usize,
    /// Whether what was sent ends with a whole event.
    is_whole: bool,
}

impl<B> Guarded<B> {
    fn new(body: B, limit: usize) -> Self {
        Self { body: Some(body), is_empty: true, left: limit, is_whole: true }
    }

    /// The body is at its end.
    fn end(&mut self) -> Option<Bytes> {
        self.body = None;
        std::mem::take(&mut self.is_empty).then(|| Bytes::from_static(b"\n"))
    }

    /// The body ends here, and this says why.
    fn stop(&mut self, why: &'static str) -> Bytes {
        self.body = None;
        if self.is_whole {
            return Bytes::from_static(why.as_bytes());
        }
        // An event that was begun would swallow the first line.
        format!("\n\n{why}").into()
    }

    /// Counts what is about to be sent; none when it is too much.
    fn count(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) else {
            return Some(frame);
        };
        self.left = self.left.checked_sub(data.len())?;
        (self.is_empty, self.is_whole) = (false, data.ends_with(b"\n\n"));
        Some(frame)
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
            Ok(Poll::Ready(Some(Ok(frame)))) => match this.count(frame) {
                Some(frame) => return Poll::Ready(Some(Ok(frame))),
                None => Some(this.stop(TOO_LONG)),
            },
            Ok(Poll::Ready(None)) => this.end(),
            Err(_) => Some(this.stop(BROKEN)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests;
