//! A client's connection, watched.
//!
//! Owns what is noted of it on the way: the head of the request that comes, how long it takes, and
//! that the client takes what it is sent. The bytes pass unchanged, but for a refusal of hyper's,
//! which is said in full. How long a client may take nothing is [`super::stall`]'s.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::Patience;
use super::heard::Heard;
use super::refusal;
use super::stall::{Lost, Stall};

/// See the module.
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    heard: Heard,
    stall: Stall,
    /// What the client is yet to take of what hyper takes for sent: an answer that is out of time, or
    /// a refusal.
    rest: Bytes,
    patience: Patience,
    /// Since when a head, or the rest of one, is waited for.
    since: Option<Instant>,
    /// Rings when that may have been too long; kept from one request to the next, and set anew only
    /// when it has rung or would ring too late, so that a common request sets none.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, heard: Heard, patience: Patience) -> Self {
        Self {
            stream: TokioIo::new(stream),
            heard,
            stall: Stall::new(patience.stalled),
            rest: Bytes::new(),
            patience,
            since: None,
            waiting: None,
        }
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
            self.heard.begins();
            self.since = None;
        }
        if head.is_whole() {
            self.since = None;
        }
    }

    /// Says a refusal of hyper's in full: how much was written, where `bytes` are one. What is said is
    /// sent as a rest is.
    fn refuses(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.heard.is_answered() {
            return None;
        }
        self.rest = refusal::in_full(bytes, self.heard.head().bytes())?;
        Some(bytes.len())
    }

    /// Passes on what a write of `pieces` came to, and ends the connection of a client that takes
    /// nothing.
    ///
    /// An answer that is out of time is to end all the same, and give its provider free: hyper asks
    /// it for no more while a write waits. So this one is taken in, once, for the client to have
    /// when it reads on.
    fn watched(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall.is_over();
            return written;
        }
        match ready!(self.stall.poll(cx, self.heard.until())) {
            Lost::Client => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Lost::Answer => {
                let mut rest = BytesMut::new();
                pieces.iter().for_each(|piece| rest.extend_from_slice(piece));
                self.rest = rest.freeze();
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(self.rest.len()))
            }
        }
    }

    /// Sends what was taken in.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.rest) {
                Poll::Ready(written) => {
                    self.stall.is_over();
                    self.rest.advance(written?);
                }
                Poll::Pending => {
                    ready!(self.stall.poll(cx, None));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Poll::Ready(Ok(()))
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
        ready!(self.poll_rest(cx))?;
        if let Some(length) = self.refuses(bytes) {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written, &[io::IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
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
        ready!(self.poll_rest(cx))?;
        if let Some(length) = pieces.first().and_then(|piece| self.refuses(piece)) {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watched(cx, written, pieces)
    }
}
