//! The upstream of the measurements: it answers in both dialects, as slowly as its path says.
//!
//! `/e250/i40000/v1/messages` streams 250 content events, one every 40,000 µs, each written and
//! flushed alone; the first comes with the headers. Nothing is kept between requests. Within the bench
//! itself it also tells when it sent each event.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, Sleep, sleep_until};

use super::serve::{self, serve};
use super::wire::Dialect;
use crate::trouble::Trouble;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    listen: SocketAddr,
}

/// Serves until it is killed.
///
/// # Errors
/// When the address is taken.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let listen = options.listen;
    serve::runtime()?.block_on(serve(listen, |request| async { Ok(answer(request, None).await) }))
}

/// How fast a stream is, as its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Content events.
    pub(super) events: u32,
    /// Between two of them.
    pub(super) interval: Duration,
}

impl Pace {
    /// The prefix of the path that asks for this pace.
    pub(super) fn prefix(self) -> String {
        format!("/e{}/i{}", self.events, self.interval.as_micros())
    }

    fn of(path: &str) -> Option<Self> {
        let mut segments = path.split('/').skip(1);
        let events = segments.next()?.strip_prefix('e')?.parse().ok()?;
        let interval = segments.next()?.strip_prefix('i')?.parse().ok()?;
        Some(Self { events, interval: Duration::from_micros(interval) })
    }
}

type Answer = Either<Full<Bytes>, Paced>;

/// When each content event was given to its connection.
type Sent = UnboundedSender<std::time::Instant>;

/// Answers as the path says, and tells `sent` of each content event of a stream.
pub(super) async fn answer(request: Request<Incoming>, sent: Option<Sent>) -> Response<Answer> {
    let path = request.uri().path().to_owned();
    let asked = Pace::of(&path).zip(Dialect::ALL.into_iter().find(|d| path.ends_with(d.path())));
    let body = request.into_body().collect().await;
    let (Some((pace, dialect)), Ok(body)) = (asked, body) else {
        return whole(StatusCode::NOT_FOUND, Bytes::from_static(b"{}"));
    };
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&body.to_bytes());
    match body {
        Ok(body) if body.get("stream").and_then(serde_json::Value::as_bool) == Some(true) => {
            let mut response = Response::new(Either::Right(Paced::new(dialect, pace, sent)));
            let kind = http::HeaderValue::from_static("text/event-stream; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Ok(_) => whole(StatusCode::OK, dialect.answer()),
        Err(_) => whole(StatusCode::BAD_REQUEST, Bytes::from_static(b"{}")),
    }
}

fn whole(status: StatusCode, body: Bytes) -> Response<Answer> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A stream at its pace.
pub(super) struct Paced {
    dialect: Dialect,
    pace: Pace,
    /// Frames already given: the prologue, the events, the epilogue.
    given: u32,
    next: Pin<Box<Sleep>>,
    sent: Option<Sent>,
}

impl Paced {
    fn new(dialect: Dialect, pace: Pace, sent: Option<Sent>) -> Self {
        Self { dialect, pace, given: 0, next: Box::pin(sleep_until(Instant::now())), sent }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Those that come with the headers do not wait for the timer, which rounds up.
        if self.given > 1 {
            ready!(self.next.as_mut().poll(context));
        }
        let last = self.pace.events + 1;
        let bytes = match self.given {
            0 => self.dialect.prologue(),
            given if given < last => {
                // Measured from the planned time, so that a busy machine does not slow the pace.
                let next = self.next.deadline() + self.pace.interval;
                self.next.as_mut().reset(next);
                if let Some(sent) = &self.sent {
                    // Who asked may have gone.
                    let _ = sent.send(std::time::Instant::now());
                }
                self.dialect.event()
            }
            given if given == last => self.dialect.epilogue(),
            _ => return Poll::Ready(None),
        };
        self.given += 1;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_the_pace() {
        let pace = Pace { events: 250, interval: Duration::from_millis(40) };
        assert_eq!(Pace::of(&format!("{}/v1/messages", pace.prefix())), Some(pace));
        assert_eq!(Pace::of("/v1/messages"), None);
        assert_eq!(Pace::of("/e9/ix/v1/messages"), None);
    }
}
