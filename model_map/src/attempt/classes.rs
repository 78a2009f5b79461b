//! Classes of failure in one number, which every request copies.
//!
//! Owns nothing of what follows from a class; the map's own sets are the role's.

use std::collections::BTreeSet;

use crate::failure::FailureClass;

/// A set of classes, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Classes(u32);

impl Classes {
    pub(super) fn of(classes: &BTreeSet<FailureClass>) -> Self {
        Self(classes.iter().fold(0, |all, class| all | Self::bit(*class)))
    }

    pub(super) const fn contains(self, class: FailureClass) -> bool {
        self.0 & Self::bit(class) != 0
    }

    const fn bit(class: FailureClass) -> u32 {
        1 << class as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_the_set_holds() {
        for class in FailureClass::ALL {
            let one = BTreeSet::from([class]);
            let held = FailureClass::ALL.into_iter().filter(|it| Classes::of(&one).contains(*it));
            assert_eq!(held.collect::<Vec<_>>(), [class]);
            let others = FailureClass::ALL.into_iter().filter(|it| *it != class).collect();
            assert!(!Classes::of(&others).contains(class));
        }
    }
}
