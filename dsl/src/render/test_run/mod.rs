//! Results of tests: one file a format.
//!
//! Owns the formats; how a test is played is in [`crate::test_run`].

mod human;
mod json;
mod junit;

#[cfg(test)]
mod tests;

pub use human::human;
pub use json::{json, schema};
pub use junit::junit;

use std::collections::BTreeMap;

use crate::render::written;
use crate::span::{Sources, Span};
use crate::spell::duration;
use crate::test_run::{Miss, Part, Tried, TriedEnd};

/// What there is to be said of an expectation that does not hold, a line each: its kind and words.
fn lines(sources: &Sources, miss: &Miss) -> Vec<(&'static str, String)> {
    let rule = miss.arm.map(|arm| {
        let place = sources.place(arm);
        ("rule", format!("{place}  {}", written(sources, arm)))
    });
    let drawn = miss.drawn.clone().map(|first| ("drawn", first));
    let said = [("expected", miss.expected.clone()), ("happened", miss.happened.clone())];
    let mut lines: Vec<_> = said.into_iter().chain(rule).chain(drawn).collect();
    let width = miss.attempts.iter().map(|tried| tried.alias.chars().count()).max().unwrap_or(0);
    for (at, tried) in miss.attempts.iter().take(MOST_TOLD).enumerate() {
        let alias = &tried.alias;
        let kind = if at == 0 { "attempts" } else { "" };
        lines.push((kind, format!("{alias:width$}  {}", attempt(tried))));
    }
    if let Some(more @ 1..) = miss.attempts.len().checked_sub(MOST_TOLD) {
        lines.push(("", format!("… and {more} more")));
    }
    lines
}

/// More attempts than this nobody reads.
const MOST_TOLD: usize = 20;

/// `called at 0ms, failed at 20s: timeout`
fn attempt(tried: &Tried) -> String {
    let how = match tried.end {
        TriedEnd::Answered => "answered",
        TriedEnd::Superseded => "cancelled",
        TriedEnd::Failed { .. } => "failed",
    };
    let why = match tried.end {
        TriedEnd::Failed { class, status: Some(status) } => format!(": {class} ({status})"),
        TriedEnd::Failed { class, status: None } => format!(": {class}"),
        TriedEnd::Answered | TriedEnd::Superseded => String::new(),
    };
    let (called, ended) = (duration(tried.called_at), duration(tried.ended_at));
    format!("called at {called}, {how} at {ended}{why}")
}

/// `3 of 4`
fn share(parts: &BTreeMap<Span, Part>) -> String {
    format!("{} of {}", parts.values().filter(|part| part.is_covered).count(), parts.len())
}
