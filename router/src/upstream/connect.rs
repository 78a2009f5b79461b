//! How a connection to a provider is made: TCP and TLS, within a time limit.
//!
//! Owns the settings of connections and of their pool; what is sent over them is the parent's.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::Executor;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower_service::Service;

use super::Client;
use crate::repoll::Repoll;

/// Providers close idle connections after a minute or more; ours go first, so that no request is
/// written into one that is being closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);
/// A model may think in silence for minutes; what lies between forgets a silent connection sooner.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Probes without an answer after which a connection is dead.
const KEEPALIVE_PROBES: u32 = 3;

/// A client whose connections must be there within `limit`, TLS included. It knows no proxy, no
/// redirect and no retry of its own: where a request goes and how often is the map's.
pub(super) fn client(limit: Duration) -> Client {
    hyper_util::client::legacy::Builder::new(Tasks)
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_timer(TokioTimer::new())
        .build(Connector { limit, https: https() })
}

fn https() -> HttpsConnector<HttpConnector> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(KEEPALIVE));
    http.set_keepalive_interval(Some(KEEPALIVE));
    http.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls())
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}

/// The roots are compiled in: reading the system's costs milliseconds at the first request, and
/// Lambda's images differ.
pub(crate) fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[expect(clippy::expect_used, reason = "ring supports the protocol versions that rustls has")]
    let versions = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring's provider fits the default versions");
    versions.with_root_certificates(roots).with_no_client_auth()
}

/// Runs the pool's connections. Like those of clients they wake themselves, see [`Repoll`].
#[derive(Clone)]
struct Tasks;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        tokio::spawn(Repoll::new(future));
    }
}

/// Connects within a time limit.
#[derive(Clone)]
pub(super) struct Connector {
    limit: Duration,
    https: HttpsConnector<HttpConnector>,
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type ConnectError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.https.call(to));
        Box::pin(async move {
            let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            connecting.await.unwrap_or_else(late)
        })
    }
}
