//! Phrases as the typed tree.
//!
//! Owns declarations and blocks; what follows the keyword of a role's statement is in
//! [`super::statement`].

use super::cursor::Cursor;
use super::outline::{Block, Phrase};
use super::pieces::{Kind, Piece};
use super::problem::{Problem, Report};
use super::statement;
use super::tree::{
    ApiKey, Broken, Declaration, Defaults, Env, Header, KeyStore, Let, Model, ModelStatement, Name,
    Prompt, PromptBody, Provider, ProviderStatement, Role, Statement, Value, ValueKind,
};
use super::words::{self, Keyword, Place};
use crate::nearest::nearest;
use crate::span::Span;

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
            let declaration = match self.opening(phrase, place) {
                Opening::Known(keyword) => self.declaration(phrase, keyword, place),
                Opening::Broken(broken) => Declaration::Broken(broken),
            };
            declarations.push(declaration);
            declarations.append(&mut self.strayed);
        }
        declarations
    }

    fn declaration(&mut self, phrase: &Phrase, keyword: Known, place: Place) -> Declaration {
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
            meant => Declaration::Broken(Broken { span, meant: Some(meant), name: None }),
        }
    }

    /// What stands before the block of a declaration, read by `read` after its keyword.
    fn header<T>(&mut self, header: &HeaderOf, read: impl FnOnce(&mut Cursor) -> T) -> T {
        let phrase = header.phrase;
        let keyword = header.keyword.keyword;
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let mut cursor = Cursor::new(self.text, pieces, self.report);
        cursor.silenced |= header.keyword.guessed;
        cursor.next();
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
    fn statements<T: FromBroken>(
        &mut self,
        block: Option<&Block>,
        place: Place,
        read: impl Fn(&'static str, Span, Place, &mut Cursor) -> T,
    ) -> Vec<T> {
        let mut statements = Vec::new();
        for phrase in block.map_or(&[][..], |block| &block.phrases) {
            match self.opening(phrase, place) {
                Opening::Known(known) => {
                    statements.extend(self.line(phrase, known, place, &read));
                }
                Opening::Broken(broken) => statements.push(T::from_broken(broken)),
            }
        }
        statements
    }

    /// The statement of a line, and those that should have had a line of their own.
    fn line<T: FromBroken>(
        &mut self,
        phrase: &Phrase,
        mut known: Known,
        place: Place,
        read: &impl Fn(&'static str, Span, Place, &mut Cursor) -> T,
    ) -> Vec<T> {
        let mut statements = Vec::new();
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let mut cursor = Cursor::new(self.text, pieces, self.report);
        let spoilt = cursor.silenced;
        cursor.silenced |= known.guessed;
        while let Some(piece) = cursor.next() {
            let start = cursor.span(piece);
            statements.push(read(known.keyword.text, start, place, &mut cursor));
            if !cursor.finish(place) {
                break;
            }
            let next = cursor.peek().and_then(|piece| place.keyword(piece.of(self.text)));
            let Some(keyword) = next.filter(|keyword| keyword.supported) else { break };
            known = Known { keyword, guessed: false };
            cursor.silenced = spoilt;
        }
        if let Some(block) = &phrase.block {
            let open = block.open.and_then(|open| self.pieces.get(open));
            let range = open.map_or(0..0, |piece| piece.range());
            let header = shown(self.text, pieces);
            cursor.fail(Problem::NeedlessBlock { header }, range);
        }
        statements
    }

    /// What the first word of a phrase makes of it.
    fn opening(&mut self, phrase: &Phrase, place: Place) -> Opening {
        let span = self.span(phrase);
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let broken = |meant| Opening::Broken(Broken { span, meant, name: None });
        let Some(first) = pieces.first().copied() else {
            // A block without a header.
            let open = phrase.block.as_ref().and_then(|block| block.open);
            let range = open.and_then(|open| self.pieces.get(open)).map(|piece| piece.range());
            let problem = not_a_word(place);
            self.report.push(problem, range.unwrap_or(span.range()));
            return broken(None);
        };
        let spoilt = pieces.iter().any(|piece| piece.kind.is_bad());
        if first.kind != Kind::Word {
            // A stray `}` has been found by the outline.
            if !spoilt && first.kind != Kind::Close {
                self.report.push(not_a_word(place), first.range());
            }
            return broken(None);
        }
        let word = first.of(self.text);
        if let Some(keyword) = place.keyword(word) {
            if keyword.supported {
                return Opening::Known(Known { keyword, guessed: false });
            }
            let what = format!("`{word}`");
            self.report.push(Problem::Unsupported { what }, first.range());
            return broken(Some(keyword.text));
        }
        self.unknown(phrase, first, place, spoilt)
    }

    /// A phrase whose first word is no keyword here.
    fn unknown(&mut self, phrase: &Phrase, first: Piece, place: Place, spoilt: bool) -> Opening {
        let span = self.span(phrase);
        let word = first.of(self.text);
        let near = nearest(word, place.keywords());
        let elsewhere = words::anywhere(word);
        // `accept` in a model's block is rather a slip than a statement of a role.
        let slip = near.filter(|near| near.starts_with(word) || word.starts_with(near));
        if let (Some(other), None) = (elsewhere, slip) {
            let problem = Problem::Misplaced { keyword: other.text, belongs: other.belongs };
            self.report.push(problem, first.range());
            self.keep_strayed(phrase, other, place);
            return Opening::Broken(Broken { span, meant: Some(other.text), name: None });
        }
        if !spoilt {
            let known = place.known();
            let written = word.to_owned();
            let problem = Problem::Unknown { what: place.line(), written, nearest: near, known };
            self.report.push(problem, first.range());
        }
        let guess = near.and_then(|near| place.keyword(near));
        match guess {
            Some(keyword) if keyword.supported => Opening::Known(Known { keyword, guessed: true }),
            _ => Opening::Broken(Broken { span, meant: near, name: None }),
        }
    }

    /// Reads a declaration that stands inside of another, where a `}` is missing before it.
    fn keep_strayed(&mut self, phrase: &Phrase, keyword: &'static Keyword, place: Place) {
        let declares = Place::Env.keyword(keyword.text).is_some() && keyword.supported;
        if declares && !matches!(place, Place::Top | Place::Env) {
            let known = Known { keyword, guessed: true };
            let declaration = self.declaration(phrase, known, Place::Env);
            self.strayed.push(declaration);
        }
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

/// How a phrase opens.
enum Opening {
    Known(Known),
    Broken(Broken),
}

/// A keyword, or the one that a misspelt word is taken for.
#[derive(Clone, Copy)]
struct Known {
    keyword: &'static Keyword,
    guessed: bool,
}

/// What stands before a block.
struct HeaderOf<'a> {
    phrase: &'a Phrase,
    keyword: Known,
    place: Place,
}

/// A statement type that can be broken.
trait FromBroken {
    fn from_broken(broken: Broken) -> Self;
}

impl FromBroken for Statement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl FromBroken for ProviderStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl FromBroken for ModelStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

fn not_a_word(place: Place) -> Problem {
    Problem::NotAWord { what: place.line(), known: place.known() }
}

/// The first pieces of a header, for messages.
fn shown(text: &str, pieces: &[Piece]) -> String {
    let words: Vec<&str> = pieces.iter().take(2).map(|piece| piece.of(text)).collect();
    words.join(" ").chars().take(60).collect()
}

/// Takes the `=` after a name; says so if it is missing.
fn equals(cursor: &mut Cursor, name: Option<&Name>) {
    if cursor.take(Kind::Equals).is_some() {
        return;
    }
    match (cursor.peek(), name) {
        (Some(next), Some(name)) => {
            let name = format!("`{}`", name.text);
            cursor.fail(Problem::MissingEquals { name }, next.range());
        }
        _ => cursor.wanted("`=` and a value"),
    }
}

fn let_header(cursor: &mut Cursor) -> (Option<Name>, Option<Value>) {
    let name = cursor.name("a constant's name");
    equals(cursor, name.as_ref());
    (name, cursor.value("a value"))
}

fn model_header(cursor: &mut Cursor) -> (Option<Name>, Option<Value>) {
    let name = cursor.name("a model's name");
    equals(cursor, name.as_ref());
    if let Some(piece) = cursor.take(Kind::String) {
        let written = piece.of(cursor.text).trim_matches('"');
        let inner = written.to_owned();
        cursor.report.push(Problem::QuotedModel { inner }, piece.range());
        let before = cursor.report.findings.len();
        let kind = cursor.model_id(written, piece.start as usize + 1);
        cursor.report.findings.truncate(before);
        return (name, Some(Value { span: cursor.span(piece), kind }));
    }
    let target = cursor.value("`PROVIDER/MODEL-ID`");
    let is_target = |value: &Value| {
        matches!(value.kind, ValueKind::ModelId(_) | ValueKind::Ident(_) | ValueKind::Broken)
    };
    if let Some(other) = target.as_ref().filter(|value| !is_target(value)) {
        let (what, found) = ("`PROVIDER/MODEL-ID`".to_owned(), other.describe().to_owned());
        cursor.fail(Problem::Expected { what, found }, other.span.range());
        return (name, None);
    }
    (name, target)
}

fn prompt_header(cursor: &mut Cursor) -> (Option<Name>, Option<PromptBody>) {
    let name = cursor.name("a prompt's name");
    equals(cursor, name.as_ref());
    let body = match cursor.take_word("file") {
        Some(word) => {
            let path = cursor.value("a path in quotes");
            Some(PromptBody::File { span: cursor.since(cursor.span(word)), path })
        }
        None => cursor.value("a text, a string or `file \"…\"`").map(PromptBody::Text),
    };
    (name, body)
}

fn role_header(cursor: &mut Cursor) -> (Option<Name>, Option<Name>) {
    let name = cursor.role_name();
    let like = cursor.take_word("like").and_then(|_| cursor.role_name());
    (name, like)
}

fn provider_statement(
    keyword: &'static str,
    start: Span,
    _: Place,
    cursor: &mut Cursor,
) -> ProviderStatement {
    let setting = |what, cursor: &mut Cursor| statement::setting(start, what, cursor);
    match keyword {
        "protocol" => ProviderStatement::Protocol(setting("a protocol", cursor)),
        "base_url" => ProviderStatement::BaseUrl(setting("an address in quotes", cursor)),
        "max_connections" => ProviderStatement::MaxConnections(setting("a number", cursor)),
        "allow" => ProviderStatement::Allow(setting("`plain_http`", cursor)),
        "api_key" => ProviderStatement::ApiKey(api_key(start, cursor)),
        "header" => {
            cursor.no_equals();
            let name = cursor.value("the header's name in quotes");
            let value = name.as_ref().and_then(|_| cursor.value("the header's value in quotes"));
            ProviderStatement::Header(Header { span: cursor.since(start), name, value })
        }
        meant => ProviderStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}

fn api_key(start: Span, cursor: &mut Cursor) -> ApiKey {
    cursor.no_equals();
    let store = match cursor.peek().filter(|piece| piece.kind == Kind::Word) {
        Some(piece) if cursor.is_word(piece, "secret") => Some(KeyStore::Secret),
        Some(piece) if cursor.is_word(piece, "env") => Some(KeyStore::Env),
        _ => None,
    };
    if store.is_some() {
        cursor.next();
    } else {
        cursor.wanted("`secret \"NAME\"` or `env \"NAME\"`");
        while cursor.next().is_some() {}
        return ApiKey { span: cursor.since(start), store, value: None };
    }
    let value = cursor.value("the key's name in quotes");
    ApiKey { span: cursor.since(start), store, value }
}

fn model_statement(
    keyword: &'static str,
    start: Span,
    place: Place,
    cursor: &mut Cursor,
) -> ModelStatement {
    match keyword {
        "context" => {
            ModelStatement::Context(statement::setting(start, "a number of tokens", cursor))
        }
        "output" => ModelStatement::Output(statement::setting(start, "a number of tokens", cursor)),
        "price" => {
            let what = "an amount such as `$3`";
            ModelStatement::Price(statement::entries(start, place, what, cursor))
        }
        "accepts" => {
            ModelStatement::Accepts(statement::names(start, place, "a capability", cursor))
        }
        meant => ModelStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}
