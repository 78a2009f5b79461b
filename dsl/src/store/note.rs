//! Who did what and when: noted with each version and with the live map.
//!
//! Owns what is noted; where it stands is each store's.

use serde::{Deserialize, Serialize};

/// How many maps back a rollback can go without being told where to. More would not fit into the
/// 2 KB that S3 has for all that is noted of an object.
const MOST_BEFORE: usize = 12;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// A version was stored.
    Store,
    /// A compiled map was made live.
    Push,
    /// A version was made live again.
    Rollback,
}

impl Did {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Push => "push",
            Self::Rollback => "rollback",
        }
    }

    /// The deed of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Store, Self::Push, Self::Rollback].into_iter().find(|did| did.name() == name)
    }
}

/// What is noted. Names are as whoever did it gave them: they explain, and prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What was done.
    pub did: Did,
    /// To the map of this digest, `sha256:…`.
    pub digest: String,
    /// When, by the clock of who did it: RFC 3339 in UTC.
    pub at: String,
    /// Who.
    pub by: String,
    /// The git commit that the program was at, `-dirty` where the working tree had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The environment that the map was compiled for.
    pub env: String,
    /// How many roles it has.
    pub roles: usize,
    /// Of the live map: the digests that were live before, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

/// What a push leaves behind to go back to: `live` and what was before it.
pub fn pushed_over(live: &str, before: &[String]) -> Vec<String> {
    let before = before.iter().map(String::as_str);
    std::iter::once(live).chain(before).take(MOST_BEFORE).map(str::to_owned).collect()
}

/// What a rollback to `to` leaves: what was before `to`, so that a second one goes further back
/// and never returns to the map that the first one fled. To a map that was not there of late it is
/// a push.
pub fn rolled_back(to: &str, live: &str, before: &[String]) -> Vec<String> {
    let mut earlier = before.iter();
    match earlier.any(|one| one == to) {
        true => earlier.cloned().collect(),
        false => pushed_over(live, before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(digests: &[&str]) -> Vec<String> {
        digests.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn rollbacks_go_further_back_each_time() {
        let before = pushed_over("b", &pushed_over("a", &[]));
        assert_eq!(before, of(&["b", "a"]));
        let before = rolled_back("b", "c", &before);
        assert_eq!(before, of(&["a"]));
        assert_eq!(rolled_back("a", "b", &before), of(&[]));
        assert_eq!(rolled_back("z", "b", &before), of(&["b", "a"]));
    }

    #[test]
    fn what_is_before_stays_bounded() {
        let mut before = Vec::new();
        for push in 0..40 {
            before = pushed_over(&push.to_string(), &before);
        }
        assert_eq!((before.len(), before[0].as_str()), (MOST_BEFORE, "39"));
    }
}
