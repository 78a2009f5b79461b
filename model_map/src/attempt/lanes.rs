//! Which link is called next, and when.
//!
//! Owns retries, fallback and the hedge's turn; what the driver is told is [`super`]'s.

use std::time::Duration;

use super::classes::Classes;
use super::{Attempts, Skipped};
use crate::failure::{Failure, FailureClass};
use crate::role::Retry;

/// A role's `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Again {
    count: u32,
    max_backoff: Duration,
    min_backoff: Duration,
    on: Classes,
}

impl Again {
    pub(super) fn of(retry: &Retry) -> Self {
        let Retry { count, max_backoff, min_backoff, ref on } = *retry;
        Self { count, max_backoff, min_backoff, on: Classes::of(on) }
    }
}

/// A link that is being called, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) link: usize,
    /// Retries made on it.
    pub(super) retries: u32,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// As this attempt of the log.
    Runs(usize),
    /// Until then.
    Waits(Duration),
}

impl Attempts {
    /// Puts a link that no lane has taken into the free lane.
    pub(super) fn take(&mut self, link: usize, now: Duration) {
        self.next = link + 1;
        if let Some(free) = self.lanes.iter_mut().find(|lane| lane.is_none()) {
            *free = Some(Lane { link, retries: 0, state: State::Waits(now) });
        }
    }

    /// Moves a lane that is due on to the first link that may be called. The last one may in any
    /// case, but beside another lane: that one goes on alone.
    pub(super) fn pass_over(&mut self, at: usize, admits: &mut dyn FnMut(usize) -> bool) {
        let is_alone = self.lanes.iter().flatten().count() == 1;
        loop {
            let later = self.unused();
            let Some(lane) = self.lanes.get_mut(at).and_then(Option::as_mut) else { return };
            if (later.is_none() && is_alone) || admits(lane.link) {
                return;
            }
            self.skipped.push(Skipped { link: lane.link, before: self.log.len() });
            let Some(later) = later else { return self.give_way(at) };
            *lane = Lane { link: later, retries: 0, ..*lane };
            self.next = later + 1;
        }
    }

    /// Leaves the field to the other lane. A link that was not called yet stays to be taken should
    /// that one fail; as the last, it is no hedge any more.
    fn give_way(&mut self, at: usize) {
        let lane = self.lanes.get_mut(at).and_then(Option::take);
        if let Some(lane) = lane.filter(|lane| lane.retries == 0) {
            self.next = lane.link;
            self.hedge_after = None;
        }
    }

    /// When the next link starts beside the attempt that runs.
    pub(super) fn hedge_at(&self) -> Option<Duration> {
        let after = self.hedge_after?;
        let mut lanes = self.lanes.iter().flatten();
        let (Some(Lane { state: State::Runs(attempt), .. }), None) = (lanes.next(), lanes.next())
        else {
            return None;
        };
        self.unused()?;
        let at = self.log.get(*attempt)?.started + after;
        (at < self.timeouts.total).then_some(at)
    }

    /// When an attempt that starts now must have committed.
    pub(super) fn commit_limit(&self, started: Duration) -> Duration {
        let first_token = started + self.timeouts.first_token;
        if self.streamed {
            return first_token;
        }
        // A whole answer has no first token to wait for: it may take what is left, less the
        // time that each later link needs to show life.
        let later = u32::try_from(self.windows.len() - self.next).unwrap_or(u32::MAX);
        let reserved = self.timeouts.first_token.saturating_mul(later);
        self.timeouts.total.saturating_sub(reserved).max(first_token)
    }

    /// What becomes of a lane whose attempt failed.
    pub(super) fn after(
        &mut self,
        at: usize,
        now: Duration,
        failure: &Failure,
        jitter: f64,
    ) -> Option<Lane> {
        let lane = self.lanes.get(at).copied().flatten()?;
        let late = |until: &Duration| *until >= self.timeouts.total;
        if late(&now) {
            return None;
        }
        // A provider may ask for more than there is.
        let again = self.pause(&lane, failure, jitter).and_then(|pause| now.checked_add(pause));
        if let Some(until) = again.filter(|until| !late(until)) {
            return Some(Lane { retries: lane.retries + 1, state: State::Waits(until), ..lane });
        }
        self.learn(lane.link, failure);
        if self.lanes.iter().flatten().count() > 1 {
            return None;
        }
        let link = self.unused()?;
        self.next = link + 1;
        Some(Lane { link, retries: 0, state: State::Waits(now) })
    }

    /// The pause before the same link is tried again, if it is.
    fn pause(&self, lane: &Lane, failure: &Failure, jitter: f64) -> Option<Duration> {
        let again = failure.repeatable
            && failure.class.is_retryable()
            && self.retry.on.contains(failure.class)
            && lane.retries < self.retry.count;
        if !again {
            return None;
        }
        if failure.retry_after.is_some() {
            return failure.retry_after;
        }
        let doubled = self.retry.min_backoff.saturating_mul(1 << lane.retries.min(20));
        Some(doubled.min(self.retry.max_backoff).mul_f64(jitter.clamp(0.0, 1.0)))
    }

    /// What a link's last failure says of the links after it.
    pub(super) fn learn(&mut self, link: usize, failure: &Failure) {
        self.closed |= !self.fallback_on.contains(failure.class) && !failure.link_specific;
        if failure.class == FailureClass::ContextLength {
            let failed = self.windows.get(link).copied().flatten();
            self.too_small = self.too_small.max(failed);
        }
    }

    /// The next link that may be taken.
    pub(super) fn unused(&self) -> Option<usize> {
        let fits = |window: &Option<u64>| match (window, self.too_small) {
            (Some(window), Some(too_small)) => *window > too_small,
            _ => true,
        };
        let mut later = self.windows.iter().enumerate().skip(self.next);
        let next = later.find(|(_, window)| fits(window)).map(|(link, _)| link);
        next.filter(|_| !self.closed)
    }
}
