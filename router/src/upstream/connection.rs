//! One connection to a provider, and the answer that comes over it.
//!
//! A connection has no task of its own: whoever waits for its answer moves it on. So an event goes
//! from the provider's socket to the client's without a task being woken between, and an answer
//! that is dropped takes its connection along. When it may be used again is [`super::pool`]'s.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Parts;
use super::pool::Home;

/// The most that is read of an answer before its client has taken what came before. hyper's own bound
/// is six times that, and each answer that nobody reads would hold it several times over.
const READ_AHEAD: usize = 64 * 1024;

/// Bytes to and from a provider, encrypted or not.
pub(super) type Io = MaybeHttpsStream<TokioIo<TcpStream>>;

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<Parts>,
    /// What reads and writes; none once the connection has ended.
    driver: Option<Pin<Box<http1::Connection<Io, Parts>>>>,
}

/// Why a request got no response.
pub(super) struct Unanswered {
    /// What went wrong.
    pub(super) error: hyper::Error,
    /// The request, where none of it was written.
    pub(super) unsent: Option<Box<Request<Parts>>>,
}

impl Connection {
    /// Speaks HTTP/1.1 over `io`.
    ///
    /// # Errors
    /// None that a provider could cause: nothing is exchanged yet.
    pub(super) async fn new(io: Io) -> hyper::Result<Self> {
        let (sender, driver) = http1::Builder::new().max_buf_size(READ_AHEAD).handshake(io).await?;
        Ok(Self { sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether another request can be sent, as far as can be told without waiting.
    pub(super) fn is_free(&mut self) -> bool {
        // Nobody waits for what an idle connection does; its end shows when it is looked at.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(super) async fn send(
        &mut self,
        request: Box<Request<Parts>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut sending = std::pin::pin!(self.sender.try_send_request(*request));
        let answered = std::future::poll_fn(|cx| {
            Self::drive_on(&mut self.driver, cx);
            // Only the driver makes it ready, and the driver wakes us: it need not.
            sending.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        answered.await.map_err(|mut error| {
            let unsent = error.take_message().map(Box::new);
            Unanswered { error: error.into_error(), unsent }
        })
    }

    /// A response that came over it, with the way back for when it is read.
    pub(super) fn answers(self, response: Response<Incoming>, home: Home) -> Box<Response<Body>> {
        Box::new(response.map(|incoming| Body::new(incoming, self, home)))
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        Self::drive_on(&mut self.driver, cx);
    }

    fn drive_on(driver: &mut Option<Pin<Box<http1::Connection<Io, Parts>>>>, cx: &mut Context<'_>) {
        // How it ended is told to who waits for the answer.
        if driver.as_mut().is_some_and(|it| it.as_mut().poll(cx).is_ready()) {
            *driver = None;
        }
    }
}

/// The body of a provider's response, with the connection that it comes over.
pub struct Body {
    incoming: Incoming,
    /// None once it has gone home.
    connection: Option<(Connection, Home)>,
}

impl Body {
    fn new(incoming: Incoming, connection: Connection, home: Home) -> Self {
        Self { incoming, connection: Some((connection, home)) }
    }

    /// Gives the connection back where nothing more comes over it.
    fn go_home(&mut self) {
        if let Some((mut connection, home)) = self.connection.take()
            && connection.is_free()
        {
            home.take_in(connection);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        // Only the driver brings a frame, and the driver wakes us: the body need not.
        let idle = &mut Context::from_waker(Waker::noop());
        let mut frame = Pin::new(&mut this.incoming).poll_frame(idle);
        if frame.is_pending()
            && let Some((connection, _)) = &mut this.connection
        {
            connection.drive(cx);
            frame = Pin::new(&mut this.incoming).poll_frame(idle);
        }
        if matches!(frame, Poll::Ready(None)) {
            this.go_home();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // One that was not read to its end has no other use: closing it ends the request.
        if self.incoming.is_end_stream() {
            self.go_home();
        }
    }
}
