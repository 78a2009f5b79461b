//! The timers of one attempt.
//!
//! Owns when it is out of time; what follows from that is [`crate::attempt`]'s. Every time is a
//! [`Duration`] since the request came in.

use std::time::Duration;

use crate::role::Timeouts;

/// Which timer of an attempt runs, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer {
    timeouts: Timeouts,
    /// When it must have committed.
    commit_by: Duration,
    /// When its `first_token` is over.
    fair_by: Duration,
    /// Whether the answer is streamed: only then is there a first token to wait for.
    streamed: bool,
    committed: bool,
    last_event: Option<Duration>,
}

impl Timer {
    /// The timers of an attempt that began at `started` and must have committed by `commit_by`.
    pub(crate) fn new(
        timeouts: Timeouts,
        started: Duration,
        commit_by: Duration,
        streamed: bool,
    ) -> Self {
        let fair_by = started + timeouts.first_token;
        Self { timeouts, commit_by, fair_by, streamed, committed: false, last_event: None }
    }

    /// How long it may take to connect.
    pub fn connect_limit(&self) -> Duration {
        self.timeouts.connect
    }

    /// When it is out of time: it has then failed with [`crate::FailureClass::Timeout`].
    pub fn deadline(&self) -> Duration {
        // Before a stream's first token `first_token` alone decides: a model that thinks in
        // silence is what it is set for.
        let flows = self.committed || !self.streamed;
        let last_event = self.last_event.filter(|_| flows);
        let idle = last_event.map(|at| at + self.timeouts.idle);
        let commit = (!self.committed).then_some(self.commit_by);
        let limits = [idle, commit].into_iter().flatten();
        limits.fold(self.timeouts.total, Duration::min)
    }

    /// When it is over whatever still comes: no event moves it.
    pub fn total(&self) -> Duration {
        self.timeouts.total
    }

    /// Whether `total` ends it before its own timers do, so that a timeout says nothing of the
    /// provider: a link that was called late, or an answer that still flows.
    pub fn is_cut_short(&self) -> bool {
        let is_total = self.deadline() == self.timeouts.total;
        is_total && (self.committed || self.timeouts.total < self.fair_by)
    }

    /// Whether the first token has come.
    pub fn has_committed(&self) -> bool {
        self.committed
    }

    /// The upstream showed life: response headers, or any event.
    pub fn progressed(&mut self, now: Duration) {
        self.last_event = Some(now);
    }

    /// The answer's first content, reasoning or tool delta is there.
    pub fn committed(&mut self, now: Duration) {
        self.committed = true;
        self.last_event = Some(now);
    }
}
