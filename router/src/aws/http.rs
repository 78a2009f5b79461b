//! The HTTPS client under the AWS clients: the same one that calls providers.
//!
//! Owns the passage between the SDK's types and the client's; time limits and retries are the
//! SDK's. Its own client would bring a second pool and read the system's root certificates when
//! the first request waits.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Request};

use crate::upstream;

/// A client that is built with its first request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: std::sync::Arc<std::sync::OnceLock<Result<reqwest::Client, String>>>,
    connect: Duration,
}

impl Client {
    /// With a limit for connections.
    pub(super) fn new(connect: Duration) -> Self {
        Self { client: std::sync::Arc::default(), connect }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let build = || upstream::build(self.connect).map_err(|error| error.to_string());
        let client = self.client.get_or_init(build).as_ref();
        let client = client.map_err(|why| ConnectorError::user(why.as_str().into()))?;
        let request = request.try_into_http1x().map_err(|it| ConnectorError::user(it.into()))?;
        let request = Request::try_from(request.map(Body::wrap))
            .map_err(|error| ConnectorError::user(error.into()))?;
        let response = client.execute(request).await.map_err(failed)?;
        let response = http::Response::<Body>::from(response).map(SdkBody::from_body_1_x);
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }
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
