//! Results of tests for people.
//!
//! Owns the drawing; what is said of a test that failed is the parent module's.

use std::collections::BTreeMap;

use super::{lines, share};
use crate::render::human::Look;
use crate::render::{counted, written};
use crate::span::{Sources, Span};
use crate::test_run::{Coverage, Outcome, Part, Tested};

const GREEN: &str = "32";
const RED: &str = "31";

/// A line a test, what went wrong below it, and at the end the counts and what no test reaches.
pub fn human(sources: &Sources, outcome: &Outcome, look: Look) -> String {
    let mut text: String = outcome.tests.iter().map(|test| drawn(sources, test, look)).collect();
    if outcome.tests.is_empty() {
        return "no tests: a program writes them as `test \"…\" { … }`\n".to_owned();
    }
    let count = counted(outcome.tests.len(), "test");
    let line = match outcome.failed() {
        0 => paint(&format!("{count} passed"), GREEN, look),
        failed => paint(&format!("{failed} of {count} failed"), RED, look),
    };
    text.truncate(text.trim_end().len());
    text.push_str(&format!("\n\n{line}\n"));
    text.push_str(&covered(sources, &outcome.coverage));
    text
}

fn drawn(sources: &Sources, test: &Tested, look: Look) -> String {
    if test.misses.is_empty() {
        return format!("{}  {}\n", paint("  ok", GREEN, look), test.name);
    }
    let mut text = format!("{}  {}\n", paint("FAIL", RED, look), test.name);
    for miss in &test.misses {
        let place = sources.place(miss.span);
        text.push_str(&format!("\n      {place}  {}\n", written(sources, miss.span)));
        for (kind, words) in lines(sources, miss) {
            text.push_str(&format!("        {kind:8}  {words}\n"));
        }
    }
    text.push('\n');
    text
}

fn covered(sources: &Sources, coverage: &Coverage) -> String {
    let (arms, links) = (share(&coverage.arms), share(&coverage.links));
    let mut text = format!("coverage: {arms} arms, {links} links\n");
    let left = |parts: &BTreeMap<Span, Part>, separator: &str| {
        // What stands in one line is told in one.
        let mut by_place: Vec<(String, String)> = Vec::new();
        for (span, part) in parts.iter().filter(|(_, part)| !part.is_covered) {
            let place = sources.place(*span);
            match by_place.last_mut() {
                Some((last, texts)) if *last == place => {
                    texts.push_str(separator);
                    texts.push_str(&part.text);
                }
                _ => by_place.push((place, part.text.clone())),
            }
        }
        by_place
    };
    for (kind, left) in [
        ("no test takes", left(&coverage.arms, "; ")),
        ("no test calls", left(&coverage.links, ", ")),
    ] {
        let width = left.iter().map(|(place, _)| place.chars().count()).max().unwrap_or(0);
        for (place, parts) in left {
            text.push_str(&format!("  {kind}  {place:width$}  {parts}\n"));
        }
    }
    text
}

fn paint(text: &str, color: &str, look: Look) -> String {
    if look.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}
