//! What stops a chore: what was being done, and why it could not be.
//!
//! Chores end on the first trouble; findings that a chore collects are its own.

use std::fmt;

/// A chore that could not go on.
#[derive(Debug)]
pub(crate) struct Trouble {
    doing: String,
    why: String,
}

impl Trouble {
    /// A trouble without an error value behind it.
    pub(crate) fn new(doing: impl Into<String>, why: impl Into<String>) -> Self {
        Self { doing: doing.into(), why: why.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "cannot {}: {}", self.doing, self.why)
    }
}

impl std::error::Error for Trouble {}

/// Says what was being done when an error came up.
pub(crate) trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: impl Into<String>) -> Result<T, Trouble>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl Into<String>) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::new(doing, error.to_string()))
    }
}

impl<T> Doing<T> for Option<T> {
    fn doing(self, doing: impl Into<String>) -> Result<T, Trouble> {
        self.ok_or_else(|| Trouble::new(doing, "there is none"))
    }
}
