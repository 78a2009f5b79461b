//! What a connection and the requests on it both know.
//!
//! Owns those notes; what follows from them is the socket's and the server's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ending::Ending;
use super::guard::Head;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Heard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ending: Arc<Ending>,
    head: Mutex<Head>,
    /// Whether the request of this head has come to its service.
    taken: AtomicBool,
    /// Whether a request is at its service, or its answer on the way.
    busy: AtomicBool,
    /// What `until` counts from.
    began: Instant,
    /// When the answer is over that is being sent, in milliseconds; [`NEVER`] when it ends by itself.
    until: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Heard {
    pub(super) fn new(ending: Arc<Ending>) -> Self {
        Self(Arc::new(Shared {
            ending,
            head: Mutex::default(),
            taken: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            began: Instant::now(),
            until: AtomicU64::new(NEVER),
        }))
    }

    /// Whether answers are to end.
    pub(super) fn ending(&self) -> &Ending {
        &self.0.ending
    }

    // A poisoned lock holds a head that may be cut: such a one is refused.
    pub(super) fn head(&self) -> MutexGuard<'_, Head> {
        self.0.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new head has begun.
    pub(super) fn begins(&self) {
        self.0.taken.store(false, Ordering::Relaxed);
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
    pub(super) fn is_answered(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed) || self.is_busy()
    }

    /// Whether a request is at its service, or its answer on the way.
    pub(super) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    /// Notes when the answer is over that is sent from now on.
    pub(super) fn ends_at(&self, end: Option<Instant>) {
        let since = end.map(|end| end.saturating_duration_since(self.0.began).as_millis());
        let until = since.and_then(|since| u64::try_from(since).ok()).unwrap_or(NEVER);
        self.0.until.store(until, Ordering::Relaxed);
    }

    /// When the answer is over that is being sent.
    pub(super) fn until(&self) -> Option<Instant> {
        let until = self.0.until.load(Ordering::Relaxed);
        if until == NEVER { None } else { self.0.began.checked_add(Duration::from_millis(until)) }
    }
}
