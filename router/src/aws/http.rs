//! The HTTPS client under the AWS clients: reqwest, with the TLS and the roots that providers are
//! called with.
//!
//! Owns the passage between the SDK's types and the client's; time limits and retries are the
//! SDK's. Its own client would bring a second pool and read the system's root certificates when
//! the first request waits.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::{Body, Request};

use super::CONNECT;
use super::trouble::{Trouble, innermost};
use crate::upstream::tls;

/// AWS closes idle connections; ours go first, so that no request is written into one that is being
/// closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// A client that is built with its first request.
#[derive(Debug, Clone, Default)]
pub(super) struct Client(Arc<OnceLock<Result<reqwest::Client, String>>>);

impl Client {
    fn built(&self) -> Result<&reqwest::Client, &str> {
        let build = || build(CONNECT).map_err(|error| error.to_string());
        self.0.get_or_init(build).as_ref().map_err(String::as_str)
    }

    /// Sends a request that no client of the SDK made.
    pub(super) async fn pass(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<reqwest::Response, Trouble> {
        let client = self.built().map_err(|why| Trouble::Unreachable(why.to_owned()))?;
        let request = Request::try_from(request).map_err(|it| Trouble::Failed(it.to_string()))?;
        let unreachable = |error: reqwest::Error| match error.is_timeout() {
            true => Trouble::Slow,
            false => Trouble::Unreachable(innermost(&error)),
        };
        client.execute(request).await.map_err(unreachable)
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let client = self.built().map_err(|why| ConnectorError::user(why.into()))?;
        let request = request.try_into_http1x().map_err(|it| ConnectorError::user(it.into()))?;
        let request = Request::try_from(request.map(Body::wrap))
            .map_err(|error| ConnectorError::user(error.into()))?;
        let response = client.execute(request).await.map_err(failed)?;
        let response = http::Response::<Body>::from(response).map(SdkBody::from_body_1_x);
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// No proxy, no redirect and no retry of its own: those are the SDK's.
fn build(connect: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
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

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        return ConnectorError::timeout(error.into());
    }
    ConnectorError::io(error.into())
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
