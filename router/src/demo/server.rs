//! The demo's socket: HTTP/1.1 on loopback, one event at a time.
//!
//! It owns the connections and the pace; what is answered is decided in [`super::answer`].

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::answer::{Answer, Body, Event, Stamp, answer};

/// The usual pace: about as fast as a large model writes.
pub const PACE: Duration = Duration::from_millis(25);

/// The largest request body, as Anthropic has it.
const MOST_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How long a request's headers may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The wait after a failed `accept`, which is a lack of file descriptors more often than not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Numbers requests over every demo of the process, so that ids never repeat.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A running demo upstream; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Demo {
    /// Where it listens: 127.0.0.1 and a port of the system's choice.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a demo upstream with `pace` between two events of a stream, on the runtime that it is
/// called on.
///
/// # Errors
/// When no port on loopback can be had.
pub fn start(pace: Duration) -> io::Result<Demo> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok(Demo { address, task: tokio::spawn(accept(listener, pace)) })
}

async fn accept(listener: TcpListener, pace: Duration) {
    // Dropped with the task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(serve(stream, pace)); }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves a connection to its end. Its errors are the client's leaving, which is its right.
async fn serve(stream: TcpStream, pace: Duration) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(request, pace));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    pace: Duration,
) -> Result<Response<Paced>, Infallible> {
    let (head, body) = request.into_parts();
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let stamp = Stamp { created, serial: SERIAL.fetch_add(1, Ordering::Relaxed) };
    Ok(match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => response(answer(&head, &body.to_bytes(), stamp), pace),
        Err(_) => unread(),
    })
}

/// The answer to a body that is too long or was broken off.
fn unread() -> Response<Paced> {
    let text = r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size","code":null,"param":null}}"#;
    let mut response = Response::new(Paced::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn response(answer: Answer, pace: Duration) -> Response<Paced> {
    let body = match answer.body {
        Body::Whole(bytes) => Paced::whole(bytes),
        Body::Events(events) => Paced::events(events, pace),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// A body whose pieces come at a pace, the first at once.
struct Paced {
    pace: Duration,
    pieces: std::vec::IntoIter<Bytes>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    fn whole(bytes: Bytes) -> Self {
        Self { pace: Duration::ZERO, pieces: vec![bytes].into_iter(), wait: None }
    }

    fn events(events: Vec<Event>, pace: Duration) -> Self {
        let pieces: Vec<_> = events.into_iter().map(|event| event.bytes).collect();
        Self { pace, pieces: pieces.into_iter(), wait: None }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(wait) = self.wait.as_mut() {
            std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        let piece = self.pieces.next();
        if !self.pace.is_zero() && self.pieces.len() > 0 {
            self.wait = Some(Box::pin(sleep_until(Instant::now() + self.pace)));
        }
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.len() == 0
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self.pieces.as_slice() {
            [only] => http_body::SizeHint::with_exact(only.len() as u64),
            _ => http_body::SizeHint::default(),
        }
    }
}
