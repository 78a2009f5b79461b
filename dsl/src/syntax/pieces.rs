//! A text as a flat list of pieces: words, numbers, strings, marks, newlines and comments.
//!
//! Owns the use of pest and the findings about pieces that belong nowhere; what the pieces add up
//! to is for [`super::outline`].

use std::ops::Range;

use pest::Parser;

use super::problem::{Problem, Report};
use super::{plain, words};

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct Grammar;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    String,
    Text,
    /// Never closed; goes to the end of its line.
    OpenString,
    /// Never closed; goes to where a declaration seems to begin.
    OpenText,
    Comma,
    Arrow,
    Pipe,
    Range,
    Equals,
    /// Compares or groups, in conditions.
    Operator,
    Open,
    Close,
    Newline,
    Comment,
    /// Belongs nowhere.
    Stray,
}

impl Kind {
    /// Whether a statement goes on on the next line after it.
    pub(crate) fn joins(self) -> bool {
        matches!(self, Self::Arrow | Self::Pipe | Self::Comma)
    }

    /// Whether a finding has been given about it, so that what it spoils needs no other.
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Self::OpenString | Self::OpenText | Self::Stray)
    }
}

/// One piece, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Piece {
    /// Its bytes.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its text.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// All pieces of the `part` of a text, which whole lines are; blanks lie between them.
pub(crate) fn pieces(text: &str, part: Range<usize>, report: &mut Report) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::with_capacity(part.len() / 5);
    let mut rest = plain::cut(text, part.clone(), &mut found);
    // Where it is not the first the grammar would take this mark for one.
    if text.get(rest..).is_some_and(|rest| rest.starts_with('\u{feff}')) {
        found.clear();
        rest = part.start;
    }
    if rest < part.end {
        by_grammar(text, rest..part.end, &mut found, report);
    }
    braces(&mut found, text, report);
    let mut strayed = false;
    for piece in &found {
        // What is pasted or mistyped on one line is one mistake.
        let again = strayed && piece.kind == Kind::Stray;
        if piece.kind.is_bad() && !again {
            report_bad(*piece, text, report);
        }
        strayed = piece.kind == Kind::Stray || (strayed && piece.kind != Kind::Newline);
    }
    found
}

/// Adds the pieces of a part as the grammar has them.
pub(super) fn by_grammar(
    text: &str,
    part: Range<usize>,
    found: &mut Vec<Piece>,
    report: &mut Report,
) {
    match Grammar::parse(Rule::unit, text.get(part.clone()).unwrap_or_default()) {
        Ok(pairs) => {
            for pair in pairs.flat_map(pest::iterators::Pair::into_inner) {
                let span = pair.as_span();
                let Some(kind) = kind(pair.as_rule(), span.as_str()) else { continue };
                push(found, kind, part.start + span.start()..part.start + span.end());
            }
        }
        // The grammar takes every text; were it not so, the file would be one bad piece.
        Err(error) => {
            found.push(piece(Kind::Stray, part.clone()));
            let cause = error.variant.message().into_owned();
            report.push(Problem::Internal { cause }, part);
        }
    }
}

fn push(found: &mut Vec<Piece>, kind: Kind, range: Range<usize>) {
    // Stray characters in a row are one mistake.
    if kind == Kind::Stray
        && let Some(last) = found.last_mut()
        && last.kind == Kind::Stray
        && last.end as usize == range.start
    {
        *last = piece(kind, last.start as usize..range.end);
        return;
    }
    found.push(piece(kind, range));
}

/// Takes a parenthesis for a brace where only that can be meant: at the end of a header, and alone
/// on a line where none is open.
fn braces(found: &mut [Piece], text: &str, report: &mut Report) {
    let (mut depth, mut start) = (0_usize, 0);
    for at in 0..found.len() {
        let Some(piece) = found.get(at).copied() else { return };
        let written = piece.of(text);
        match piece.kind {
            Kind::Newline => start = at + 1,
            // A declaration's header ends what was never closed.
            Kind::Word if depth > 0 && at == start => {
                depth = if words::Place::Top.keyword(written).is_some() { 0 } else { depth };
            }
            Kind::Operator | Kind::Stray => {
                if let Some((brace, kind)) = meant(found, at, start, depth, text) {
                    let written = written.to_owned();
                    report.push(Problem::NotABrace { written, brace }, piece.range());
                    if let Some(piece) = found.get_mut(at) {
                        piece.kind = kind;
                    }
                } else if written == "(" {
                    depth += 1;
                } else if written == ")" {
                    depth = depth.saturating_sub(1);
                }
            }
            _ => {}
        }
    }
}

/// The brace that the mark at `at` is meant to be, in a line that begins at `start` with so many
/// parentheses open.
fn meant(
    found: &[Piece],
    at: usize,
    start: usize,
    depth: usize,
    text: &str,
) -> Option<(&'static str, Kind)> {
    let is_last = |next: &Piece| matches!(next.kind, Kind::Newline | Kind::Comment);
    if !found.get(at + 1).is_none_or(is_last) {
        return None;
    }
    let keyword = found.get(start).map_or("", |first| first.of(text));
    let before = at.checked_sub(1).and_then(|before| found.get(before));
    let heads = words::needs_block(keyword)
        || (keyword == "when" && before.is_some_and(|before| ends_fact(before, text)));
    match found.get(at)?.of(text) {
        "(" | "[" if heads => Some(("{", Kind::Open)),
        ")" | "]" if at == start && depth == 0 => Some(("}", Kind::Close)),
        _ => None,
    }
}

/// Whether a condition may end with this piece.
fn ends_fact(piece: &Piece, text: &str) -> bool {
    let words = ["when", "and", "or", "not", "in", "matches"];
    let is_value = matches!(piece.kind, Kind::Word | Kind::Number | Kind::String);
    is_value && !words.contains(&piece.of(text))
}

pub(super) fn piece(kind: Kind, range: Range<usize>) -> Piece {
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Piece { kind, start: byte(range.start), end: byte(range.end) }
}

fn kind(rule: Rule, written: &str) -> Option<Kind> {
    Some(match rule {
        Rule::word => Kind::Word,
        Rule::mark | Rule::sign => match written {
            "," => Kind::Comma,
            "->" => Kind::Arrow,
            "{" => Kind::Open,
            "}" => Kind::Close,
            "=" => Kind::Equals,
            ".." => Kind::Range,
            "|" => Kind::Pipe,
            _ => Kind::Operator,
        },
        Rule::number => Kind::Number,
        Rule::string => Kind::String,
        Rule::text => Kind::Text,
        Rule::open_string => Kind::OpenString,
        Rule::open_text => Kind::OpenText,
        Rule::newline => Kind::Newline,
        Rule::comment => Kind::Comment,
        Rule::stray => Kind::Stray,
        _ => return None,
    })
}

fn report_bad(bad: Piece, text: &str, report: &mut Report) {
    let written = bad.of(text);
    match bad.kind {
        Kind::OpenString => report.push(Problem::OpenString, bad.range()),
        Kind::OpenText => {
            let quotes = bad.start as usize..bad.start as usize + 3;
            report.push(Problem::OpenText, quotes);
        }
        // Control characters are found everywhere, in strings too, by `controls`.
        _ if written.chars().any(is_control) => {}
        _ => report.push(Problem::Stray { written: written.to_owned() }, bad.range()),
    }
}

/// Finds control characters, wherever they stand: one finding a line.
pub(crate) fn controls(text: &str, report: &mut Report) {
    // Whole blocks, so that many bytes are looked at in one step.
    let block_may_hold =
        |block: &[u8]| block.iter().fold(false, |any, byte| any | may_control(*byte));
    if !text.as_bytes().chunks(1024).any(block_may_hold) {
        return;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        if let Some((at, character)) = content.char_indices().find(|(_, c)| is_control(*c)) {
            let at = start + at;
            report.push(Problem::Control { character }, at..at + character.len_utf8());
        }
        start += line.len();
    }
}

/// Whether a control character may begin with this byte: those beyond ASCII begin with `C2`.
fn may_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t' && byte != b'\n') || byte == 0x7f || byte == 0xc2
}

/// Whether it is a control character other than the newline and the tab.
fn is_control(character: char) -> bool {
    character.is_control() && character != '\t' && character != '\n'
}
