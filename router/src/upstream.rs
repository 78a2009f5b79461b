//! Sending a request to a provider.
//!
//! Owns what a failure to send means; when to send is decided elsewhere, and how connections are
//! made, kept and used is the modules' below. There is no proxy, no redirect and no retry: where a
//! request goes and how often is the map's.

mod connect;
mod connection;
mod pool;
mod post;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body::{Frame, SizeHint};
use model_map::{Failure, FailureClass};

use connect::Connector;
use connection::{Connection, Unanswered};
use pool::{Home, Pool};

#[cfg(feature = "aws")]
pub(crate) use connect::https;
pub use connection::Body;

use crate::apart::apart;
use crate::config::Endpoint;
use crate::config::prepared::Unusable;
use crate::telemetry::trace::{Carried, PARENT, STATE};
use crate::wire::Segments;
use crate::wire::dialect::Service;

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

const NETWORK: FailureClass = FailureClass::Network;
/// What is said of a connection that was there.
const BROKE: &str = "the connection broke";

/// The connections of the whole process.
#[derive(Default)]
pub struct Clients {
    /// Made with the first request: nothing before needs it.
    connector: OnceLock<Connector>,
    pool: Pool,
}

/// A request for an upstream.
pub struct Outgoing {
    /// The JSON body.
    pub body: Segments,
    /// What it asks for.
    pub service: Service,
    /// The client's own `anthropic-beta`, beside the provider's.
    pub beta: Option<HeaderValue>,
    /// The trace that it belongs to.
    pub trace: Option<Carried>,
    /// Where it goes and with which headers, in place of the endpoint's.
    pub signed: Option<(Uri, HeaderMap)>,
}

/// Why a request got no response, for our own logs.
#[derive(Debug)]
pub struct SendError {
    /// As the attempt rules see it.
    pub failure: Failure,
    /// What went wrong, without address or key.
    pub message: String,
}

impl Clients {
    /// Closes connections that will not be used again. To be called once in a while.
    pub(crate) fn tidy(&self) {
        self.pool.tidy();
    }

    /// Sends a request and waits for the response's head; a connection that has to be opened is
    /// there within `connect`.
    ///
    /// # Errors
    /// When there is no key, no connection, or no response.
    pub fn send(
        &self,
        endpoint: &Endpoint,
        connect: Duration,
        outgoing: Outgoing,
    ) -> impl Future<Output = Result<Box<Response<Body>>, SendError>> {
        // Written here: the future has no room for what a request is made of.
        let call = self.call(endpoint, outgoing);
        async move { self.make(call?, connect).await }
    }

    async fn make(&self, call: Call, connect: Duration) -> Result<Box<Response<Body>>, SendError> {
        let Call { mut request, home } = call;
        while let Some(mut connection) = home.free() {
            match connection.send(request).await {
                Ok(response) => return Ok(connection.answers(response, home)),
                // It was closed in the very moment; the request was not begun.
                Err(Unanswered { unsent: Some(unsent), .. }) => request = unsent,
                Err(failure) => return Err(broken(&failure.error)),
            }
        }
        let mut connection = apart(|| self.connect(&home, connect)).await?;
        match connection.send(request).await {
            Ok(response) => Ok(connection.answers(response, home)),
            Err(failure) => Err(broken(&failure.error)),
        }
    }

    fn call(&self, endpoint: &Endpoint, outgoing: Outgoing) -> Result<Call, SendError> {
        let (url, headers) = endpoint.target.as_ref().map_err(unusable)?;
        let url = endpoint.services.get(outgoing.service as usize).unwrap_or(url);
        let signed = outgoing.signed.as_ref();
        let (url, headers) = signed.map_or((url, headers), |(url, headers)| (url, headers));
        let Call { mut request, home } = self.post_to(url, headers, Parts::of(outgoing.body))?;
        if let Some(beta) = outgoing.beta {
            request.headers_mut().append(BETA, beta);
        }
        if let Some(Carried { parent, state }) = outgoing.trace {
            request.headers_mut().insert(PARENT, parent);
            state.map(|state| request.headers_mut().insert(STATE, state));
        }
        Ok(Call { request, home })
    }

    fn post_to(&self, url: &Uri, headers: &HeaderMap, body: Parts) -> Result<Call, SendError> {
        let home = self.pool.home(url).ok_or_else(|| failed(NETWORK, "no host to call", None))?;
        let mut request = Box::new(Request::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        let length = HeaderValue::try_from(request.body().left.to_string());
        headers.clone_into(request.headers_mut());
        if let Ok(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length);
        }
        Ok(Call { request, home })
    }

    async fn connect(&self, home: &Home, limit: Duration) -> Result<Connection, SendError> {
        let connector = self.connector.get_or_init(Connector::new);
        let io =
            connector.open(&home.url(), limit).await.map_err(|why| unconnected(why.as_ref()))?;
        Connection::new(io).await.map_err(|error| broken(&error))
    }
}

/// A request, and where its connections are.
struct Call {
    request: Box<Request<Parts>>,
    home: Home,
}

/// A provider that cannot be called at all: the next link is taken whatever the role says, and the
/// same one is not tried again.
#[cold]
fn unusable(why: &Unusable) -> SendError {
    let class = match why {
        Unusable::Key(_) => FailureClass::Auth,
        Unusable::Protocol(_) => FailureClass::ServerError,
    };
    let failure = Failure { link_specific: true, repeatable: false, ..Failure::of(class) };
    SendError { failure, message: format!("the provider {why}") }
}

/// What it means that there is no connection.
#[cold]
fn unconnected(error: &(dyn Error + 'static)) -> SendError {
    let cause = last_cause(error);
    let timed_out = cause.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::TimedOut);
    if timed_out {
        return failed(FailureClass::Timeout, "no connection in time", None);
    }
    failed(NETWORK, "no connection", Some(cause))
}

/// What it means that a response did not come, or broke off.
#[cold]
pub fn broken(error: &hyper::Error) -> SendError {
    failed(NETWORK, BROKE, Some(last_cause(error)))
}

#[cold]
fn failed(class: FailureClass, what: &str, cause: Option<&(dyn Error + 'static)>) -> SendError {
    let message = cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
    SendError { failure: Failure::of(class), message }
}

/// The last of an error's causes, which is the most telling; the outer ones may name addresses.
fn last_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}

/// Segments on their way to a socket.
struct Parts {
    left: usize,
    parts: std::vec::IntoIter<Bytes>,
}

impl Parts {
    fn of(segments: Segments) -> Self {
        Self { left: segments.len(), parts: segments.into_parts().into_iter() }
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.next();
        self.left -= part.as_ref().map_or(0, Bytes::len);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
