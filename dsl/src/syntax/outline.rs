//! Pieces as statements and blocks, whatever their keywords.
//!
//! Owns lines, joints and braces, and the mending of missing ones; what a statement says is for
//! [`super::lower`].

mod lines;

use std::ops::Range;

use super::pieces::{Kind, Piece};
use super::problem::{Problem, Report};
use super::words;

/// How deep blocks may nest; the language needs four.
const MAX_DEPTH: usize = 16;

/// A statement or declaration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phrase {
    /// Its own pieces, by index: without its block and the comment at its end.
    pub(crate) pieces: Range<usize>,
    /// What follows between braces.
    pub(crate) block: Option<Block>,
    /// Whether its braces or lines are not as written here, so that it cannot be laid out.
    pub(crate) mended: bool,
}

impl Phrase {
    /// The index of its first piece, its `{` if it has none of its own.
    pub(crate) fn start(&self) -> usize {
        self.pieces.start
    }

    /// The index after its last piece, its block's included.
    pub(crate) fn end(&self) -> usize {
        let Some(block) = &self.block else { return self.pieces.end };
        let opened = block.open.map_or(self.pieces.end, |open| open + 1);
        let within = block.phrases.last().map_or(opened, Phrase::end);
        block.close.map_or(within, |close| close + 1).max(opened)
    }
}

/// What stands between braces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    /// The index of `{`; none if it is missing.
    pub(crate) open: Option<usize>,
    /// The index of `}`; none if it is missing.
    pub(crate) close: Option<usize>,
    /// In the order of the text.
    pub(crate) phrases: Vec<Phrase>,
}

/// The phrases at the top of a file, or of a part of it that begins with the line at byte `start`.
pub(crate) fn outline(
    text: &str,
    pieces: &[Piece],
    start: usize,
    report: &mut Report,
) -> Vec<Phrase> {
    let before = report.findings.len();
    let mut first =
        Outliner { text, pieces, start, at: 0, careful: false, unclosed: false, report };
    let (phrases, _) = first.phrases(0, None);
    if !first.unclosed {
        return phrases;
    }
    // A brace is missing: now a declaration at its block's own column ends that block.
    report.findings.truncate(before);
    let mut second =
        Outliner { text, pieces, start, at: 0, careful: true, unclosed: false, report };
    second.phrases(0, None).0
}

struct Outliner<'a> {
    text: &'a str,
    pieces: &'a [Piece],
    /// The byte at which the first line begins.
    start: usize,
    at: usize,
    careful: bool,
    unclosed: bool,
    report: &'a mut Report,
}

impl Outliner<'_> {
    /// The phrases up to the `}` of the block at `depth` that the phrase at `header` has, and that
    /// brace's index.
    fn phrases(&mut self, depth: usize, header: Option<usize>) -> (Vec<Phrase>, Option<usize>) {
        let mut phrases: Vec<Phrase> = Vec::new();
        loop {
            self.at = self.significant(self.at);
            match self.kind(self.at) {
                None => {
                    self.unclosed |= depth > 0;
                    return (phrases, None);
                }
                Some(Kind::Close) => {
                    self.at += 1;
                    if depth > 0 {
                        return (phrases, Some(self.at - 1));
                    }
                    self.report_at(self.at - 1, Problem::StrayClose);
                    let pieces = self.at - 1..self.at;
                    phrases.push(Phrase { pieces, block: None, mended: true });
                }
                Some(Kind::Open) => self.late_open(&mut phrases, depth),
                Some(kind) if kind.joins() && phrases.last().is_some_and(goes_on) => {
                    self.leading_joint(&mut phrases, depth);
                }
                Some(_) => {
                    if self.careful && header.is_some_and(|header| self.ends_block(header, self.at))
                    {
                        return (phrases, None);
                    }
                    let phrase = self.phrase(depth);
                    phrases.push(phrase);
                }
            }
        }
    }

    /// The phrase that starts here.
    fn phrase(&mut self, depth: usize) -> Phrase {
        let start = self.at;
        let (end, mended) = self.own_pieces(start);
        let mut phrase = Phrase { pieces: start..end, block: None, mended };
        if self.kind(self.at) == Some(Kind::Open) {
            self.block(&mut phrase, depth);
        } else if self.lacks_open(&phrase) {
            phrase.mended = true;
            self.implied_block(&mut phrase, depth);
        }
        phrase
    }

    /// The block whose `{` is here.
    fn block(&mut self, phrase: &mut Phrase, depth: usize) {
        let open = self.at;
        self.at += 1;
        if depth >= MAX_DEPTH {
            self.report_at(open, Problem::TooDeep { limit: MAX_DEPTH });
            let close = self.skip_block();
            phrase.mended = true;
            phrase.block = Some(Block { open: Some(open), close, phrases: Vec::new() });
            return;
        }
        let (phrases, close) = self.phrases(depth + 1, Some(phrase.pieces.start));
        if close.is_none() {
            phrase.mended = true;
            // One without a header has a finding for that.
            if !phrase.pieces.is_empty() {
                self.report_open_block(phrase, open);
            }
        } else {
            self.check_after_close();
        }
        phrase.block = Some(Block { open: Some(open), close, phrases });
    }

    /// Moves past the `}` that matches a `{` just passed.
    fn skip_block(&mut self) -> Option<usize> {
        let mut depth = 1_usize;
        while let Some(kind) = self.kind(self.at) {
            self.at += 1;
            match kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(self.at - 1);
            }
        }
        None
    }

    /// A block whose `{` is missing.
    fn implied_block(&mut self, phrase: &mut Phrase, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        let Some(last) = phrase.pieces.end.checked_sub(1).and_then(|at| self.pieces.get(at)) else {
            return;
        };
        if !self.is_bad(&phrase.pieces) {
            let header = self.header(phrase);
            let mend_at = last.end as usize;
            self.report_phrase(phrase, Problem::MissingOpen { header, mend_at });
        }
        let (phrases, close) = self.phrases(depth + 1, Some(phrase.pieces.start));
        phrase.block = Some(Block { open: None, close, phrases });
    }

    /// A `{` at the start of a line: the block of the phrase before, or of none.
    fn late_open(&mut self, phrases: &mut Vec<Phrase>, depth: usize) {
        let open = self.at;
        match phrases.last_mut() {
            Some(last) if goes_on(last) && self.may_open(last, open) => {
                last.mended = true;
                let before = self.pieces.get(last.pieces.end.wrapping_sub(1)).map(|p| p.end);
                let at = self.pieces.get(open).map(|p| p.range());
                if let (Some(before), Some(at)) = (before, at)
                    && !self.is_bad(&last.pieces)
                {
                    let mend = before as usize..at.end;
                    let blank = self.text.get(before as usize..at.start);
                    // A comment in between would be lost by the mend; then there is none.
                    if blank.is_some_and(|blank| blank.trim().is_empty()) {
                        self.report.push(Problem::LateOpen { mend }, at);
                    } else {
                        let found = "`{` on a line of its own".to_owned();
                        self.report.push(Problem::Extra { found }, at);
                    }
                }
                let mut phrase = last.clone();
                self.block(&mut phrase, depth);
                phrase.mended = true;
                *last = phrase;
            }
            _ => {
                let mut phrase = Phrase { pieces: open..open, block: None, mended: true };
                // Deeper, nothing could be made of it.
                if depth > 1 {
                    self.at += 1;
                    let close = self.skip_block();
                    phrase.block = Some(Block { open: Some(open), close, phrases: Vec::new() });
                } else {
                    self.block(&mut phrase, depth);
                }
                phrases.push(phrase);
            }
        }
    }

    /// Whether the `{` on a line of its own may be that of the phrase before: of one that needs a
    /// block, or on the very next line of one that may take it.
    fn may_open(&self, phrase: &Phrase, open: usize) -> bool {
        let keyword = self.keyword(phrase);
        let between = self.pieces.get(phrase.pieces.end..open).unwrap_or_default();
        let is_next = between.iter().filter(|piece| piece.kind == Kind::Newline).count() < 2;
        let takes_none = matches!(keyword, "prompt" | "let" | "ensure");
        words::needs_block(keyword) || (is_next && !takes_none)
    }

    fn keyword(&self, phrase: &Phrase) -> &str {
        self.pieces.get(phrase.pieces.start).map_or("", |piece| piece.of(self.text))
    }

    /// Whether a phrase without `{` should have one: the next line lies deeper, or closes it.
    fn lacks_open(&self, phrase: &Phrase) -> bool {
        let keyword = self.keyword(phrase);
        let guards =
            |piece: &Piece| matches!(piece.of(self.text), "route" | "set" | "system" | "timeout");
        let own = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let is_guard = keyword == "when" && own.len() > 1 && !own.iter().any(guards);
        if !words::needs_block(keyword) && !is_guard {
            return false;
        }
        let Some(own) = self.column(phrase.pieces.start) else { return false };
        let next = self.significant(self.at);
        let Some(column) = self.column(next) else { return false };
        match self.kind(next) {
            Some(Kind::Open) | None => false,
            Some(Kind::Close) => column >= own,
            Some(_) => column > own,
        }
    }

    /// Whether the line at `at` ends the block of the phrase at `header`: it stands at the header's
    /// column or left of it, and opens a declaration, or a statement after a guarded block.
    fn ends_block(&self, header: usize, at: usize) -> bool {
        let column = self.column(header).unwrap_or(0);
        if self.column(at).is_none_or(|own| own > column) {
            return false;
        }
        let word = self.pieces.get(at).map_or("", |p| p.of(self.text));
        let of = self.pieces.get(header).map_or("", |p| p.of(self.text));
        if of == "when" && words::Place::Role.keyword(word).is_some() {
            return true;
        }
        if words::Place::Top.keyword(word).is_none() {
            return false;
        }
        word == "ensure" || {
            let rest = self.pieces.iter().skip(at).map(|p| p.kind);
            let mut line = rest.take_while(|kind| *kind != Kind::Newline);
            line.any(|kind| matches!(kind, Kind::Open | Kind::Equals))
        }
    }

    /// What stands after a `}` on its line must be another `}` or a comment.
    fn check_after_close(&mut self) {
        let Some(next) = self.pieces.get(self.at) else { return };
        if matches!(next.kind, Kind::Newline | Kind::Comment | Kind::Close) {
            return;
        }
        let close = self.pieces.get(self.at.wrapping_sub(1)).map_or(next.start, |p| p.end);
        let mend = close as usize..next.start as usize;
        self.report_at(self.at, Problem::AfterClose { mend });
    }

    fn report_open_block(&mut self, phrase: &Phrase, open: usize) {
        let column = self.column(phrase.pieces.start).unwrap_or(0);
        let header = self.header(phrase);
        let mut last = self.at.min(self.pieces.len()).saturating_sub(1);
        while last > open && self.kind(last) == Some(Kind::Newline) {
            last -= 1;
        }
        let mend_at = self.pieces.get(last).map_or(self.text.len(), |p| p.end as usize);
        let mend = format!("\n{}}}", " ".repeat(column));
        self.report_at(open, Problem::OpenBlock { header, mend_at, mend });
    }

    /// The index of the first piece from `at` that is neither a newline nor a comment.
    fn significant(&self, at: usize) -> usize {
        let rest = self.pieces.iter().skip(at);
        at + rest.take_while(|p| matches!(p.kind, Kind::Newline | Kind::Comment)).count()
    }

    /// The bytes before a piece that is the first on its line.
    fn column(&self, at: usize) -> Option<usize> {
        let start = self.pieces.get(at)?.start;
        let mark = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        match at.checked_sub(1).and_then(|before| self.pieces.get(before)) {
            None => Some((start as usize).saturating_sub(self.start.max(mark))),
            Some(before) if before.kind == Kind::Newline => Some((start - before.end) as usize),
            Some(_) => None,
        }
    }

    fn header(&self, phrase: &Phrase) -> String {
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let words: Vec<&str> = pieces.iter().take(4).map(|p| p.of(self.text)).collect();
        words.join(" ").chars().take(60).collect()
    }

    fn is_bad(&self, pieces: &Range<usize>) -> bool {
        self.pieces.get(pieces.clone()).unwrap_or_default().iter().any(|p| p.kind.is_bad())
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.pieces.get(at).map(|p| p.kind)
    }

    fn report_at(&mut self, at: usize, problem: Problem) {
        if let Some(piece) = self.pieces.get(at) {
            self.report.push(problem, piece.range());
        }
    }

    fn report_phrase(&mut self, phrase: &Phrase, problem: Problem) {
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        if let (Some(first), Some(last)) = (pieces.first(), pieces.last()) {
            self.report.push(problem, first.start as usize..last.end as usize);
        }
    }
}

/// Whether a phrase may still get a block or another line.
fn goes_on(phrase: &Phrase) -> bool {
    phrase.block.is_none() && !phrase.pieces.is_empty()
}
