//! The few lines of HTTP server that the proxy and the upstream share.
//!
//! Owns the accept loop; what is answered is theirs.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::trouble::{Doing, Trouble};

/// The runtime of the router too: as many workers as cores.
///
/// # Errors
/// When the system gives no threads.
pub(super) fn runtime() -> Result<Runtime, Trouble> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .doing("start the asynchronous runtime")
}

/// Answers every request with `answer`, on kept-alive connections with `TCP_NODELAY`.
///
/// # Errors
/// When the address is taken.
pub(super) async fn serve<A, F, B>(listen: SocketAddr, answer: A) -> Result<(), Trouble>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, hyper_util::client::legacy::Error>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind(listen).await.doing(format!("listen on {listen}"))?;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let answer = answer.clone();
        tokio::spawn(async move {
            // A connection that fails is its client's business.
            let _ = stream.set_nodelay(true);
            let service = service_fn(answer);
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
