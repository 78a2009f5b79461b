//! Connections to providers: one pool of kept-alive connections for each connect timeout.
//!
//! Owns sending a request and what a failure to send means; when to send is decided elsewhere.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body::{Frame, SizeHint};
use model_map::{Failure, FailureClass};
use reqwest::{Body, Client, Request, Response};

use crate::config::Endpoint;
use crate::config::prepared::Unusable;
use crate::wire::Segments;

/// Providers close idle connections after a minute or more; ours go first, so that no request is
/// written into one that is being closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);

/// Clients by connect timeout: it is a property of a client there, and of a role here. Roles share
/// few values.
#[derive(Default)]
pub struct Clients {
    by_connect: Mutex<HashMap<Duration, Client>>,
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
    ) -> Result<Response, SendError> {
        let (url, headers) = endpoint.target.as_ref().map_err(unusable)?;
        let mut request = Request::new(Method::POST, url.clone());
        headers.clone_into(request.headers_mut());
        *request.body_mut() = Some(Body::wrap(Parts::of(body)));
        let client = self.client(connect).map_err(|error| from_reqwest(&error))?;
        client.execute(request).await.map_err(|error| from_reqwest(&error))
    }

    fn client(&self, connect: Duration) -> reqwest::Result<Client> {
        let mut clients = self.by_connect.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect) {
            return Ok(client.clone());
        }
        let client = build(connect)?;
        clients.insert(connect, client.clone());
        Ok(client)
    }
}

/// No proxy, no redirect, no retry of its own: where a request goes and how often is the map's.
pub(crate) fn build(connect: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE_CONNECTION)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .build()
}

/// The roots are compiled in: reading the system's costs milliseconds at the first request, and
/// Lambda's images differ.
fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[expect(clippy::expect_used, reason = "ring supports the protocol versions that rustls has")]
    let versions = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring's provider fits the default versions");
    versions.with_root_certificates(roots).with_no_client_auth()
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

/// What an error of the client means. Its own text may name addresses: only its causes are kept.
pub fn from_reqwest(error: &reqwest::Error) -> SendError {
    let class = if error.is_timeout() { FailureClass::Timeout } else { FailureClass::Network };
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, true) => "no connection in time",
        (true, false) => "no connection",
        (false, true) => "no answer in time",
        (false, false) => "the connection broke",
    };
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    let message = cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
    SendError { failure: Failure::of(class), message }
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
