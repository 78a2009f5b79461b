//! A committed stream on its way to the client.
//!
//! It is polled by the front and polls the upstream: no task and no channel lie between, so that a
//! client that leaves drops the upstream request, and one that reads slowly slows the upstream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use model_map::{FailureClass, Timer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::read::Started;
use crate::audit::Closing;
use crate::clock::Stopwatch;
use crate::front::{Front, stream_event};
use crate::openai::error::ClientError;
use crate::respond::error_kind;
use crate::upstream::Body;
use crate::wire::{Ending, Progress, StreamFailure, StreamReader};

const BROKEN: &str = "the connection to the provider broke";
const CUT: &str = "the provider cut the stream";
const EMPTY: &str = "the provider sent neither content nor a tool call";
const SILENT: &str = "the provider fell silent, or the answer took longer than `total`";

/// The rest of a committed stream.
pub struct AnswerStream {
    held: std::vec::IntoIter<Bytes>,
    /// None once the answer is over.
    body: Option<Body>,
    reader: StreamReader,
    timer: Timer,
    stopwatch: Stopwatch,
    /// Set once and moved on only when it fires, since nearly every event moves the deadline.
    alarm: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
    /// Why it broke off, once it has.
    broke: Option<FailureClass>,
    closing: Closing,
}

impl AnswerStream {
    pub(super) fn new(started: Started, stopwatch: Stopwatch) -> Self {
        let alarm = tokio::time::sleep_until(stopwatch.at(started.timer.deadline()));
        Self {
            held: started.held.into_iter(),
            body: started.body,
            reader: started.reader,
            timer: started.timer,
            stopwatch,
            alarm: Box::pin(alarm),
            _place: started.place,
            broke: started.broke,
            closing: Closing::default(),
        }
    }

    /// Notes the rest of the answer.
    pub(crate) fn follow(&mut self, closing: Closing) {
        self.closing = closing;
    }

    /// The next bytes for the client; none at the end. Never fails: what goes wrong is told in the
    /// stream.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match std::task::ready!(self.next(cx)) {
            Some(bytes) => {
                self.closing.sends(&bytes);
                Poll::Ready(Some(bytes))
            }
            None => self.closing.poll(cx, || (self.reader.told(), self.broke)).map(|()| None),
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.held.next() {
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(bytes));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let out = match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.received(frame),
                Poll::Ready(Some(Err(_))) => self.over(FailureClass::Network, BROKEN),
                Poll::Ready(None) => self.over(FailureClass::Network, CUT),
                Poll::Pending => {
                    std::task::ready!(self.poll_alarm(cx));
                    self.over(FailureClass::Timeout, SILENT)
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(out));
            }
        }
    }

    fn received(&mut self, frame: Frame<Bytes>) -> Bytes {
        let Ok(data) = frame.into_data() else { return Bytes::new() };
        let Progress { out, events, token, failure, .. } = self.reader.push(data);
        if events > 0 {
            self.closing.counts(events.into());
            let now = self.stopwatch.elapsed();
            // Where the headers committed, the first token is still to come.
            if token && !self.timer.has_committed() {
                self.closing.first_token(now);
            }
            if token { self.timer.committed(now) } else { self.timer.progressed(now) }
        }
        if let Some(failure) = failure {
            self.body = None;
            self.broke = Some(failure.error.failure.class);
            self.held = vec![failure_event(self.reader.front(), &failure)].into_iter();
        }
        out
    }

    /// The upstream's bytes are over, for `why` if too early.
    fn over(&mut self, class: FailureClass, why: &str) -> Bytes {
        let end = self.reader.finish();
        self.body = None;
        let front = self.reader.front();
        let (class, event) = match end.ending {
            Ending::Empty if !self.timer.has_committed() => {
                (FailureClass::Empty, cut_event(front, FailureClass::Empty, EMPTY))
            }
            Ending::Complete | Ending::Empty => return end.out,
            Ending::Cut => (class, cut_event(front, class, why)),
            Ending::Failed(failure) => {
                (failure.error.failure.class, failure_event(front, &failure))
            }
        };
        self.broke = Some(class);
        self.held = vec![event].into_iter();
        end.out
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            std::task::ready!(self.alarm.as_mut().poll(cx));
            let deadline = self.stopwatch.at(self.timer.deadline());
            if deadline <= tokio::time::Instant::now() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(deadline);
        }
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        self.closing.leaves(|| self.reader.told());
    }
}

/// The event that tells the client of an error event of the upstream.
pub(super) fn failure_event(front: Front, failure: &StreamFailure) -> Bytes {
    if !failure.event.is_empty() {
        return failure.event.clone();
    }
    let error = ClientError {
        message: failure.error.message.clone(),
        kind: error_kind(failure.error.failure.class),
        code: Some(failure.error.failure.class.name().into()),
        param: None,
    };
    stream_event(front, &error)
}

fn cut_event(front: Front, class: FailureClass, why: &str) -> Bytes {
    let error = ClientError {
        message: format!("The answer is incomplete: {why}."),
        kind: error_kind(class),
        code: Some(class.name().into()),
        param: None,
    };
    stream_event(front, &error)
}
