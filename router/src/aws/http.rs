//! The HTTPS client under the AWS clients: hyper's, over the TLS and the roots that providers are
//! called with.
//!
//! Owns the passage between the SDK's types and the client's; time limits and retries are the
//! SDK's. Its own client would read the system's root certificates when the first request waits,
//! and bring code for what is never asked of it.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::upstream::https;

/// AWS closes idle connections; ours go first, so that no request is written into one that is being
/// closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// The SDK's bodies are not to be moved once they are read.
type Sent = std::pin::Pin<Box<SdkBody>>;
type Hyper = legacy::Client<HttpsConnector<Tcp>, Sent>;

/// A client that is built with its first request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: Arc<OnceLock<Hyper>>,
    connect: Duration,
}

impl Client {
    /// With a limit for connections.
    pub(super) fn new(connect: Duration) -> Self {
        Self { client: Arc::default(), connect }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let client = self.client.get_or_init(|| build(self.connect));
        let request = request.try_into_http1x().map_err(|it| ConnectorError::user(it.into()))?;
        let response = client.request(request.map(Box::pin)).await.map_err(failed)?;
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// No proxy and no redirect; of retries only that of a request that a closed connection never
/// took, as one that was frozen with its process.
fn build(connect: Duration) -> Hyper {
    let mut tcp = Tcp::new();
    tcp.set_connect_timeout(Some(connect));
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_timer(TokioTimer::new())
        .build(https(tcp))
}

fn failed(error: legacy::Error) -> ConnectorError {
    if is_late(&error) {
        return ConnectorError::timeout(error.into());
    }
    ConnectorError::io(error.into())
}

/// Whether a limit of time is among an error's causes.
fn is_late(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|it| it.kind() == io::ErrorKind::TimedOut) || error.source().is_some_and(is_late)
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
