//! What stands before the block of a declaration, and `let`, `model` and `prompt`.
//!
//! Owns what follows each of their keywords; blocks are read in [`super::lower`].

use super::cursor::Cursor;
use super::pieces::Kind;
use super::problem::Problem;
use super::tree::{Name, PromptBody, Value, ValueKind};

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

pub(crate) fn let_header(cursor: &mut Cursor) -> (Option<Name>, Option<Value>) {
    let name = cursor.name("a constant's name");
    equals(cursor, name.as_ref());
    (name, cursor.value("a value"))
}

pub(crate) fn model_header(cursor: &mut Cursor) -> (Option<Name>, Option<Value>) {
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

pub(crate) fn prompt_header(cursor: &mut Cursor) -> (Option<Name>, Option<PromptBody>) {
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

pub(crate) fn role_header(cursor: &mut Cursor) -> (Option<Name>, Option<Name>) {
    let is_nameless = cursor.word() == Some("like")
        && cursor.ahead(1).is_some_and(|next| matches!(next.kind, Kind::Word | Kind::String));
    let name = match is_nameless {
        true => {
            cursor.wanted("a role's name");
            None
        }
        false => cursor.role_name(),
    };
    let like = cursor.take_word("like").and_then(|_| cursor.role_name());
    (name, like)
}

/// A test's name, which is a string.
pub(crate) fn test_header(cursor: &mut Cursor) -> Option<Name> {
    if let Some(piece) = cursor.take(Kind::String) {
        return cursor.string_name(piece);
    }
    if let Some(piece) = cursor.take(Kind::Word) {
        let name = piece.of(cursor.text).to_owned();
        cursor.fail(Problem::WantsQuotes { name }, piece.range());
        while cursor.next().is_some() {}
        return None;
    }
    cursor.wanted("what the test shows in quotes");
    None
}
