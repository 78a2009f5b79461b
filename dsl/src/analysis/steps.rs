//! A bound on the work of one question, so that no input makes a check hang.
//!
//! Owns the count; what is answered when it is used up is for who asked.

/// The work that a question may still cost.
#[derive(Debug, Clone)]
pub(super) struct Steps(u64);

/// A question that would cost too much. It is neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooComplex;

impl Steps {
    pub(super) const fn new(most: u64) -> Self {
        Self(most)
    }

    /// Does so much work.
    pub(super) fn take(&mut self, work: usize) -> Result<(), TooComplex> {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        self.0 = self.0.checked_sub(work).ok_or(TooComplex)?;
        Ok(())
    }
}
