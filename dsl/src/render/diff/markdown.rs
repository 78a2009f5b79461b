//! Differences as a comment on a pull request.
//!
//! Owns the escapes: nothing that a program names can format, mention or link.

use std::fmt::Write;

use super::{items, worst};
use crate::diff::{Change, Item, Report};

/// A heading, a table an item, and the prompts' differences folded away.
pub fn markdown(report: &Report) -> String {
    let (old, new) = (code(&report.old), code(&report.new));
    let Some(risk) = report.risk else {
        return format!("### Routing: no difference\n\n{old} and {new} mean the same.\n");
    };
    let mut text = format!("### Routing: risk {}\n\nFrom {old} to {new}.\n", risk.name());
    for (what, item) in items(report) {
        push_item(&mut text, what, item);
    }
    text
}

fn push_item(text: &mut String, what: &str, item: &Item) {
    let (name, status, risk) = (code(&item.name), item.status.name(), item.risk.name());
    // Writing to a String cannot fail.
    let _ = write!(text, "\n#### {what} {name} {status} ({risk})\n\n");
    if !item.changes.is_empty() {
        text.push_str("| risk | what | before | after |\n| --- | --- | --- | --- |\n");
        for change in &item.changes {
            push_row(text, change);
        }
        text.push('\n');
    }
    if let (None, Some(now)) = (&item.worst_before, &item.worst_after) {
        let _ = write!(text, "{}\n\n", escape(&worst(now)));
    }
    for change in &item.changes {
        push_text_diff(text, change);
    }
}

fn push_row(text: &mut String, change: &Change) {
    let side = |value: &Option<String>| value.as_deref().map(code).unwrap_or_default();
    let note = change.note.as_deref().map(|note| format!("<br>{}", escape(note)));
    let (what, before, after) = (code(&change.what), side(&change.before), side(&change.after));
    let (risk, note) = (change.risk.name(), note.unwrap_or_default());
    let _ = writeln!(text, "| {risk} | {what} | {before} | {after}{note} |");
}

fn push_text_diff(text: &mut String, change: &Change) {
    let Some(diff) = &change.text_diff else { return };
    let fence = "`".repeat(longest_run(diff).max(2) + 1);
    let (what, diff) = (code(&change.what), diff.trim_end());
    let _ = write!(
        text,
        "<details><summary>{what}</summary>\n\n{fence}diff\n{diff}\n{fence}\n\n</details>\n\n"
    );
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// As entities: everything that means something to Markdown, HTML or GitHub.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '-' | '/' | '.' | ',' | ':' | ';' | '%' | '$' | '=' => safe.push(c),
            c if c.is_alphanumeric() => safe.push(c),
            c if c.is_control() => safe.push(' '),
            c => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_cell() {
        assert_eq!(escape("a|b`c"), "a&#124;b&#96;c");
        assert_eq!(escape("@team <b> #1\n"), "&#64;team &#60;b&#62; &#35;1 ");
        assert_eq!(longest_run("a ``` b ` c"), 3);
    }
}
