//! Whether the shared table can be asked.
//!
//! Owns the pause after a failure and the single request that looks whether it is over; what is done
//! meanwhile is its caller's.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, and the longest: each that ends in a failure is followed by one twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Outage(Mutex<Option<Down>>);

struct Down {
    since: Instant,
    pause: Duration,
    /// When it is asked again.
    until: Instant,
    why: String,
}

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was reached before, and is not now.
    Began,
    /// Still not.
    Lasts,
    /// It is reached again, after so long.
    Over(Duration),
}

impl Outage {
    /// Whether to ask now. During an outage one request at a time does, after each pause.
    pub(crate) fn may_ask(&self) -> bool {
        let mut down = self.down();
        let Some(down) = down.as_mut() else { return true };
        let now = Instant::now();
        if now < down.until {
            return false;
        }
        down.pause = (down.pause * 2).min(LONGEST);
        down.until = now + down.pause;
        true
    }

    pub(crate) fn answered(&self) -> Option<Change> {
        // Nearly always there is nothing to take.
        self.down().take().map(|down| Change::Over(down.since.elapsed()))
    }

    pub(crate) fn failed(&self, why: String) -> Change {
        let mut down = self.down();
        if let Some(down) = down.as_mut() {
            down.why = why;
            return Change::Lasts;
        }
        let since = Instant::now();
        *down = Some(Down { since, pause: PAUSE, until: since + PAUSE, why });
        Change::Began
    }

    /// Why and for how long it cannot be asked.
    pub(crate) fn report(&self) -> Option<(String, Duration)> {
        self.down().as_ref().map(|down| (down.why.clone(), down.since.elapsed()))
    }

    fn down(&self) -> MutexGuard<'_, Option<Down>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_request_after_each_pause_looks_whether_it_is_over() {
        let outage = Outage::default();
        assert!(outage.may_ask() && outage.may_ask());
        assert_eq!(outage.failed("slow".into()), Change::Began);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            tokio::time::advance(Duration::from_secs(pause) - Duration::from_millis(1)).await;
            assert!(!outage.may_ask(), "{pause}");
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(outage.may_ask() && !outage.may_ask(), "{pause}");
            assert_eq!(outage.failed("slow".into()), Change::Lasts);
        }
        let (why, since) = outage.report().unwrap();
        assert_eq!((why.as_str(), since.as_secs()), ("slow", 91));
        assert_eq!(outage.answered(), Some(Change::Over(Duration::from_secs(91))));
        assert_eq!(outage.answered(), None);
        assert!(outage.may_ask() && outage.may_ask());
    }
}
