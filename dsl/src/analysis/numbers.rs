//! What a number of a request may still be: ranges, and whether it may be absent.
//!
//! Owns the arithmetic of ranges; which tests narrow them is for [`super::solver`].

use model_map::NumberTest;

/// The values that are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    may_be_absent: bool,
    /// Both ends included; rising, apart from each other.
    ranges: Vec<(u64, u64)>,
}

impl Numbers {
    /// Every number from `least` on.
    pub(super) fn from(least: u64) -> Self {
        Self { may_be_absent: false, ranges: vec![(least, u64::MAX)] }
    }

    /// Every number and none.
    pub(super) fn or_absent() -> Self {
        Self { may_be_absent: true, ..Self::from(0) }
    }

    /// Those that pass the test, or those that do not.
    pub(super) fn narrowed(&self, test: &NumberTest, passes: bool) -> Self {
        let (low, high) = bounds(test);
        if passes {
            return Self { may_be_absent: false, ranges: self.between(low, high) };
        }
        if low > high {
            return self.clone();
        }
        let below = low.checked_sub(1).map(|end| self.between(0, end)).unwrap_or_default();
        let above = high.checked_add(1).map(|start| self.between(start, u64::MAX));
        let ranges = below.into_iter().chain(above.unwrap_or_default()).collect();
        Self { may_be_absent: self.may_be_absent, ranges }
    }

    /// Whether all that are left pass the test (`true`), or none (`false`).
    pub(super) fn decided(&self, test: &NumberTest) -> Option<bool> {
        let (low, high) = bounds(test);
        let touches = |(from, to): &(u64, u64)| *from <= high && *to >= low;
        if low > high || !self.ranges.iter().any(touches) {
            return Some(false);
        }
        let inside = |(from, to): &(u64, u64)| *from >= low && *to <= high;
        (!self.may_be_absent && self.ranges.iter().all(inside)).then_some(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.may_be_absent && self.ranges.is_empty()
    }

    /// The plainest value left: none, else `usual`, else the least.
    pub(super) fn plainest(&self, usual: u64) -> Option<u64> {
        let is_left = |(from, to): &(u64, u64)| (*from..=*to).contains(&usual);
        match self.may_be_absent {
            true => None,
            false if self.ranges.iter().any(is_left) => Some(usual),
            false => self.ranges.first().map(|(from, _)| *from),
        }
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    fn between(&self, low: u64, high: u64) -> Vec<(u64, u64)> {
        let cut = self.ranges.iter().map(|(from, to)| ((*from).max(low), (*to).min(high)));
        cut.filter(|(from, to)| from <= to).collect()
    }
}

fn bounds(test: &NumberTest) -> (u64, u64) {
    (test.at_least.unwrap_or(0), test.at_most.unwrap_or(u64::MAX))
}
