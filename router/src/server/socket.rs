//! A client's connection, watched.
//!
//! Owns what is noted of it on the way: the head of the request that comes, and that the client
//! takes what it is sent. The bytes themselves pass unchanged. How long a client may take nothing is
//! [`super::stall`]'s.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::guard::Head;
use super::stall::{Lost, Stall};

/// What the connection and its requests both know.
#[derive(Debug, Clone)]
pub(super) struct Heard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    head: Mutex<Head>,
    /// What `until` counts from.
    began: Instant,
    /// When the answer is over that is being sent, in milliseconds; [`NEVER`] when it ends by itself.
    until: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Heard {
    pub(super) fn new() -> Self {
        let (head, began) = (Mutex::default(), Instant::now());
        Self(Arc::new(Shared { head, began, until: AtomicU64::new(NEVER) }))
    }

    /// Notes when the answer is over that is sent from now on.
    pub(super) fn ends_at(&self, end: Option<Instant>) {
        let since = end.map(|end| end.saturating_duration_since(self.0.began).as_millis());
        let until = since.and_then(|since| u64::try_from(since).ok()).unwrap_or(NEVER);
        self.0.until.store(until, Ordering::Relaxed);
    }

    /// When the answer is over that is being sent.
    fn until(&self) -> Option<Instant> {
        let until = self.0.until.load(Ordering::Relaxed);
        if until == NEVER { None } else { self.0.began.checked_add(Duration::from_millis(until)) }
    }

    // A poisoned lock holds a head that may be cut: such a one is refused.
    pub(super) fn head(&self) -> MutexGuard<'_, Head> {
        self.0.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    heard: Heard,
    stall: Stall,
    /// What the client is yet to take of an answer that is out of time.
    rest: Bytes,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, heard: Heard, patience: Duration) -> Self {
        Self {
            stream: TokioIo::new(stream),
            heard,
            stall: Stall::new(patience),
            rest: Bytes::new(),
        }
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
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        ready!(self.stream.inner().poll_read_ready(cx))?;
        // Into a buffer of our own: what hyper's holds cannot be looked at without `unsafe`. Not
        // filled before: that would touch all of it.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let length = bytes.len().min(buffer.remaining());
        let mut read = ReadBuf::uninit(bytes.get_mut(..length).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(cx, read.unfilled()))?;
        self.heard.head().read(read.filled());
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watched(cx, written, pieces)
    }
}
