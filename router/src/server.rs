//! The local front: HTTP/1.1 on a socket.
//!
//! Owns connections and the reading of request bodies; what a request gets is the handler's.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::edge::Caller;
use crate::repoll::Repoll;
use crate::respond;
use crate::router::Router;

/// The largest request body: images as data URLs fit.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// A client that has not sent its headers by then is not one of ours.
const HEADERS_IN: Duration = Duration::from_secs(10);
/// How much of a body past the limit is read before it is refused, and how long that may take.
const DRAINED: usize = 64 * 1024 * 1024;
const DRAINED_IN: Duration = Duration::from_secs(5);
/// How long open streams may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(30);
/// After a failed accept (no file descriptor left, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is ready, then lets open answers end within a grace period.
pub async fn serve(router: Arc<Router>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connected(&router, stream, &graceful),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    // Past the grace period the remaining streams are cut with the process.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

fn connected(router: &Arc<Router>, stream: TcpStream, graceful: &GracefulShutdown) {
    // Tokens are small writes: each must leave at once.
    let _ = stream.set_nodelay(true);
    let router = Arc::clone(router);
    let service = service_fn(move |request| {
        let router = Arc::clone(&router);
        // In a box of its own: hyper keeps the room of a service's future while the answer streams.
        // Made where it stays: `Box::pin` would copy all of its room there.
        let room = Box::new_uninit();
        Box::into_pin(Box::write(room, async move {
            Ok::<_, Infallible>(answer(&router, request).await)
        }))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_IN)
        .serve_connection(TokioIo::new(stream), service);
    let connection = Repoll::new(graceful.watch(connection));
    tokio::spawn(async move {
        // A connection that ends with an error is the client's affair: nothing of ours is lost.
        let _ = connection.await;
    });
}

async fn answer(router: &Router, request: Request<Incoming>) -> Response<Answer> {
    let (head, body) = request.into_parts();
    match read(body).await {
        Ok(body) => router.handle(Request::from_parts(head, body)).await,
        Err(mut refusal) => {
            let caller = Caller::of(head.uri.path(), &head.headers);
            router.turned_away(&caller, &mut refusal);
            *refusal
        }
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Box<Response<Answer>>> {
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Box::new(cut_short())) };
        let Ok(data) = frame.into_data() else { continue };
        if parts.len() + whole.len() + data.len() > BODY_LIMIT {
            drain(body).await;
            return Err(Box::new(too_large()));
        }
        // What comes in one piece is not copied.
        if whole.is_empty() && parts.is_empty() {
            whole = data;
        } else {
            parts.extend_from_slice(&std::mem::take(&mut whole));
            parts.extend_from_slice(&data);
        }
        // A body of known length is whole with its last byte.
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if parts.is_empty() { whole } else { parts.freeze() })
}

fn too_large() -> Response<Answer> {
    respond::refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        format!("The request is larger than {} MB.", BODY_LIMIT / (1024 * 1024)),
    )
}

fn cut_short() -> Response<Answer> {
    respond::refuse(
        StatusCode::BAD_REQUEST,
        "incomplete_request",
        "The request's body did not arrive whole.",
    )
}

/// Reads on for a while, and keeps nothing: most clients read no answer before they have sent all,
/// and would see a broken connection in place of a refusal.
async fn drain(mut body: Incoming) {
    let mut left = DRAINED;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAINED_IN, reading).await;
}

/// Binds an address.
///
/// # Errors
/// When it cannot be had; the text names it and says what to do.
pub async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}
