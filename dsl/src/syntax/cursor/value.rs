//! Names and values, read from the pieces of a statement.
//!
//! Owns what counts as one and the words about those that do not; the walk is [`super`]'s.

use super::Cursor;
use crate::syntax::pieces::{Kind, Piece};
use crate::syntax::problem::Problem;
use crate::syntax::tree::{ModelId, Name, Part, Value, ValueKind};
use crate::syntax::words;
use crate::syntax::{quoted, scalar};

impl Cursor<'_> {
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
}

fn bad_name(why: &'static str, help: &'static str) -> Problem {
    Problem::Scalar { why, help, mend: None }
}
