//! A walk over the pieces of one statement.
//!
//! Owns the walk and the words about what is missing or too much; names and values are [`value`]'s,
//! and which of them a statement wants is for [`super::lower`] and [`super::statement`].

mod value;

use std::ops::Range;

use super::pieces::{Kind, Piece};
use super::problem::{Problem, Report};
use super::words::Place;
use crate::nearest::nearest;
use crate::span::Span;

/// A place among the pieces of one statement, its newlines and comments passed over.
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a str,
    pub(crate) report: &'a mut Report,
    pieces: &'a [Piece],
    at: usize,
    before: Option<Piece>,
    /// Whether a finding about the statement's shape has been given: what follows from it is not
    /// worth another.
    pub(crate) silenced: bool,
    /// The `{` of the block that follows the statement.
    pub(crate) block: Option<Range<usize>>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str, pieces: &'a [Piece], report: &'a mut Report) -> Self {
        let silenced = pieces.iter().any(|piece| piece.kind.is_bad());
        Self { text, report, pieces, at: 0, before: None, silenced, block: None }
    }

    /// What comes next.
    pub(crate) fn peek(&self) -> Option<Piece> {
        self.ahead(0)
    }

    /// What comes `count` pieces after the next.
    pub(crate) fn ahead(&self, count: usize) -> Option<Piece> {
        let rest = self.pieces.iter().skip(self.at);
        rest.filter(|p| !matches!(p.kind, Kind::Newline | Kind::Comment)).nth(count).copied()
    }

    /// Room for what these joints hold together from here on, and no more: trees are kept whole,
    /// and a vector that grows by itself begins with four places.
    pub(crate) fn room<T>(&self, joint: Kind) -> Vec<T> {
        let rest = self.pieces.iter().skip(self.at);
        Vec::with_capacity(1 + rest.filter(|piece| piece.kind == joint).count())
    }

    /// Takes what comes next.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        while let Some(piece) = self.pieces.get(self.at).copied() {
            self.at += 1;
            if !matches!(piece.kind, Kind::Newline | Kind::Comment) {
                self.before = Some(piece);
                return Some(piece);
            }
        }
        None
    }

    /// Takes what comes next if it is of that kind.
    pub(crate) fn take(&mut self, kind: Kind) -> Option<Piece> {
        self.peek().filter(|piece| piece.kind == kind)?;
        self.next()
    }

    /// Takes the word that comes next if it is that one.
    pub(crate) fn take_word(&mut self, word: &str) -> Option<Piece> {
        self.peek().filter(|piece| self.is_word(*piece, word))?;
        self.next()
    }

    pub(crate) fn is_word(&self, piece: Piece, word: &str) -> bool {
        piece.kind == Kind::Word && piece.of(self.text) == word
    }

    /// Takes the mark that comes next if it is that one.
    pub(crate) fn take_mark(&mut self, mark: &str) -> Option<Piece> {
        self.peek().filter(|piece| self.is_mark(*piece, mark))?;
        self.next()
    }

    pub(crate) fn is_mark(&self, piece: Piece, mark: &str) -> bool {
        piece.kind == Kind::Operator && piece.of(self.text) == mark
    }

    /// The text of the word that comes next; none if that is no word.
    pub(crate) fn word(&self) -> Option<&'a str> {
        self.peek().filter(|piece| piece.kind == Kind::Word).map(|piece| piece.of(self.text))
    }

    /// What was taken last.
    pub(crate) fn last(&self) -> Option<Piece> {
        self.before
    }

    /// The last byte of all of it.
    pub(crate) fn end_of_all(&self) -> usize {
        let significant = |piece: &&Piece| !matches!(piece.kind, Kind::Newline | Kind::Comment);
        self.pieces.iter().rev().find(significant).map_or(0, |piece| piece.end as usize)
    }

    /// Takes a word that has to stand here. Where one of the kinds `then` stands in its place, it
    /// was only left out, and reading goes on as if it were there. False if that is no use.
    pub(crate) fn needs(&mut self, word: &'static str, then: &[Kind]) -> bool {
        if self.take_word(word).is_some() {
            return true;
        }
        let Some(piece) = self.peek() else {
            self.wanted(&format!("`{word}`"));
            return false;
        };
        let written = piece.of(self.text);
        if piece.kind == Kind::Word && nearest(written, [word]).is_some() {
            let (written, known) = (written.to_owned(), format!("`{word}`"));
            let what = "word";
            let problem = Problem::Unknown { what, written, nearest: Some(word), known };
            self.fail(problem, piece.range());
            self.next();
            return true;
        }
        if !then.contains(&piece.kind) {
            self.wanted(&format!("`{word}`"));
            return false;
        }
        self.left_out(word);
        true
    }

    /// Says that `word` was left out before what comes next.
    pub(crate) fn left_out(&mut self, word: &'static str) {
        let Some(piece) = self.peek() else { return };
        let before = self.describe(piece);
        self.fail(Problem::LeftOut { word, before }, piece.range());
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.peek().is_none()
    }

    pub(crate) fn span(&self, piece: Piece) -> Span {
        self.span_of(piece.range())
    }

    pub(crate) fn span_of(&self, range: Range<usize>) -> Span {
        Span::new(self.report.file, range)
    }

    /// From `start` to the end of what was taken last.
    pub(crate) fn since(&self, start: Span) -> Span {
        self.before.map_or(start, |before| start.to(self.span(before)))
    }

    /// The byte after what was taken last.
    pub(crate) fn end(&self) -> usize {
        self.before.map_or(0, |before| before.end as usize)
    }

    /// Gives a finding about the statement's shape, unless one has been given.
    pub(crate) fn fail(&mut self, problem: Problem, range: Range<usize>) {
        if !std::mem::replace(&mut self.silenced, true) {
            self.report.push(problem, range);
        }
    }

    /// Says that `what` is missing here, or that something else stands in its place.
    pub(crate) fn wanted(&mut self, what: &str) {
        let what = what.to_owned();
        match self.peek().filter(|piece| piece.kind != Kind::Comma) {
            Some(piece) => {
                let found = self.describe(piece);
                self.fail(Problem::Expected { what, found }, piece.range());
            }
            None => {
                let after = self.before.map_or_else(|| "this".to_owned(), |p| self.describe(p));
                let range = self.before.map_or(0..0, Piece::range);
                self.fail(Problem::Missing { what, after }, range);
            }
        }
    }

    /// A piece for a message: "`timeout`", "a string".
    pub(crate) fn describe(&self, piece: Piece) -> String {
        match piece.kind {
            Kind::String | Kind::OpenString => "a string".to_owned(),
            Kind::Text | Kind::OpenText => "a text".to_owned(),
            _ => {
                let text = piece.of(self.text);
                let short: String = text.chars().take(40).collect();
                let more = if short.len() < text.len() { "…" } else { "" };
                format!("`{short}{more}`")
            }
        }
    }

    /// Passes over a `=` where none belongs.
    pub(crate) fn no_equals(&mut self) {
        if let Some(piece) = self.take(Kind::Equals) {
            self.fail(Problem::StrayEquals, piece.range());
        }
    }

    /// Takes the comma between two things of a list; says so if it is missing. False at the end
    /// of the list, which is before anything that `ends` it.
    pub(crate) fn comma(&mut self, place: Place, ends: Option<&str>) -> bool {
        let Some(left) = self.before else { return false };
        let Some(right) = self.peek() else { return false };
        if right.kind == Kind::Comma {
            self.next();
            if self.is_done() {
                self.fail(Problem::DanglingComma, right.range());
                return false;
            }
            return true;
        }
        let listed = matches!(right.kind, Kind::Word | Kind::String | Kind::Text);
        let ended = ends.is_some_and(|word| self.is_word(right, word));
        if !listed || ended || self.opens_statement(place) {
            return false;
        }
        let (left, right) = (self.describe(left), (self.describe(right), right.range()));
        let mend_at = self.end();
        self.fail(Problem::MissingComma { left, right: right.0, mend_at }, right.1);
        true
    }

    /// Whether the comma just taken stands before the word that `ends` the list; says so.
    pub(crate) fn trailing_comma(&mut self, ends: Option<&str>) -> bool {
        let (Some(before), Some(next), Some(word)) = (self.before, self.peek(), ends) else {
            return false;
        };
        let goes_on = self.ahead(1).is_some_and(|after| !after.kind.joins());
        if before.kind != Kind::Comma || !self.is_word(next, word) || !goes_on {
            return false;
        }
        self.fail(Problem::DanglingComma, before.range());
        true
    }

    /// Whether another statement starts here, on the same line.
    pub(crate) fn opens_statement(&self, place: Place) -> bool {
        let Some(piece) = self.peek() else { return false };
        let keyword = piece.kind == Kind::Word && place.keyword(piece.of(self.text)).is_some();
        keyword && self.ahead(1).is_some_and(|next| !next.kind.joins())
    }

    /// Ends the statement: nothing may be left. True if another statement follows on the line.
    pub(crate) fn finish(&mut self, place: Place) -> bool {
        let Some(piece) = self.peek() else { return false };
        if self.opens_statement(place) {
            let mend = self.end()..piece.start as usize;
            self.fail(Problem::SecondStatement { mend }, piece.range());
            return true;
        }
        if piece.kind == Kind::Equals {
            self.fail(Problem::StrayEquals, piece.range());
        }
        let found = self.describe(piece);
        self.fail(Problem::Extra { found }, piece.range());
        false
    }
}
