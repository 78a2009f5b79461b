//! Differences for people at a terminal.

use std::fmt::Write;

use super::{items, worst};
use crate::diff::{Change, Item, Report, Risk};
use crate::render::human::Look;
use crate::render::plain;

/// A paragraph an item, and a last line that sums up.
pub fn human(report: &Report, look: Look) -> String {
    let mut text = String::new();
    for (what, item) in items(report) {
        push_item(&mut text, what, item, look);
    }
    // Writing to a String cannot fail.
    let _ = match report.risk {
        Some(risk) => {
            let count = items(report).count();
            let noun = if count == 1 { "difference" } else { "differences" };
            let risk = painted(risk, look);
            writeln!(text, "{count} {noun} between {} and {}, risk {risk}", report.old, report.new)
        }
        None => writeln!(text, "{} and {} mean the same", report.old, report.new),
    };
    text
}

fn push_item(text: &mut String, what: &str, item: &Item, look: Look) {
    let (status, risk) = (item.status.name(), painted(item.risk, look));
    let _ = writeln!(text, "{what} {} {status}, risk {risk}", plain(&item.name));
    for change in &item.changes {
        push_change(text, change, look);
    }
    if let (None, Some(now)) = (&item.worst_before, &item.worst_after) {
        let _ = writeln!(text, "  {}", worst(now));
    }
    text.push('\n');
}

fn push_change(text: &mut String, change: &Change, look: Look) {
    let side = |value: &Option<String>| value.as_deref().map_or("none".to_owned(), plain);
    let (before, after) = (side(&change.before), side(&change.after));
    let (risk, what) = (painted(change.risk, look), plain(&change.what));
    let _ = match &change.before {
        None => writeln!(text, "  {risk:6}  {what}: {after}"),
        Some(_) => writeln!(text, "  {risk:6}  {what}: {before} => {after}"),
    };
    if let Some(note) = &change.note {
        let _ = writeln!(text, "          {}", plain(note));
    }
    for line in change.text_diff.iter().flat_map(|diff| diff.lines()).skip(2) {
        let _ = writeln!(text, "          {}", plain(line));
    }
}

pub(crate) fn painted(risk: Risk, look: Look) -> String {
    let code = match risk {
        Risk::Low => 2,
        Risk::Medium => 33,
        Risk::High => 31,
    };
    let name = risk.name();
    if look.color { format!("\u{1b}[{code}m{name}\u{1b}[0m") } else { name.to_owned() }
}
