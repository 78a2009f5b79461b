//! A request to one who is no provider: the collector of telemetry.
//!
//! Owns nothing but that way in; connections are opened, used and kept as those to providers are.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};

use super::connection::Unanswered;
use super::{Body, Clients, NETWORK, Parts, SendError, broken, exchange, failed};

impl Clients {
    /// Posts a body and waits for the response's head.
    ///
    /// # Errors
    /// When there is no connection, or no response.
    pub(crate) async fn post(
        &self,
        url: &Uri,
        headers: &HeaderMap,
        (body, connect): (Bytes, Duration),
    ) -> Result<Response<Body>, SendError> {
        let home = self.pool.home(url).ok_or_else(|| failed(NETWORK, "no host to call", None))?;
        let parts = Parts { left: body.len(), parts: vec![body].into_iter() };
        let mut request = Box::new(Request::new(parts));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        headers.clone_into(request.headers_mut());
        while let Some(connection) = home.free() {
            match exchange(connection, *request, &home).await {
                Ok(response) => return Ok(response),
                Err(Unanswered { unsent: Some(unsent), .. }) => request = unsent,
                Err(failure) => return Err(broken(&failure.error)),
            }
        }
        let connection = self.connect(url, connect).await?;
        let response = exchange(connection, *request, &home).await;
        response.map_err(|failure| broken(&failure.error))
    }
}
