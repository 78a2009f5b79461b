//! A rule explained to people.
//!
//! Owns the page in plain text; the same in Markdown is generated as `docs/rules`.

use crate::explain::rule::{files, findings};
use crate::render::human::Look;
use crate::render::severity;
use crate::rules::{Example, Rule};

const WIDTH: usize = 80;

/// The rule, why it is there, an example with what `check` says of it, and the example mended.
pub fn page(rule: &Rule, look: Look) -> String {
    let mut text = format!("{}: {}\n", rule.code.0, rule.title);
    text.push_str(&format!("{}, {}\n\n", rule.name, severity(rule.severity)));
    text.push_str(&wrapped(rule.doc));
    text.push_str("\n\nAn example that fails:\n\n");
    text.push_str(&example(&rule.bad));
    text.push_str("\n`sfai-dsl check` says:\n\n");
    text.push_str(findings(&rule.bad, look).trim());
    text.push_str("\n\nThe same, mended:\n\n");
    text.push_str(&example(&rule.good));
    text
}

fn example(of: &Example) -> String {
    let files = files(of);
    let named = files.len() > 1 || !of.beside.is_empty();
    let shown = files.iter().map(|(path, text)| {
        let lines = text.trim_end_matches('\n').lines().map(|line| format!("    {line}"));
        let lines = lines.map(|line| format!("{}\n", line.trim_end())).collect::<String>();
        if named { format!("  {path}\n\n{lines}") } else { lines }
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Lines of at most [`WIDTH`] characters; those of a list stay lines of it.
fn wrapped(text: &str) -> String {
    text.split('\n').map(wrapped_line).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str) -> String {
    let hanging = if line.starts_with("- ") { "  " } else { "" };
    let mut text = String::new();
    let mut column = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(hanging);
            column = hanging.len();
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}
