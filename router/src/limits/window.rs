//! A count over a sliding time, as few numbers.
//!
//! Owns what still counts at an instant. Time is cut into parts of a twelfth of the window, and
//! each part has a sum; the thirteen that the window can touch are added up. So never more than the
//! limit is let through in any time of that length, wherever it begins, and what was used counts at
//! most a twelfth longer than it must.

use std::time::Duration;

/// Parts of a window. More would give room back sooner and make the shared item larger.
const PARTS: u64 = 12;
/// A window that does not begin with a part touches one more.
pub(super) const SLOTS: usize = 13;

/// Sums by part. Part `n` is at place `n % 13`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Its length in milliseconds.
    pub(super) per: u64,
    /// The newest part.
    pub(super) head: u64,
    /// The sum of all.
    pub(super) total: u64,
    pub(super) slots: [u64; SLOTS],
}

impl Window {
    /// An empty one.
    pub(super) fn new(per: Duration, now: Duration) -> Self {
        let per = u64::try_from(per.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { per, head: part(per, now), total: 0, slots: [0; SLOTS] }
    }

    /// Forgets what no longer counts at `now`, which is a time since 1970. A clock that is behind
    /// those of others does not turn it back.
    pub(super) fn advance(&mut self, now: Duration) {
        let head = part(self.per, now).max(self.head);
        let passed = (head - self.head).min(SLOTS as u64);
        for step in 1..=passed {
            let place = place(self.head + step);
            if let Some(slot) = self.slots.get_mut(place) {
                self.total = self.total.saturating_sub(*slot);
                *slot = 0;
            }
        }
        if passed == SLOTS as u64 {
            (self.slots, self.total) = ([0; SLOTS], 0);
        }
        self.head = head;
    }

    /// Counts `count` in the newest part.
    pub(super) fn add(&mut self, count: u64) {
        self.adjust(self.head, count, 0);
    }

    /// Has a part count `now` in place of `before`; nothing where it no longer counts.
    pub(super) fn adjust(&mut self, part: u64, now: u64, before: u64) {
        if !self.holds(part) {
            return;
        }
        if let Some(slot) = self.slots.get_mut(place(part)) {
            let after = slot.saturating_add(now).saturating_sub(before);
            self.total = self.total.saturating_sub(*slot).saturating_add(after);
            *slot = after;
        }
    }

    /// Whether a part still counts.
    pub(super) fn holds(&self, part: u64) -> bool {
        part <= self.head && self.head - part < SLOTS as u64
    }

    /// How long until there is room for `count` more under `limit`; for more than the limit, until
    /// all is free.
    pub(super) fn wait(&self, limit: u64, count: u64, now: Duration) -> Duration {
        let most = limit.saturating_sub(count);
        let mut total = self.total;
        for part in self.head.saturating_sub(SLOTS as u64 - 1)..=self.head {
            if total <= most {
                return Duration::ZERO;
            }
            total = total.saturating_sub(self.slots.get(place(part)).copied().unwrap_or_default());
            if total <= most {
                return self.over_at(part).saturating_sub(now);
            }
        }
        self.over_at(self.head).saturating_sub(now)
    }

    /// When a part no longer counts.
    fn over_at(&self, part: u64) -> Duration {
        let milliseconds = u128::from(part + SLOTS as u64) * u128::from(self.per);
        let rounded = milliseconds.div_ceil(u128::from(PARTS));
        Duration::from_millis(u64::try_from(rounded).unwrap_or(u64::MAX))
    }
}

/// The part of an instant.
fn part(per: u64, now: Duration) -> u64 {
    let part = now.as_millis() * u128::from(PARTS) / u128::from(per);
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// Where a part's sum stands.
pub(super) fn place(part: u64) -> usize {
    usize::try_from(part % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PER: Duration = Duration::from_secs(60);

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(1_764_000_000_000 + milliseconds)
    }

    #[test]
    fn a_full_window_says_when_it_has_room() {
        let mut window = Window::new(PER, at(0));
        window.add(3);
        window.advance(at(30_000));
        window.add(2);
        assert_eq!(window.wait(6, 1, at(30_000)), Duration::ZERO);
        // The first three count for a minute and the part that they came in.
        assert_eq!(window.wait(5, 1, at(30_000)), Duration::from_secs(35));
        assert_eq!(window.wait(5, 4, at(30_000)), Duration::from_secs(65));
        window.advance(at(64_999));
        assert_eq!(window.total, 5);
        window.advance(at(65_000));
        assert_eq!((window.total, window.wait(5, 1, at(65_000))), (2, Duration::ZERO));
        window.advance(at(1_000_000));
        assert_eq!(window.total, 0);
    }

    #[test]
    fn what_was_reserved_is_settled_in_its_own_part() {
        let mut window = Window::new(PER, at(0));
        window.add(100);
        let part = window.head;
        window.advance(at(40_000));
        window.adjust(part, 30, 100);
        assert_eq!(window.total, 30);
        window.adjust(part, 500, 30);
        assert_eq!(window.total, 500);
        window.advance(at(65_000));
        window.adjust(part, 0, 500);
        assert_eq!(window.total, 0);
    }

    #[test]
    fn a_clock_that_is_behind_turns_nothing_back() {
        let mut window = Window::new(PER, at(60_000));
        window.advance(at(0));
        window.add(1);
        window.advance(at(60_000));
        assert_eq!(window.total, 1);
    }

    proptest! {
        /// Against the list of all that was let through: never more than the limit in any window,
        /// and whoever waits as told is let through.
        #[test]
        fn no_window_holds_more_than_the_limit(
            per in 1_u64..5_000,
            limit in 1_u64..8,
            gaps in proptest::collection::vec(0_u64..900, 1..200),
        ) {
            let mut window = Window::new(Duration::from_millis(per), at(0));
            let (mut now, mut through) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                window.advance(at(now));
                let wait = window.wait(limit, 1, at(now));
                let fits = window.total < limit;
                prop_assert_eq!(fits, wait.is_zero());
                if fits {
                    window.add(1);
                    through.push(now);
                    let recent = through.iter().filter(|then| *then + per > now).count() as u64;
                    prop_assert!(recent <= limit, "{recent} in {per} ms");
                } else {
                    let wait = u64::try_from(wait.as_millis()).unwrap();
                    // A twelfth longer than it must, and the rounding to milliseconds.
                    prop_assert!(wait <= per + per.div_ceil(PARTS) + 1);
                    let mut later = window;
                    later.advance(at(now + wait));
                    prop_assert!(later.total < limit);
                }
            }
        }
    }
}
