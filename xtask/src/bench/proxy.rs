//! The measure of all figures: a reverse proxy of a few lines, hyper in and hyper out.
//!
//! It forwards bytes as they come and knows nothing of what they mean.

use std::net::SocketAddr;

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

use super::serve::{self, serve};
use crate::trouble::{Doing, Trouble};

/// Where to listen, and where to forward to.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    listen: SocketAddr,
    upstream: SocketAddr,
}

/// Serves until it is killed.
///
/// # Errors
/// When the address is taken.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let upstream = Authority::try_from(options.upstream.to_string()).doing("name the upstream")?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = move |request| forward(client.clone(), upstream.clone(), request);
    serve::runtime()?.block_on(serve(options.listen, answer))
}

async fn forward(
    client: Client<HttpConnector, Incoming>,
    upstream: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Error> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(upstream);
    // A path that came in as one goes out as one.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request.headers_mut().remove(header::HOST);
    client.request(request).await
}
