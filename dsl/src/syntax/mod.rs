//! Text to a lossless tree and its findings; the only place that knows pest.
//!
//! Owns what may be written; what it means is in [`crate::resolve`].
//!
//! Three steps, none of which can fail: [`pieces`] cuts the text (with [`plain`] as a short cut), [`outline`] finds statements and
//! blocks, [`lower`] gives them their types.

mod chunks;
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
mod plain;
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

use std::ops::Range;

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

/// A file's bytes, read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadFile {
    /// Its text, as [`decode`] gives it.
    pub text: String,
    /// What it holds; with a finding on each line that is not UTF-8, and none for what is wrong
    /// only because of that.
    pub parsed: Parsed,
    /// Whether every byte could be read.
    pub is_utf8: bool,
}

/// Reads the bytes of files, all at once.
pub fn read_files(files: Vec<(FileId, Vec<u8>)>) -> Vec<ReadFile> {
    let decoded: Vec<_> = files.into_iter().map(|(file, it)| (file, decode(it))).collect();
    let texts: Vec<_> = decoded.iter().map(|(file, it)| (*file, it.text.as_str())).collect();
    let parsed = chunks::parse_all(&texts);
    let read = decoded.into_iter().zip(parsed).map(|((_, decoded), parsed)| {
        let Decoded { text, replaced } = decoded;
        let parsed = without_spoilt(parsed, &text, &replaced);
        ReadFile { text, parsed, is_utf8: replaced.is_empty() }
    });
    read.collect()
}

/// Takes away the findings on the bytes `replaced`, which are no UTF-8, and adds those that say so.
fn without_spoilt(mut parsed: Parsed, text: &str, replaced: &[Range<usize>]) -> Parsed {
    if replaced.is_empty() {
        return parsed;
    }
    let spoilt = |span: Span| {
        let next = replaced.partition_point(|range| range.end <= span.start as usize);
        replaced.get(next).is_some_and(|range| range.start < span.end as usize)
    };
    parsed.diagnostics.retain(|finding| !spoilt(finding.span));
    let mut report = problem::Report::new(parsed.tree.file);
    let mut line_end = 0;
    for range in replaced {
        if range.start >= line_end {
            report.push(problem::Problem::NotUtf8, range.clone());
            let rest = text.get(range.end..).unwrap_or_default();
            line_end = range.end + rest.find('\n').unwrap_or(rest.len());
        }
    }
    parsed.diagnostics.append(&mut report.findings);
    sort(&mut parsed.diagnostics);
    parsed
}

/// Reads a file. Every text gives a tree and all its findings.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let mut report = problem::Report::new(file);
    let (tree, _) = read(text, &mut report);
    let mut diagnostics = report.findings;
    sort(&mut diagnostics);
    Parsed { tree, diagnostics }
}

/// Brings findings into the order of the text.
fn sort(findings: &mut [Diagnostic]) {
    findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
}

fn read(text: &str, report: &mut problem::Report) -> (tree::File, Sketch) {
    let file = report.file;
    if text.len() > MAX_BYTES {
        report.push(problem::Problem::TooLarge { limit: MAX_BYTES }, 0..0);
        let tree = tree::File { file, declarations: Vec::new(), comments: Vec::new() };
        return (tree, Sketch { pieces: Vec::new(), phrases: Vec::new(), broken: Vec::new() });
    }
    pieces::controls(text, report);
    let pieces = pieces::pieces(text, 0..text.len(), report);
    let phrases = outline::outline(text, &pieces, 0, report);
    let (declarations, comments) = lowered(text, &pieces, &phrases, report);
    let mut broken: Vec<usize> = report.broken.iter().map(|range| range.start).collect();
    broken.sort_unstable();
    (tree::File { file, declarations, comments }, Sketch { pieces, phrases, broken })
}

/// The declarations that phrases are, and the comments among their pieces.
fn lowered(
    text: &str,
    pieces: &[Piece],
    phrases: &[Phrase],
    report: &mut problem::Report,
) -> (Vec<tree::Declaration>, Vec<Span>) {
    let comments = pieces.iter().filter(|piece| piece.kind == Kind::Comment);
    let comments = comments.map(|piece| Span::new(report.file, piece.range())).collect();
    let mut lower = lower::Lower::new(text, pieces, report);
    (lower.declarations(phrases, words::Place::Top), comments)
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
