//! The local front: HTTP/1.1 on a socket.
//!
//! Owns connections and the reading of request bodies; what a request gets is the handler's.

mod ending;
mod guard;
mod heard;
mod refusal;
mod socket;
mod stall;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Answer;
use crate::edge::Caller;
use crate::load::Load;
use crate::openai::error::ClientError;
use crate::pieces::Pieces;
use crate::repoll::Repoll;
use crate::respond;
use crate::router::Router;
use ending::Ending;
use guard::HEAD_LIMIT;
use heard::Heard;
use socket::Socket;

/// The largest request body: images as data URLs fit.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// How much of a body past the limit is read before it is refused, and how long that may take.
const DRAINED: usize = 64 * 1024 * 1024;
const DRAINED_IN: Duration = Duration::from_secs(5);
/// What lies between a provider that sends fast and a client that reads slowly: hyper asks an answer
/// for more when less than this waits to be sent.
const BUFFER: usize = HEAD_LIMIT;
/// For the last words of answers that the grace period did not see end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Connections beyond those of open requests.
const SPARE_CONNECTIONS: usize = 128;
/// What a connection too many is told.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 138\r\n\r\n{\"error\":{\"message\":\"The router has as many connections open as it takes.\",\"type\":\"server_error\",\"param\":null,\"code\":\"router_overloaded\"}}";
/// After a failed accept (no file descriptor left, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long clients may take, and what is left of them at the end.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A client that has not sent its headers by then, from their first byte on, is not one of ours.
    pub headers: Duration,
    /// How long a connection is kept for its next request: longer than load balancers do, which
    /// would else send one into a connection that is being closed.
    pub idle: Duration,
    /// A whole body: one of 16 MB at a megabit a second.
    pub body: Duration,
    /// A client that takes nothing of its answer for so long has it cut: it would hold a provider's
    /// connection for as long as it likes.
    pub stalled: Duration,
    /// How long open streams may go on after the order to stop.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(120),
            stalled: Duration::from_secs(60),
            grace: Duration::from_secs(30),
        }
    }
}

/// Serves connections until `stop` is ready, then lets open answers end within a grace period.
pub async fn serve(router: Arc<Router>, listener: TcpListener, stop: impl Future<Output = ()>) {
    serve_patiently(router, listener, Patience::default(), stop).await;
}

/// The same, with other times.
pub async fn serve_patiently(
    router: Arc<Router>,
    listener: TcpListener,
    patience: Patience,
    stop: impl Future<Output = ()>,
) {
    let front = Front {
        // Each open request has a connection; the others are between two requests.
        connections: Arc::new(Semaphore::new(2 * router.load().limit() + SPARE_CONNECTIONS)),
        ending: Arc::default(),
        graceful: GracefulShutdown::new(),
        patience,
        router,
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => front.connected(stream),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    let Front { graceful, ending, .. } = front;
    let mut over = pin!(graceful.shutdown());
    if tokio::time::timeout(patience.grace, &mut over).await.is_err() {
        ending.begin();
        let _ = tokio::time::timeout(LAST_WORDS, over).await;
    }
}

struct Front {
    router: Arc<Router>,
    connections: Arc<Semaphore>,
    ending: Arc<Ending>,
    graceful: GracefulShutdown,
    patience: Patience,
}

impl Front {
    fn connected(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
            // What fits into the socket's buffer is sent without waiting.
            let _ = stream.try_write(FULL.as_bytes());
            return;
        };
        // Tokens are small writes: each must leave at once.
        let _ = stream.set_nodelay(true);
        let (router, patience) = (Arc::clone(&self.router), self.patience);
        let heard = Heard::new(Arc::clone(&self.ending));
        let socket = Socket::new(stream, heard.clone(), patience);
        let service = service_fn(move |request| {
            let (router, heard) = (Arc::clone(&router), heard.clone());
            // In a box of its own: hyper keeps the room of a service's future while the answer
            // streams. Made where it stays: `Box::pin` would copy all of its room there.
            Box::into_pin(Box::write(Box::new_uninit(), async move {
                let (head, body) = Request::into_parts(request);
                let mut answer = pin!(answer(&router, &heard, patience.body, (&head, body)));
                let answer = heard.ending().before(answer.as_mut()).await;
                Ok::<_, Infallible>(answer.unwrap_or_else(|| stopping(&router, &heard)))
            }))
        });
        let connection = http1::Builder::new()
            // It would count from the end of the request before: the socket has limits of its own.
            .header_read_timeout(None)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER)
            .serve_connection(socket, service);
        let connection = Repoll::new(self.graceful.watch(connection));
        let entered = self.ending.enter(connection.waker());
        tokio::spawn(async move {
            // A connection that ends with an error is the client's affair: nothing of ours is lost.
            let _ = connection.await;
            drop((place, entered));
        });
    }
}

async fn answer(
    router: &Router,
    heard: &Heard,
    body_in: Duration,
    (head, body): (&Parts, Incoming),
) -> Response<Placed> {
    heard.take();
    if let Some(why) = heard.head().fault(head) {
        return turned_away((router, heard), head, suspicious(why));
    }
    let guest = match router.arrives(head).await {
        Ok(guest) => guest,
        Err(refusal) => {
            pass_over(head, body, heard).await;
            return refusal.map(|answer| Placed::new(answer, heard, None));
        }
    };
    let path = head.uri.path();
    let place = match router.load().enter() {
        Some(place) => Some(place),
        None if path == "/health" || path == "/ready" => None,
        None => {
            pass_over(head, body, heard).await;
            return turned_away((router, heard), head, overloaded(router.load().limit()));
        }
    };
    let read = tokio::time::timeout(body_in, read(body, router.load())).await;
    // The body is over: what comes now is the next head.
    heard.head().clear();
    match read {
        Ok(Ok(body)) => {
            let response = router.serves(guest.begins(), (head, body)).await;
            heard.ends_at(response.body().ends_at());
            response.map(|answer| Placed::new(answer, heard, place))
        }
        Ok(Err(refusal)) => turned_away((router, heard), head, *refusal),
        Err(_) => turned_away((router, heard), head, too_slow(body_in)),
    }
}

#[cold]
fn turned_away(
    (router, heard): (&Router, &Heard),
    head: &Parts,
    mut refusal: Response<Answer>,
) -> Response<Placed> {
    let caller = Caller::of(head.uri.path(), &head.headers);
    router.turned_away(&caller, &mut refusal);
    refusal.map(|answer| Placed::new(answer, heard, None))
}

/// Has done with a body that is not wanted.
async fn pass_over(head: &Parts, body: Incoming, heard: &Heard) {
    // Who asks before it sends is answered at once.
    if !head.headers.contains_key(EXPECT) {
        drain(body).await;
    }
    heard.head().clear();
}

/// What a request is told that got no answer before the end.
#[cold]
fn stopping(router: &Router, heard: &Heard) -> Response<Placed> {
    heard.head().clear();
    let mut refusal = full("The router was stopped.".into());
    router.turned_away(&Caller::of("", &HeaderMap::new()), &mut refusal);
    refusal.map(|answer| Placed::new(answer, heard, None))
}

/// An answer with the place of its request among those that are open.
struct Placed {
    answer: Answer,
    /// The connection, where it may be told to end.
    heard: Heard,
    is_told: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl Placed {
    fn new(answer: Answer, heard: &Heard, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { answer, heard: heard.clone(), is_told: false, _place: place }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.heard.free();
    }
}

impl http_body::Body for Placed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.is_told && self.heard.ending().is_over() {
            self.is_told = true;
            self.answer.stop();
        }
        Pin::new(&mut self.answer).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}

async fn read(mut body: Incoming, load: &Load) -> Result<Bytes, Box<Response<Answer>>> {
    let (mut pieces, mut room) = (Pieces::default(), load.room());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Box::new(cut_short())) };
        let Ok(data) = frame.into_data() else { continue };
        if pieces.len() + data.len() > BODY_LIMIT {
            drain(body).await;
            return Err(Box::new(too_large()));
        }
        if !room.holds(pieces.len() + data.len()) {
            // What was read would wait with it.
            drop((pieces, room));
            load.turns_away();
            drain(body).await;
            return Err(Box::new(no_room()));
        }
        pieces.push(data);
        // A body of known length is whole with its last byte.
        if body.is_end_stream() {
            break;
        }
    }
    Ok(pieces.join())
}

/// The connection ends with it: where the next request begins is not certain.
#[cold]
fn suspicious(why: &str) -> Response<Answer> {
    let message = format!("The request is refused: {why}.");
    closing(respond::refuse(StatusCode::BAD_REQUEST, "ambiguous_request", message))
}

fn closing(mut response: Response<Answer>) -> Response<Answer> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cold]
fn too_slow(limit: Duration) -> Response<Answer> {
    let message = format!("The request's body did not arrive within {} s.", limit.as_secs());
    closing(respond::refuse(StatusCode::REQUEST_TIMEOUT, "request_timeout", message))
}

#[cold]
fn overloaded(limit: usize) -> Response<Answer> {
    full(format!("The router has {limit} requests open, as many as it takes at once."))
}

#[cold]
fn no_room() -> Response<Answer> {
    full("The router reads as many large requests as it takes at once.".into())
}

fn full(message: String) -> Response<Answer> {
    let error = ClientError {
        message,
        kind: "server_error",
        code: Some("router_overloaded".into()),
        param: None,
    };
    let mut response = respond::error(StatusCode::SERVICE_UNAVAILABLE, &error);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cold]
fn too_large() -> Response<Answer> {
    respond::refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        format!("The request is larger than {} MB.", BODY_LIMIT / (1024 * 1024)),
    )
}

#[cold]
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
