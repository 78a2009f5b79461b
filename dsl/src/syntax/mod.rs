//! Text to a lossless tree and its findings; the only place that knows pest.
//!
//! Owns what may be written; what it means is in [`crate::resolve`].
//!
//! Three steps, none of which can fail: [`pieces`] cuts the text, [`outline`] finds statements and
//! blocks, [`lower`] gives them their types.

mod client;
mod condition;
mod cursor;
mod decode;
mod dump;
mod example;
mod fact;
mod guard;
mod header;
mod lower;
mod outline;
mod pieces;
mod problem;
mod promise;
mod provider;
mod quoted;
mod route;
mod scalar;
mod statement;
#[cfg(test)]
mod testing;
pub mod tree;
mod value;
mod words;

use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};

pub(crate) use outline::{Block, Phrase};
pub(crate) use pieces::{Kind, Piece};
pub(crate) use words::is_ident;

pub use decode::{Decoded, decode};
pub use dump::{Places, dump};
pub(crate) use problem::OPEN_STRING;
pub use problem::{CHARACTERS, INDENT, SYNTAX};

/// The most bytes that a file may have.
pub const MAX_BYTES: usize = 4 << 20;

/// What a text holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// All that could be read.
    pub tree: tree::File,
    /// Why the rest could not, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file's bytes: [`decode`] and [`parse`], with a finding on each line that is not UTF-8
/// and none for what is wrong only because of that.
pub fn parse_bytes(file: FileId, bytes: &[u8]) -> (String, Parsed) {
    let Decoded { text, replaced } = decode(bytes);
    let mut parsed = parse(file, &text);
    if replaced.is_empty() {
        return (text, parsed);
    }
    let spoilt = |span: Span| {
        let next = replaced.partition_point(|range| range.end <= span.start as usize);
        replaced.get(next).is_some_and(|range| range.start < span.end as usize)
    };
    parsed.diagnostics.retain(|finding| !spoilt(finding.span));
    let mut report = problem::Report::new(file);
    let mut line_end = 0;
    for range in &replaced {
        if range.start >= line_end {
            report.push(problem::Problem::NotUtf8, range.clone());
            let rest = text.get(range.end..).unwrap_or_default();
            line_end = range.end + rest.find('\n').unwrap_or(rest.len());
        }
    }
    parsed.diagnostics.append(&mut report.findings);
    parsed.diagnostics.sort_by_key(|finding| (finding.span.start, finding.span.end));
    (text, parsed)
}

/// Reads a file. Every text gives a tree and all its findings.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let mut report = problem::Report::new(file);
    let (tree, _) = read(text, &mut report);
    let mut diagnostics = report.findings;
    diagnostics.sort_by_key(|finding| (finding.span.start, finding.span.end));
    Parsed { tree, diagnostics }
}

fn read(text: &str, report: &mut problem::Report) -> (tree::File, Sketch) {
    let file = report.file;
    if text.len() > MAX_BYTES {
        report.push(problem::Problem::TooLarge { limit: MAX_BYTES }, 0..0);
        let tree = tree::File { file, declarations: Vec::new(), comments: Vec::new() };
        return (tree, Sketch { pieces: Vec::new(), phrases: Vec::new(), broken: Vec::new() });
    }
    pieces::controls(text, report);
    let pieces = pieces::pieces(text, report);
    let phrases = outline::outline(text, &pieces, report);
    let mut lower = lower::Lower::new(text, &pieces, report);
    let declarations = lower.declarations(&phrases, words::Place::Top);
    let comments = pieces
        .iter()
        .filter(|piece| piece.kind == Kind::Comment)
        .map(|piece| Span::new(file, piece.range()))
        .collect();
    let mut broken: Vec<usize> = report.broken.iter().map(|range| range.start).collect();
    broken.sort_unstable();
    (tree::File { file, declarations, comments }, Sketch { pieces, phrases, broken })
}

/// A text before its statements have types: what the formatter works on.
pub(crate) struct Sketch {
    /// All of the text but its blanks.
    pub(crate) pieces: Vec<Piece>,
    /// The statements and declarations that they make up.
    pub(crate) phrases: Vec<Phrase>,
    /// At which bytes it does not follow the grammar, in rising order.
    broken: Vec<usize>,
}

impl Sketch {
    /// The sketch of `text`, and its tree as a part of `file`.
    pub(crate) fn new(file: FileId, text: &str) -> (tree::File, Self) {
        read(text, &mut problem::Report::new(file))
    }

    /// Whether any of the text does not follow the grammar.
    pub(crate) fn has_errors(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Whether any of `pieces`, which stand side by side, does not follow the grammar.
    pub(crate) fn is_broken(&self, pieces: &[Piece]) -> bool {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
        let next = self.broken.partition_point(|byte| *byte < first.start as usize);
        self.broken.get(next).is_some_and(|byte| *byte < last.end as usize)
    }
}

#[cfg(test)]
mod tests;
