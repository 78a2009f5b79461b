//! A request to one who is no provider: the collector of telemetry.
//!
//! Owns nothing but that way in; connections are opened, used and kept as those to providers are.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, Uri};

use super::{Body, Clients, Parts, SendError};

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
    ) -> Result<Box<Response<Body>>, SendError> {
        let parts = Parts { left: body.len(), parts: vec![body].into_iter() };
        self.make(self.post_to(url, headers, parts)?, connect).await
    }
}
