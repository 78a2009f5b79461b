//! Attempts of the last half minute, by the second.
//!
//! Owns the counting alone. A second is the resolution: what is counted is at least 29 and at most
//! 30 seconds old.

use std::time::Duration;

use super::{LEAST_ATTEMPTS, WINDOW};

const SECONDS: usize = WINDOW.as_secs() as usize;

/// Counts by second; a second's place is its number modulo [`SECONDS`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Window {
    counts: [Count; SECONDS],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Count {
    /// Which second it counts.
    second: u64,
    attempts: u32,
    failures: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { counts: [Count::default(); SECONDS] }
    }
}

impl Window {
    pub(super) fn count(&mut self, now: Duration, failed: bool) {
        let second = now.as_secs();
        let place = usize::try_from(second % SECONDS as u64).unwrap_or_default();
        let Some(count) = self.counts.get_mut(place) else { return };
        if count.second != second {
            *count = Count { second, ..Count::default() };
        }
        count.attempts = count.attempts.saturating_add(1);
        count.failures = count.failures.saturating_add(u32::from(failed));
    }

    /// Whether half of enough attempts have failed.
    pub(super) fn is_half_failed(&self, now: Duration) -> bool {
        let first = (now.as_secs() + 1).saturating_sub(SECONDS as u64);
        let recent = self.counts.iter().filter(|count| count.second >= first);
        let (attempts, failures) = recent.fold((0_u32, 0_u32), |(attempts, failures), count| {
            (attempts.saturating_add(count.attempts), failures.saturating_add(count.failures))
        });
        attempts >= LEAST_ATTEMPTS && failures.saturating_mul(2) >= attempts
    }
}
