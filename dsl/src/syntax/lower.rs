//! Phrases as the typed tree.
//!
//! Owns declarations and blocks; which keyword a phrase has is found in [`opening`], and what
//! follows that of a role's statement is in [`super::statement`].

mod headless;
mod lines;
mod opening;

use super::client::client_statement;
use super::cursor::Cursor;
use super::example::test_statement;
use super::header::{let_header, model_header, prompt_header, role_header, test_header};
use super::outline::{Block, Phrase};
use super::pieces::{Kind, Piece};
use super::problem::{Problem, Report};
use super::promise;
use super::provider::{model_statement, provider_statement};
use super::statement;
use super::tree::{
    Broken, Client, Declaration, Defaults, Ensure, Env, Let, Model, Prompt, Provider, Role,
    TestCase,
};
use super::words::{self, Place};
use crate::span::Span;
use lines::Lines;
use opening::{Known, Opening};

/// Makes the tree.
pub(crate) struct Lower<'a> {
    pub(crate) text: &'a str,
    pub(crate) pieces: &'a [Piece],
    pub(crate) report: &'a mut Report,
    /// Declarations that were found inside of others; they are kept, so that their names are known.
    strayed: Vec<Declaration>,
}

impl<'a> Lower<'a> {
    pub(crate) fn new(text: &'a str, pieces: &'a [Piece], report: &'a mut Report) -> Self {
        Self { text, pieces, report, strayed: Vec::new() }
    }

    /// The declarations of a file or of an `env` block.
    pub(crate) fn declarations(&mut self, phrases: &[Phrase], place: Place) -> Vec<Declaration> {
        let mut declarations = Vec::with_capacity(phrases.len());
        for phrase in phrases {
            let mended = headless::late_header(self, phrase, place);
            let declaration = match self.opening(mended.as_ref().unwrap_or(phrase), place) {
                Opening::Known(keyword) => {
                    let guessed = keyword.guessed || mended.is_some();
                    let phrase = mended.as_ref().unwrap_or(phrase);
                    self.declaration(phrase, Known { guessed, ..keyword }, place)
                }
                Opening::Broken(broken) => Declaration::Broken(broken),
            };
            declarations.push(declaration);
            declarations.append(&mut self.strayed);
        }
        declarations
    }

    fn declaration(&mut self, phrase: &Phrase, keyword: Known, place: Place) -> Declaration {
        if let Some(mended) = self.late_name(phrase, keyword) {
            return self.declaration(&mended, Known { guessed: true, ..keyword }, place);
        }
        let span = self.span(phrase);
        let block = phrase.block.as_ref();
        let header = HeaderOf { phrase, keyword, place };
        match keyword.keyword.text {
            "provider" => {
                let name = self.header(&header, |cursor| cursor.name("a provider's name"));
                let statements = self.statements(block, Place::Provider, provider_statement);
                Declaration::Provider(Provider { span, name, statements })
            }
            "model" => {
                let (name, target) = self.header(&header, model_header);
                let statements = self.statements(block, Place::Model, model_statement);
                Declaration::Model(Model { span, name, target, statements })
            }
            "prompt" => {
                let (name, body) = self.header(&header, prompt_header);
                Declaration::Prompt(Prompt { span, name, body })
            }
            "defaults" => {
                self.header(&header, |_| ());
                let statements = self.statements(block, Place::Defaults, statement::statement);
                Declaration::Defaults(Defaults { span, statements })
            }
            "role" => {
                let (name, like) = self.header(&header, role_header);
                let statements = self.statements(block, Place::Role, statement::statement);
                Declaration::Role(Role { span, name, like, statements })
            }
            "let" => {
                let (name, value) = self.header(&header, let_header);
                Declaration::Let(Let { span, name, value })
            }
            "env" => {
                let name = self.header(&header, |cursor| cursor.name("an environment's name"));
                let phrases = block.map_or(&[][..], |block| &block.phrases);
                let declarations = self.declarations(phrases, Place::Env);
                Declaration::Env(Env { span, name, declarations })
            }
            "client" => {
                let name = self.header(&header, |cursor| cursor.name("a client's name"));
                let statements = self.statements(block, Place::Client, client_statement);
                Declaration::Client(Client { span, name, statements })
            }
            "ensure" => {
                let (subject, claim) =
                    self.header(&header, |cursor| promise::ensure(place, cursor));
                Declaration::Ensure(Ensure { span, subject, claim })
            }
            "test" => {
                let name = self.header(&header, test_header);
                let statements = self.statements(block, Place::Test, test_statement);
                Declaration::Test(TestCase { span, name, statements })
            }
            meant => Declaration::Broken(Broken { span, meant: Some(meant), name: None }),
        }
    }

    /// `role { NAME`: the name stands behind the brace. Gives the phrase without it, so that it is
    /// not taken for a statement, too.
    fn late_name(&mut self, phrase: &Phrase, keyword: Known) -> Option<Phrase> {
        let block = phrase.block.as_ref()?;
        let first = block.phrases.first()?;
        let last = self.pieces.get(phrase.pieces.end.wrapping_sub(1)).map(|p| p.of(self.text));
        let is_base = keyword.keyword.text == "role" && last == Some("like");
        let is_alone = (phrase.pieces.len() == 1 || is_base) && first.pieces.len() == 1;
        let open = block.open.filter(|open| open + 1 == first.pieces.start)?;
        let name = self.pieces.get(first.pieces.start)?;
        let is_name = matches!(name.kind, Kind::Word | Kind::String);
        if !is_alone || !is_name || first.block.is_some() || keyword.keyword.text == "defaults" {
            return None;
        }
        let brace = self.pieces.get(open)?.range();
        let written = name.of(self.text).to_owned();
        let mend = format!("{written} {{");
        let range = brace.start..name.range().end;
        if !keyword.guessed {
            self.report.push(Problem::LateName { written, mend }, range);
        }
        let mut mended = phrase.clone();
        mended.block.as_mut()?.phrases.remove(0);
        Some(mended)
    }

    /// What stands before the block of a declaration, read by `read` after its keyword.
    fn header<T>(&mut self, header: &HeaderOf, read: impl FnOnce(&mut Cursor) -> T) -> T {
        let phrase = header.phrase;
        let keyword = header.keyword.keyword;
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let mut cursor = Cursor::new(self.text, pieces, self.report);
        cursor.silenced |= header.keyword.guessed;
        // What was left out cannot be taken.
        if !header.keyword.left_out {
            cursor.next();
        }
        let read = read(&mut cursor);
        cursor.finish(header.place);
        let takes_block = keyword.text == "model" || words::needs_block(keyword.text);
        let shown = || shown(cursor.text, pieces);
        match &phrase.block {
            None if words::needs_block(keyword.text) => {
                let range = pieces.first().map_or(0..0, |piece| piece.range());
                cursor.fail(Problem::NoBlock { header: shown() }, range);
            }
            Some(block) if !takes_block => {
                let open = block.open.and_then(|open| self.pieces.get(open));
                let range = open.map_or(0..0, |piece| piece.range());
                cursor.fail(Problem::NeedlessBlock { header: shown() }, range);
            }
            _ => {}
        }
        read
    }

    /// The statements of a block, each read by `read` after its keyword.
    fn statements<T: Lines>(
        &mut self,
        block: Option<&Block>,
        place: Place,
        read: impl Fn(&'static str, Span, Place, &mut Cursor) -> T,
    ) -> Vec<T> {
        let phrases = block.map_or(&[][..], |block| &block.phrases);
        let mut statements = Vec::with_capacity(phrases.len());
        for phrase in phrases {
            match self.opening(phrase, place) {
                Opening::Known(keyword) => {
                    self.line(HeaderOf { phrase, keyword, place }, &read, &mut statements);
                }
                Opening::Broken(broken) => statements.push(T::from_broken(broken)),
            }
        }
        statements
    }

    /// Adds the statement of a line, and those that should have had a line of their own.
    fn line<T: Lines>(
        &mut self,
        line: HeaderOf,
        read: &impl Fn(&'static str, Span, Place, &mut Cursor) -> T,
        statements: &mut Vec<T>,
    ) {
        let HeaderOf { phrase, keyword: mut known, place } = line;
        if let Some(broken) = headless::block_of_entries(self, phrase, known.keyword.text) {
            statements.push(T::from_broken(broken));
            return;
        }
        let mended = headless::late_condition(self, phrase);
        known.guessed |= mended.is_some();
        let phrase = mended.as_ref().unwrap_or(phrase);
        let before = statements.len();
        let span = self.span(phrase);
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let mut cursor = Cursor::new(self.text, pieces, self.report);
        let spoilt = cursor.silenced;
        cursor.silenced |= known.guessed;
        let open = phrase.block.as_ref().and_then(|block| block.open);
        cursor.block = open.and_then(|open| self.pieces.get(open)).map(|piece| piece.range());
        if open.is_none() && phrase.block.is_some() {
            // Its brace is missing, which has been found.
            let end = cursor.end_of_all();
            cursor.block = Some(end..end);
        }
        let first = if known.left_out { cursor.peek() } else { None };
        let is_first = |statements: &Vec<T>| statements.len() == before;
        while let Some(piece) = first.filter(|_| is_first(statements)).or_else(|| cursor.next()) {
            let start = cursor.span(piece);
            statements.push(read(known.keyword.text, start, place, &mut cursor));
            if !cursor.finish(place) {
                break;
            }
            let next = cursor.peek().and_then(|piece| place.keyword(piece.of(self.text)));
            let Some(keyword) = next else { break };
            known = Known::of(keyword);
            cursor.silenced = spoilt;
        }
        // What a text swallowed that is never closed may have been anything.
        if pieces.iter().any(|piece| piece.kind == Kind::OpenText) {
            statements.push(T::from_broken(Broken { span, meant: None, name: None }));
            return;
        }
        let Some(block) = &phrase.block else { return };
        let own = statements.get_mut(before..).and_then(<[T]>::last_mut);
        let takes_block = own.is_some_and(|last| last.guarded(span).is_some());
        if !takes_block {
            let range = cursor.block.clone().unwrap_or_default();
            let header = shown(self.text, pieces);
            cursor.fail(Problem::NeedlessBlock { header }, range);
            return;
        }
        let within = self.statements(Some(block), Place::When, statement::statement);
        if let Some(guarded) = statements.last_mut().and_then(|last| last.guarded(span)) {
            guarded.extend(within);
        }
    }

    fn span_of(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.report.file, range)
    }

    /// From the first piece to the end of the block.
    fn span(&self, phrase: &Phrase) -> Span {
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let block = phrase.block.as_ref();
        let open = block.and_then(|block| block.open).and_then(|open| self.pieces.get(open));
        let start = pieces.first().or(open).map_or(0, |piece| piece.start);
        let own = pieces.last().or(open).map_or(start, |piece| piece.end);
        let end = block.map_or(own, |block| self.block_end(block).max(own));
        Span::new(self.report.file, start as usize..end as usize)
    }

    fn block_end(&self, block: &Block) -> u32 {
        let close = block.close.or(block.open).and_then(|at| self.pieces.get(at));
        let close = close.map_or(0, |piece| piece.end);
        match block.phrases.last() {
            Some(last) if block.close.is_none() => self.span(last).end.max(close),
            _ => close,
        }
    }
}

/// What stands before a block.
struct HeaderOf<'a> {
    phrase: &'a Phrase,
    keyword: Known,
    place: Place,
}

/// The first pieces of a header, for messages.
fn shown(text: &str, pieces: &[Piece]) -> String {
    let words: Vec<&str> = pieces.iter().take(2).map(|piece| piece.of(text)).collect();
    words.join(" ").chars().take(60).collect()
}
