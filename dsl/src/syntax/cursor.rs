//! A walk over the pieces of one statement.
//!
//! Owns names, values and the words about what is missing or too much; which of them a statement
//! wants is for [`super::lower`] and [`super::statement`].

use std::ops::Range;

use super::pieces::{Kind, Piece};
use super::problem::{Problem, Report};
use super::tree::{ModelId, Name, Part, Value, ValueKind};
use super::words::{self, Place};
use super::{quoted, scalar};
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

    /// Takes a name, or says that `what` is missing.
    pub(crate) fn name(&mut self, what: &'static str) -> Option<Name> {
        match self.peek() {
            Some(piece) if piece.kind == Kind::Word => {
                self.next();
                self.checked_name(piece)
            }
            Some(piece) if piece.kind == Kind::String => {
                self.next();
                let name = self.string_name(piece)?;
                if !self.silenced {
                    let problem = Problem::QuotedName { what, name: name.text.clone() };
                    self.report.push(problem, piece.range());
                }
                Some(name)
            }
            _ => {
                self.wanted(what);
                None
            }
        }
    }

    /// Takes a role's name, which may be a string.
    pub(crate) fn role_name(&mut self) -> Option<Name> {
        match self.take(Kind::String) {
            Some(piece) => self.string_name(piece),
            None => self.name("a role's name"),
        }
    }

    fn checked_name(&mut self, piece: Piece) -> Option<Name> {
        let written = piece.of(self.text);
        if !words::is_ident(written) {
            let written = written.to_owned();
            self.report.push(Problem::NameLetters { written }, piece.range());
            return None;
        }
        Some(Name { text: written.to_owned(), span: self.span(piece) })
    }

    /// The name in the string that was just taken.
    pub(crate) fn string_name(&mut self, piece: Piece) -> Option<Name> {
        let mut parts = quoted::string(piece.of(self.text), piece.start as usize, self.report);
        match (parts.pop(), parts.is_empty()) {
            (Some(Part::Literal(text)), true) => Some(Name { text, span: self.span(piece) }),
            (None, _) => {
                let problem = bad_name("an empty name", "write the name between the quotes");
                self.report.push(problem, piece.range());
                None
            }
            _ => {
                let problem = bad_name("a name cannot hold `${…}`", "write the name out");
                self.report.push(problem, piece.range());
                None
            }
        }
    }

    /// Takes a value, or says that `what` is missing.
    pub(crate) fn value(&mut self, what: &'static str) -> Option<Value> {
        let taken = self.peek().filter(|piece| {
            matches!(
                piece.kind,
                Kind::Word
                    | Kind::Number
                    | Kind::String
                    | Kind::Text
                    | Kind::OpenString
                    | Kind::OpenText
            )
        });
        let Some(piece) = taken else {
            self.wanted(what);
            return None;
        };
        self.next();
        if let Some(value) = self.parted(piece) {
            return Some(value);
        }
        let kind = self.value_kind(piece);
        Some(Value { span: self.span(piece), kind })
    }

    /// A number and its unit with a blank between them, `5 m`, or a number with commas, `8,192`.
    fn parted(&mut self, number: Piece) -> Option<Value> {
        if number.kind != Kind::Number {
            return None;
        }
        let mut digits = number.of(self.text).to_owned();
        let mut end = number.end;
        let is_unit = |word: &str| scalar::UNIT_WORDS.contains(&word);
        if let Some(unit) = self.peek().filter(|next| next.kind == Kind::Word)
            && is_unit(unit.of(self.text))
            && digits.ends_with(|c: char| c.is_ascii_digit())
        {
            self.next();
            let mend = format!("{digits}{}", unit.of(self.text));
            let range = number.range().start..unit.range().end;
            self.report.push(scalar::parted_unit(mend), range.clone());
            self.silenced = true;
            return Some(Value { span: self.span_of(range), kind: ValueKind::Broken });
        }
        while let (Some(comma), Some(group)) = (self.peek(), self.ahead(1)) {
            let is_group = comma.kind == Kind::Comma
                && (comma.start, comma.end) == (end, group.start)
                && group.kind == Kind::Number
                && group.of(self.text).bytes().filter(u8::is_ascii_digit).count() == 3;
            if !is_group {
                break;
            }
            self.next();
            self.next();
            digits = format!("{digits}_{}", group.of(self.text));
            end = group.end;
        }
        if end == number.end {
            return None;
        }
        let range = number.range().start..end as usize;
        self.report.push(scalar::grouped(digits), range.clone());
        self.silenced = true;
        Some(Value { span: self.span_of(range), kind: ValueKind::Broken })
    }

    fn value_kind(&mut self, piece: Piece) -> ValueKind {
        let written = piece.of(self.text);
        let start = piece.start as usize;
        match piece.kind {
            Kind::String => ValueKind::String(quoted::string(written, start, self.report)),
            Kind::Text => ValueKind::Text(quoted::text(written, start, self.report)),
            Kind::Number => scalar::scalar(written).unwrap_or_else(|problem| {
                self.report.push(problem, piece.range());
                // What follows it on the line is hardly worth another.
                self.silenced = true;
                ValueKind::Broken
            }),
            Kind::Word if written.contains('/') => self.model_id(written, start),
            Kind::Word => match self.checked_name(piece) {
                Some(name) => ValueKind::Ident(name.text),
                None => ValueKind::Broken,
            },
            _ => ValueKind::Broken,
        }
    }

    /// A `PROVIDER/MODEL-ID` that starts at byte `start`.
    pub(crate) fn model_id(&mut self, written: &str, start: usize) -> ValueKind {
        let (provider, id) = written.split_once('/').unwrap_or((written, ""));
        let slash = start + provider.len();
        if !words::is_ident(provider) || id.is_empty() {
            let why = "not a model id";
            let help = "a model is written `PROVIDER/MODEL-ID`, as in `openai/gpt-5.4`";
            let range = start..start + written.len();
            self.report.push(Problem::Scalar { why, help, mend: None }, range);
            return ValueKind::Broken;
        }
        let name = |text: &str, span| Name { text: text.to_owned(), span };
        ValueKind::ModelId(Box::new(ModelId {
            provider: name(provider, self.span_of(start..slash)),
            id: name(id, self.span_of(slash + 1..start + written.len())),
        }))
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

fn bad_name(why: &'static str, help: &'static str) -> Problem {
    Problem::Scalar { why, help, mend: None }
}
