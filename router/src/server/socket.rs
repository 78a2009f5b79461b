//! A client's connection, watched.
//!
//! Owns what is noted of it on the way: the head of the request that comes, how long it takes, and
//! that the client takes what it is sent. The bytes pass unchanged, but for a refusal of hyper's,
//! which is said in full.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::Patience;
use super::ending::Ending;
use super::guard::Head;
use super::refusal;

/// What the connection and its requests both know.
#[derive(Debug, Clone)]
pub(super) struct Heard(Arc<Ear>);

#[derive(Debug)]
struct Ear {
    ending: Arc<Ending>,
    head: Mutex<Head>,
    /// Whether the request of this head has come to its service.
    taken: AtomicBool,
    /// Whether a request is at its service, or its answer on the way.
    busy: AtomicBool,
}

impl Heard {
    pub(super) fn new(ending: Arc<Ending>) -> Self {
        let (taken, busy) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Ear { ending, head: Mutex::default(), taken, busy }))
    }

    /// Whether answers are to end.
    pub(super) fn ending(&self) -> &Ending {
        &self.0.ending
    }

    // A poisoned lock holds a head that may be cut: such a one is refused.
    pub(super) fn head(&self) -> MutexGuard<'_, Head> {
        self.0.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come to its service: what is answered is not hyper's own.
    pub(super) fn take(&self) {
        self.0.taken.store(true, Ordering::Relaxed);
        self.0.busy.store(true, Ordering::Relaxed);
    }

    /// The answer is over: what comes next is another request.
    pub(super) fn free(&self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }

    /// Whether what is written is an answer of our own.
    fn is_answered(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed) || self.is_busy()
    }

    fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }
}

/// See the module.
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    heard: Heard,
    patience: Patience,
    /// Set while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Since when a head, or the rest of one, is waited for.
    since: Option<Instant>,
    /// Rings when that may have been too long; kept from one request to the next, and set anew only
    /// when it has rung or would ring too late, so that a common request sets none.
    waiting: Option<Pin<Box<Sleep>>>,
    /// What is sent in place of a refusal of hyper's.
    instead: Option<Box<Instead>>,
}

struct Instead {
    left: Bytes,
    /// How long what it stands for is.
    stands_for: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, heard: Heard, patience: Patience) -> Self {
        let stream = TokioIo::new(stream);
        Self { stream, heard, patience, stalled: None, since: None, waiting: None, instead: None }
    }

    /// Nothing has come: for how long that may go on. Then the connection is over; hyper has nothing
    /// to say on it.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.heard.is_busy() {
            return self.watches(cx);
        }
        let is_idle = self.heard.head().bytes().is_empty();
        let patience = if is_idle { self.patience.idle } else { self.patience.headers };
        let due = *self.since.get_or_insert_with(Instant::now) + patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if waiting.deadline() > due {
            waiting.as_mut().reset(due);
        }
        while waiting.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            waiting.as_mut().reset(due);
        }
        Poll::Pending
    }

    /// Nothing has come while a request is served, which takes as long as it takes. hyper does not
    /// read again when that is over: the bell has it do so, once an idle time or two later.
    fn watches(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.as_ref().is_none_or(|waiting| waiting.is_elapsed()) {
            let next = Instant::now() + self.patience.idle;
            let mut waiting = Box::pin(tokio::time::sleep_until(next));
            // A waker for it: it has not rung yet.
            let _ = waiting.as_mut().poll(cx);
            self.waiting = Some(waiting);
        }
        Poll::Pending
    }

    /// Notes what was read while a head is waited for.
    fn hears(&mut self, bytes: &[u8]) {
        let mut head = self.heard.head();
        let was_empty = head.bytes().is_empty();
        head.read(bytes);
        if was_empty && !head.bytes().is_empty() {
            self.heard.0.taken.store(false, Ordering::Relaxed);
            self.since = None;
        }
        if head.is_whole() {
            self.since = None;
        }
    }

    /// Sends a refusal in full where `bytes` are one of hyper's, or it has begun to.
    fn refuses(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.instead.is_none() {
            if self.heard.is_answered() {
                return None;
            }
            let left = refusal::in_full(bytes, self.heard.head().bytes())?;
            self.instead = Some(Box::new(Instead { left, stands_for: bytes.len() }));
        }
        let instead = self.instead.as_mut()?;
        while !instead.left.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &instead.left) {
                Poll::Ready(Ok(0)) => {
                    return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into())));
                }
                Poll::Ready(Ok(length)) => instead.left.advance(length),
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        self.instead.take().map(|instead| Poll::Ready(Ok(instead.stands_for)))
    }

    /// Passes on what a write came to, and ends the connection of a client that takes nothing.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience.stalled;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.heard.head().is_whole() {
            let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
            return if read.is_pending() { self.watches(cx) } else { read };
        }
        match self.stream.inner().poll_read_ready(cx) {
            Poll::Ready(ready) => ready?,
            Poll::Pending => return self.waits(cx),
        }
        // Into a buffer of our own: what hyper's holds cannot be looked at without `unsafe`. Not
        // filled before: that would touch all of it.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let length = bytes.len().min(buffer.remaining());
        let mut read = ReadBuf::uninit(bytes.get_mut(..length).unwrap_or_default());
        match Pin::new(&mut self.stream).poll_read(cx, read.unfilled()) {
            Poll::Ready(read) => read?,
            Poll::Pending => return self.waits(cx),
        }
        self.hears(read.filled());
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

/// What is read of a head at once.
const READ: usize = 8 * 1024;

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self.refuses(cx, bytes) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        };
        self.watched(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = pieces.first().map_or(&[][..], |piece| piece);
        let written = match self.refuses(cx, first) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, pieces),
        };
        self.watched(cx, written)
    }
}
