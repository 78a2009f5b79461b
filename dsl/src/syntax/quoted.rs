//! What stands between quotes: escapes, indentation and `${NAME}`.
//!
//! Owns the value of a string or text piece; filling its holes in is for [`crate::resolve`].

use std::ops::Range;

use super::problem::{Problem, Report};
use super::tree::Name;
use super::value::Part;
use super::words;
use crate::span::Span;

const QUOTES: &str = "\"\"\"";

/// The parts of a string piece at byte `start`, its quotes included.
pub(crate) fn string(written: &str, start: usize, report: &mut Report) -> Vec<Part> {
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.unwrap_or_default();
    if !inner.contains(['\\', '$', '\t']) {
        let literal = (!inner.is_empty()).then(|| Part::Literal(inner.to_owned()));
        return literal.into_iter().collect();
    }
    let mut parts = Parts::new(report);
    let mut at = 0;
    while let Some(rest) = inner.get(at..).filter(|rest| !rest.is_empty()) {
        at += match rest.chars().next() {
            Some('\\') => escape(rest, start + 1 + at, &mut parts),
            Some('$') => parts.dollar(rest, start + 1 + at),
            Some('\t') => {
                parts.report.push(Problem::TabInString, start + 1 + at..start + 2 + at);
                parts.literal("\t");
                1
            }
            _ => {
                let end = rest.find(['\\', '$', '\t']).unwrap_or(rest.len());
                parts.literal(rest.get(..end).unwrap_or_default());
                end
            }
        };
    }
    parts.done()
}

/// Takes the escape that `rest` begins with; gives its length.
fn escape(rest: &str, start: usize, parts: &mut Parts) -> usize {
    let Some(letter) = rest.chars().nth(1) else { return rest.len() };
    let plain = match letter {
        '"' | '\\' | '/' => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(rest, start, parts),
        _ => {
            let length = 1 + letter.len_utf8();
            parts.report.push(Problem::Escape, start..start + length);
            return length;
        }
    };
    parts.character(plain);
    2
}

/// Takes `\uXXXX`, or two of them that make one character.
fn unicode(rest: &str, start: usize, parts: &mut Parts) -> usize {
    let first = unit(rest);
    let second = rest.get(6..).and_then(unit);
    let pair = |high: u32, low: u32| 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    let (code, length) = match (first, second) {
        (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => (Some(pair(high, low)), 12),
        (code, _) => (code, if code.is_some() { 6 } else { 2 }),
    };
    match code.and_then(char::from_u32) {
        Some(character) => parts.character(character),
        None => parts.report.push(Problem::Escape, start..start + length),
    }
    length
}

/// The code unit of the `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    all_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The parts of a text piece at byte `start`, its quotes included.
pub(crate) fn text(written: &str, start: usize, report: &mut Report) -> Vec<Part> {
    let inner = written.strip_prefix(QUOTES).and_then(|rest| rest.strip_suffix(QUOTES));
    let inner = inner.unwrap_or_default();
    let mut parts = Parts::new(report);
    let mut lines = lines(inner, start + QUOTES.len());
    // Blanks after the opening quotes are not seen, so they do not count.
    let opens_alone = lines.len() > 1 && lines.first().is_some_and(|line| line.is_blank());
    let closes_alone = lines.len() > 1 && lines.last().is_some_and(|line| line.is_blank());
    let indent = if closes_alone { lines.pop().map_or("", |line| line.content) } else { "" };
    for (index, line) in lines.iter().enumerate().skip(usize::from(opens_alone)) {
        if index > usize::from(opens_alone) {
            parts.literal("\n");
        }
        if index == 0 {
            parts.line(line.content, line.start);
        } else {
            stripped(*line, indent, &mut parts);
        }
    }
    parts.done()
}

/// Takes a line without the indentation of the closing quotes.
fn stripped(line: Line, indent: &str, parts: &mut Parts) {
    match line.content.strip_prefix(indent) {
        Some(rest) => parts.line(rest, line.start + indent.len()),
        None if line.is_blank() => {}
        None => {
            let blanks = line.content.len() - line.content.trim_start_matches([' ', '\t']).len();
            let content = line.start + blanks..line.start + line.content.trim_end().len();
            parts.report.push(Problem::TextIndent, content);
            parts.line(line.content.get(blanks..).unwrap_or_default(), line.start + blanks);
        }
    }
}

/// A line of a text, without its end.
#[derive(Clone, Copy)]
struct Line<'a> {
    content: &'a str,
    start: usize,
}

impl Line<'_> {
    fn is_blank(&self) -> bool {
        self.content.chars().all(|c| matches!(c, ' ' | '\t'))
    }
}

fn lines(inner: &str, start: usize) -> Vec<Line<'_>> {
    let mut at = start;
    let split = inner.split('\n').map(|line| {
        let start = at;
        at += line.len() + 1;
        (line, start)
    });
    split
        .map(|(line, start)| Line { content: line.strip_suffix('\r').unwrap_or(line), start })
        .collect()
}

/// Parts in the making.
struct Parts<'a> {
    parts: Vec<Part>,
    open: String,
    report: &'a mut Report,
}

impl<'a> Parts<'a> {
    fn new(report: &'a mut Report) -> Self {
        Self { parts: Vec::new(), open: String::new(), report }
    }

    fn literal(&mut self, text: &str) {
        self.open.push_str(text);
    }

    fn character(&mut self, character: char) {
        self.open.push(character);
    }

    /// Takes a piece without escapes.
    fn line(&mut self, line: &str, start: usize) {
        let mut at = 0;
        while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
            at += match rest.find('$') {
                Some(0) => self.dollar(rest, start + at),
                end => {
                    let end = end.unwrap_or(rest.len());
                    self.literal(rest.get(..end).unwrap_or_default());
                    end
                }
            };
        }
    }

    /// Takes the `$` that `rest` begins with, and the hole that it may open; gives the length.
    fn dollar(&mut self, rest: &str, start: usize) -> usize {
        if rest.starts_with("$${") {
            self.literal("${");
            return 3;
        }
        let Some(inner) = rest.strip_prefix("${") else {
            self.literal("$");
            return 1;
        };
        let end = inner.find(['}', '{', '$']).filter(|end| inner.get(*end..=*end) == Some("}"));
        let Some(end) = end else {
            self.report.push(Problem::OpenHole, start..start + 2);
            return 2;
        };
        self.hole(inner.get(..end).unwrap_or_default(), start + 2..start + 2 + end);
        end + 3
    }

    fn hole(&mut self, name: &str, range: Range<usize>) {
        if !words::is_ident(name) {
            // An empty name has nothing to underline but its braces.
            let range = if name.is_empty() { range.start - 2..range.end + 1 } else { range };
            self.report.push(Problem::HoleName, range);
            return;
        }
        self.flush();
        let span = Span::new(self.report.file, range);
        self.parts.push(Part::Hole(Name { text: name.to_owned(), span }));
    }

    fn flush(&mut self) {
        if !self.open.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(&mut self.open)));
        }
    }

    fn done(mut self) -> Vec<Part> {
        self.flush();
        self.parts
    }
}
