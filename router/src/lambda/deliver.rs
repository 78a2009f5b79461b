//! Sends replies to the Lambda Runtime API, each chunk at once.
//!
//! Owns the connection for replies and their HTTP form; the next event is asked for by
//! `lambda_runtime`. Its own client leaves Nagle's algorithm on: a chunk written while another is
//! unacknowledged waits for the acknowledgement, which the other side may delay by 40 ms
//! (`docs/router.md` has the measurement).

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::reply::{Guarded, Reply};
use crate::answer::Answer;

/// What sets a streamed reply apart.
const MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
/// Echoed where an event has it.
const INVOCATION: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const INTEGRATION: HeaderValue =
    HeaderValue::from_static("application/vnd.awslambda.http-integration-response");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The Runtime API as the receiver of replies.
pub(super) struct Receiver {
    /// Host and port.
    address: String,
    /// The connection of the reply before, if it is still there.
    idle: Mutex<Option<SendRequest<ReplyBody>>>,
}

impl Receiver {
    /// At `address`, a host and a port. Nothing is connected yet.
    pub(super) fn new(address: String) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Sends the reply to an invocation; done when it has been taken whole.
    ///
    /// # Errors
    /// When there is no connection, or it breaks. A refusal is an `Ok`: the invocation is over.
    pub(super) async fn send(
        &self,
        id: &str,
        event: &HeaderMap,
        reply: Reply<Answer>,
    ) -> io::Result<StatusCode> {
        let request = self.request(id, event, reply).map_err(io::Error::other)?;
        let mut sender = self.sender().await?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        // The connection is free again when the answer was read.
        if response.into_body().collect().await.is_ok() {
            *self.idle.lock().await = Some(sender);
        }
        Ok(status)
    }

    fn request(
        &self,
        id: &str,
        event: &HeaderMap,
        reply: Reply<Answer>,
    ) -> http::Result<Request<ReplyBody>> {
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(HOST, &self.address);
        if let Some(invocation) = event.get(INVOCATION) {
            request = request.header(INVOCATION, invocation);
        }
        match reply {
            Reply::Buffered(bytes) => request
                .header(CONTENT_TYPE, JSON)
                .body(ReplyBody { first: Some(bytes), rest: None }),
            Reply::Streamed(prelude, body) => request
                .header(CONTENT_TYPE, INTEGRATION)
                .header(TRANSFER_ENCODING, "chunked")
                .header(MODE, "streaming")
                .body(ReplyBody { first: Some(prelude), rest: Some(body) }),
        }
    }

    async fn sender(&self) -> io::Result<SendRequest<ReplyBody>> {
        if let Some(mut sender) = self.idle.lock().await.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // What ends it is told to whoever sends on it.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A reply on its way.
struct ReplyBody {
    first: Option<Bytes>,
    rest: Option<Guarded<Answer>>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match &mut this.rest {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.first, &self.rest) {
            (first, None) => SizeHint::with_exact(first.as_ref().map_or(0, |it| it.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}
