//! Connections to providers: one pool of kept-alive connections for each connect timeout.
//!
//! Owns sending a request and what a failure to send means; when to send is decided elsewhere.

mod connect;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use model_map::{Failure, FailureClass};

use connect::Connector;

use crate::config::Endpoint;
use crate::config::prepared::Unusable;
use crate::wire::Segments;

/// The very client under reqwest, without what reqwest puts around it for every request: parsing the
/// URL anew (twice), layers for redirects, cookies and proxies, a box for the body.
type Client = legacy::Client<Connector, Parts>;

/// What is said of a connection that was there.
const BROKE: &str = "the connection broke";

/// Clients by connect timeout: it is a property of a client there, and of a role here. Roles share
/// few values.
#[derive(Default)]
pub struct Clients {
    by_connect: Mutex<HashMap<Duration, Arc<Client>>>,
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
    /// Sends a request and waits for the response's head.
    ///
    /// # Errors
    /// When there is no key, no connection, or no response.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        connect: Duration,
        body: Segments,
    ) -> Result<Response<Incoming>, SendError> {
        let (uri, headers) = endpoint.target.as_ref().map_err(unusable)?;
        let mut request = Request::new(Parts::of(body));
        *request.method_mut() = Method::POST;
        uri.clone_into(request.uri_mut());
        headers.clone_into(request.headers_mut());
        let client = self.client(connect);
        client.request(request).await.map_err(|error| unsent(&error))
    }

    fn client(&self, connect: Duration) -> Arc<Client> {
        let mut clients = self.by_connect.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(connect).or_insert_with(|| Arc::new(connect::client(connect)));
        Arc::clone(client)
    }
}

/// A provider that cannot be called at all: the next link is taken whatever the role says, and the
/// same one is not tried again.
fn unusable(why: &Unusable) -> SendError {
    let class = match why {
        Unusable::Key(_) => FailureClass::Auth,
        Unusable::Protocol(_) => FailureClass::ServerError,
    };
    let failure = Failure { link_specific: true, repeatable: false, ..Failure::of(class) };
    SendError { failure, message: format!("the provider {why}") }
}

/// What it means that no response came. The error's own text may name addresses: only the last of
/// its causes is kept.
fn unsent(error: &legacy::Error) -> SendError {
    let cause = last_cause(error);
    let timed_out = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    match (error.is_connect(), timed_out.map(io::Error::kind)) {
        (true, Some(io::ErrorKind::TimedOut)) => {
            failed(FailureClass::Timeout, "no connection in time", cause)
        }
        (true, _) => failed(FailureClass::Network, "no connection", cause),
        (false, _) => failed(FailureClass::Network, BROKE, cause),
    }
}

/// What it means that a response broke off.
pub fn broken(error: &hyper::Error) -> SendError {
    failed(FailureClass::Network, BROKE, last_cause(error))
}

fn failed(class: FailureClass, what: &str, cause: Option<&(dyn Error + 'static)>) -> SendError {
    let message = cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
    SendError { failure: Failure::of(class), message }
}

fn last_cause(error: &dyn Error) -> Option<&(dyn Error + 'static)> {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
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
