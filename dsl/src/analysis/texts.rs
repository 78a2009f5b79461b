//! What a text of a request may still be: absent, one of some values, or whatever passes.
//!
//! Owns the tests that were laid on one text and the choice of a value that passes them all.

use std::collections::{BTreeMap, BTreeSet};

use model_map::{TextPattern, glob_matches};

use super::steps::{Steps, TooComplex};
use super::words::{Wanted, plainest, shortest};

/// The tests that one text passes and fails, each laid on and taken off again in reverse order.
#[derive(Debug, Default)]
pub(super) struct Texts<'c> {
    /// How many tests it passes, so that it must be there.
    passed: u32,
    /// How often it must not be there.
    absent: u32,
    sets: Vec<&'c BTreeSet<String>>,
    globs: Vec<&'c str>,
    missed_globs: Vec<&'c str>,
    /// Values that it is not, and how many tests say so.
    excluded: BTreeMap<&'c str, u32>,
}

/// A text of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    Absent,
    Value(String),
}

impl<'c> Texts<'c> {
    /// Lays a test on.
    pub(super) fn add(&mut self, is: &'c TextPattern, passes: bool) {
        self.passed += u32::from(passes);
        match (is, passes) {
            (TextPattern::Present, true) => {}
            (TextPattern::Present, false) => self.absent += 1,
            (TextPattern::OneOf(values), true) => self.sets.push(values),
            (TextPattern::OneOf(values), false) => {
                values.iter().for_each(|value| *self.excluded.entry(value).or_default() += 1);
            }
            (TextPattern::Matches(glob), true) => self.globs.push(glob),
            (TextPattern::Matches(glob), false) => self.missed_globs.push(glob),
        }
    }

    /// Takes the test that was laid on last off.
    pub(super) fn remove(&mut self, is: &'c TextPattern, passes: bool) {
        self.passed -= u32::from(passes);
        match (is, passes) {
            (TextPattern::Present, true) => {}
            (TextPattern::Present, false) => self.absent -= 1,
            (TextPattern::OneOf(_), true) => drop(self.sets.pop()),
            (TextPattern::OneOf(values), false) => values.iter().for_each(|value| {
                if let Some(times) = self.excluded.get_mut(value.as_str()) {
                    *times -= 1;
                    if *times == 0 {
                        self.excluded.remove(value.as_str());
                    }
                }
            }),
            (TextPattern::Matches(_), true) => drop(self.globs.pop()),
            (TextPattern::Matches(_), false) => drop(self.missed_globs.pop()),
        }
    }

    /// A text that passes and fails as it must; absent if that will do, then one of `known`.
    pub(super) fn find(
        &self,
        known: &BTreeSet<String>,
        steps: &mut Steps,
    ) -> Result<Option<Text>, TooComplex> {
        if self.passed == 0 {
            return Ok(Some(Text::Absent));
        }
        if self.absent > 0 {
            return Ok(None);
        }
        let values = self.smallest_set().unwrap_or(known);
        steps.take(values.len())?;
        let found = values.iter().find(|value| self.passes(value));
        if found.is_some() || !self.sets.is_empty() {
            return Ok(found.cloned().map(Text::Value));
        }
        // Most globs leave their own plainest text; the search is for those that do not.
        let plain = self.globs.iter().map(|glob| plainest(glob)).max_by_key(String::len);
        if let Some(plain) = plain.filter(|plain| !plain.is_empty() && self.passes(plain)) {
            steps.take(plain.len())?;
            return Ok(Some(Text::Value(plain)));
        }
        let wanted =
            Wanted { matching: &self.globs, missing: &self.missed_globs, excluded: &self.excluded };
        Ok(shortest(&wanted, steps)?.map(Text::Value))
    }

    /// Whether the text surely passes this test, or surely fails it, as far as can be told
    /// cheaply.
    pub(super) fn decided(&self, is: &TextPattern) -> Option<bool> {
        if self.absent > 0 {
            return Some(false);
        }
        if let (Some(values), false) = (self.smallest_set(), *is == TextPattern::Present) {
            let mut left = values.iter().filter(|value| self.passes(value));
            let first = is.holds(left.next()?);
            return left.all(|value| is.holds(value) == first).then_some(first);
        }
        match is {
            TextPattern::Present => (self.passed > 0).then_some(true),
            TextPattern::OneOf(values) => values
                .iter()
                .all(|value| self.excluded.contains_key(value.as_str()))
                .then_some(false),
            TextPattern::Matches(glob) if self.globs.contains(&glob.as_str()) => Some(true),
            TextPattern::Matches(glob) if self.missed_globs.contains(&glob.as_str()) => Some(false),
            TextPattern::Matches(_) => None,
        }
    }

    fn smallest_set(&self) -> Option<&'c BTreeSet<String>> {
        self.sets.iter().min_by_key(|values| values.len()).copied()
    }

    fn passes(&self, value: &str) -> bool {
        self.sets.iter().all(|values| values.contains(value))
            && !self.excluded.contains_key(value)
            && self.globs.iter().all(|glob| glob_matches(glob, value))
            && !self.missed_globs.iter().any(|glob| glob_matches(glob, value))
    }
}
