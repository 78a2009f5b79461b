//! A client's connection, watched.
//!
//! Owns what is noted of it on the way: the head of the request that comes, and that the client
//! takes what it is sent. The bytes themselves pass unchanged.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::guard::Head;

/// What the connection and its requests both know.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Head>>);

impl Heard {
    // A poisoned lock holds a head that may be cut: such a one is refused.
    pub(super) fn head(&self) -> MutexGuard<'_, Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    heard: Heard,
    /// How long a client may take nothing.
    patience: Duration,
    /// Set while it takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, heard: Heard, patience: Duration) -> Self {
        Self { stream: TokioIo::new(stream), heard, patience, stalled: None }
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
        let patience = self.patience;
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
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watched(cx, written)
    }
}
