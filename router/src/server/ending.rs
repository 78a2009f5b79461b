//! The end of what is still open when the grace period is over.
//!
//! Owns the word that it is, and that every connection hears it wherever it waits; what is said to
//! its client is the answer's.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Open connections, and whether their answers are to end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    is_over: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// What has a connection look again. Touched when one is opened or closed, and never by a
    /// request.
    wakers: BTreeMap<u64, Waker>,
}

/// A connection among those that are open, until this is dropped.
pub(super) struct Entered {
    ending: Arc<Ending>,
    number: u64,
}

impl Ending {
    /// A connection is open that this wakes.
    pub(super) fn enter(self: &Arc<Self>, waker: Waker) -> Entered {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.wakers.insert(number, waker);
        Entered { ending: Arc::clone(self), number }
    }

    /// Whether answers are to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Has them end.
    pub(super) fn begin(&self) {
        self.is_over.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut self.open().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// What `work` comes to, unless the end comes before. It stays where it was made.
    pub(super) async fn before<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.is_over() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.ending.open().wakers.remove(&self.number);
    }
}
