//! How a connection to a provider is made: TCP and TLS, within a time limit.
//!
//! Owns the settings of sockets and of TLS; what is sent over them is the parent's.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use super::connection::Io;

/// A model may think in silence for minutes; what lies between forgets a silent connection sooner.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Probes without an answer after which a connection is dead.
const KEEPALIVE_PROBES: u32 = 3;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    pub(super) fn new() -> Self {
        let mut http = HttpConnector::new();
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE));
        http.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        Self(https(http))
    }

    /// Connects to a URL's host within `limit`, TLS included.
    ///
    /// # Errors
    /// An [`io::Error`] that timed out where it takes longer; the system's or TLS's otherwise.
    pub(super) async fn open(
        &self,
        url: &Uri,
        limit: Duration,
    ) -> Result<Io, Box<dyn Error + Send + Sync>> {
        let mut https = self.0.clone();
        std::future::poll_fn(|cx| https.poll_ready(cx)).await?;
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        tokio::time::timeout(limit, https.call(url.clone())).await.unwrap_or_else(late)
    }
}

/// TLS over TCP where a URL asks for it.
pub(crate) fn https(mut tcp: HttpConnector) -> HttpsConnector<HttpConnector> {
    tcp.enforce_http(false);
    // Tokens are small writes, and so may a request's end be.
    tcp.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls()).https_or_http();
    builder.enable_http1().wrap_connector(tcp)
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
