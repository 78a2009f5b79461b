//! The statements of roles and `defaults`.
//!
//! Owns what follows each of their keywords but `route`, `when` and `otherwise`, which have their own
//! modules; blocks and declarations are in [`super::lower`].

use super::cursor::Cursor;
use super::guard;
use super::pieces::{Kind, Piece};
use super::problem::Problem;
use super::route::route;
use super::tree::{
    Backoff, Broken, Classes, Entries, Entry, Name, Names, Retry, Setting, Statement, System,
    SystemMode, Value,
};
use super::words::Place;
use crate::nearest::nearest;
use crate::span::Span;

/// The statement of a known keyword, which has just been taken.
pub(crate) fn statement(
    keyword: &'static str,
    start: Span,
    place: Place,
    cursor: &mut Cursor,
) -> Statement {
    match keyword {
        "about" => Statement::About(setting(start, "a string", cursor)),
        "system" => Statement::System(system(start, place, cursor)),
        "route" => Statement::Route(route(start, place, cursor)),
        "when" => Statement::When(guard::when(start, place, cursor)),
        "otherwise" => match guard::otherwise(start, place, cursor) {
            Some(otherwise) => Statement::Otherwise(otherwise),
            None => {
                let span = cursor.since(start);
                Statement::Broken(Broken { span, meant: Some(keyword), name: None })
            }
        },
        "timeout" => Statement::Timeout(entries(start, place, "a duration", cursor)),
        "set" => Statement::Set(entries(start, place, "a value", cursor)),
        "retry" => Statement::Retry(retry(start, place, cursor)),
        "fallback" => Statement::Fallback(fallback(start, place, cursor)),
        "hedge" => {
            cursor.needs("after", &[Kind::Number]);
            Statement::Hedge(setting(start, "a duration", cursor))
        }
        "limit" => Statement::Limit(entries(start, place, "a value", cursor)),
        "deny" => Statement::Deny(names(start, place, "a parameter", cursor)),
        "accept" => Statement::Accept(names(start, place, "a capability", cursor)),
        "commit" => {
            let what = "`headers`, `first_token` or `complete`";
            Statement::Commit(setting(start, what, cursor))
        }
        "resume" => Statement::Resume(start),
        "strict" => Statement::Strict(start),
        "cache" => Statement::Cache(setting(start, "`system` or `conversation`", cursor)),
        "audit" => Statement::Audit(setting(start, "`full`, `metadata` or `off`", cursor)),
        _ => Statement::Broken(Broken { span: start, meant: Some(keyword), name: None }),
    }
}

/// `KEYWORD VALUE`
pub(crate) fn setting(start: Span, what: &'static str, cursor: &mut Cursor) -> Setting {
    cursor.no_equals();
    let value = cursor.value(what);
    Setting { span: cursor.since(start), value }
}

/// `KEYWORD KEY VALUE, …`
pub(crate) fn entries(
    start: Span,
    place: Place,
    what: &'static str,
    cursor: &mut Cursor,
) -> Entries {
    let mut entries = cursor.room(Kind::Comma);
    cursor.no_equals();
    while let Some(key) = cursor.name("a setting's name") {
        cursor.no_equals();
        let value = cursor.value(what);
        entries.push(Entry { span: cursor.since(key.span), key, value });
        if !cursor.comma(place, None) {
            break;
        }
    }
    Entries { span: cursor.since(start), entries }
}

/// `KEYWORD NAME, …`
pub(crate) fn names(start: Span, place: Place, what: &'static str, cursor: &mut Cursor) -> Names {
    cursor.no_equals();
    let names = name_list(place, what, None, cursor);
    Names { span: cursor.since(start), names }
}

pub(crate) fn name_list(
    place: Place,
    what: &'static str,
    ends: Option<&str>,
    cursor: &mut Cursor,
) -> Vec<Name> {
    let mut names = cursor.room(Kind::Comma);
    loop {
        let left = cursor.end();
        names.extend(cursor.name(what));
        if cursor.end() == left || !cursor.comma(place, ends) || cursor.trailing_comma(ends) {
            return names;
        }
    }
}

/// `system [MODE] PROMPT, …`
fn system(start: Span, place: Place, cursor: &mut Cursor) -> System {
    cursor.no_equals();
    let (mut mode, mut mode_span) = (None, None);
    if let Some(written) = mode_here(cursor)
        && cursor.ahead(1).is_some_and(|next| !next.kind.joins())
    {
        mode_span = cursor.next().map(|piece| cursor.span(piece));
        mode = Some(written);
    } else {
        unknown_mode(cursor);
    }
    let mut prompts = cursor.room(Kind::Comma);
    while let Some(prompt) = prompt(cursor) {
        let first = prompts.first().map_or(prompt.span, |first: &Value| first.span);
        prompts.push(prompt);
        if let Some(late) = late_mode(first, cursor) {
            (mode, mode_span) = late;
            break;
        }
        if !cursor.comma(place, None) {
            break;
        }
    }
    System { span: cursor.since(start), mode, mode_span, prompts }
}

fn prompt(cursor: &mut Cursor) -> Option<Value> {
    let is_file = cursor.peek().is_some_and(|piece| cursor.is_word(piece, "file"));
    if is_file && cursor.ahead(1).is_some_and(|next| next.kind == Kind::String) {
        let file = cursor.next().map_or(0..0, |piece| piece.range());
        cursor.next();
        let why = "a file is named by a `prompt`";
        let help = "declare `prompt NAME = file \"…\"` and write NAME here";
        cursor.fail(Problem::Scalar { why, help, mend: None }, file);
        return None;
    }
    cursor.value("a prompt")
}

/// Takes a word before the first prompt that was meant for a mode, and says so.
fn unknown_mode(cursor: &mut Cursor) {
    let Some(piece) = cursor.peek().filter(|piece| piece.kind == Kind::Word) else { return };
    let follows = |next: Piece| matches!(next.kind, Kind::Word | Kind::String | Kind::Text);
    // `system backend replace` has its mode, only late.
    let is_late = |next: Piece| mode_of(next.of(cursor.text)).is_some();
    let next = cursor.ahead(1).filter(|next| follows(*next) && !is_late(*next));
    let written = piece.of(cursor.text);
    if next.is_none() || written == "file" {
        return;
    }
    let meant = match written {
        "overwrite" | "override" | "instead" | "only" => Some("replace"),
        "before" | "prefix" | "first" => Some("prepend"),
        "after" | "suffix" | "last" | "add" => Some("append"),
        other => nearest(other, ["prepend", "append", "replace"]),
    };
    if meant.is_none() {
        return;
    }
    let written = written.to_owned();
    cursor.fail(Problem::UnknownMode { written, nearest: meant }, piece.range());
    cursor.next();
}

fn mode_here(cursor: &Cursor) -> Option<SystemMode> {
    mode_of(cursor.word()?)
}

fn mode_of(word: &str) -> Option<SystemMode> {
    match word {
        "prepend" => Some(SystemMode::Prepend),
        "append" => Some(SystemMode::Append),
        "replace" => Some(SystemMode::Replace),
        _ => None,
    }
}

/// A mode after the prompts, the `first` of which it belongs before.
fn late_mode(first: Span, cursor: &mut Cursor) -> Option<(Option<SystemMode>, Option<Span>)> {
    let mode = mode_here(cursor).filter(|_| cursor.ahead(1).is_none())?;
    let end = cursor.end();
    let piece = cursor.next()?;
    let written = piece.of(cursor.text).to_owned();
    let mend = (first.start as usize, end..piece.end as usize);
    cursor.fail(Problem::ModeLast { mode: written, mend }, piece.range());
    Some((Some(mode), Some(cursor.span(piece))))
}

/// `fallback on CLASS, …`
fn fallback(start: Span, place: Place, cursor: &mut Cursor) -> Classes {
    cursor.no_equals();
    let reads = cursor.needs("on", &[Kind::Word]);
    let classes = match reads {
        true => name_list(place, "a failure class", None, cursor),
        false => Vec::new(),
    };
    Classes { span: cursor.since(start), classes }
}

/// `retry N on CLASS, … [backoff D..D]`
fn retry(start: Span, place: Place, cursor: &mut Cursor) -> Retry {
    cursor.no_equals();
    let starts_list = cursor.peek().is_some_and(|piece| cursor.is_word(piece, "on"));
    let count = if starts_list {
        cursor.wanted("a number of tries");
        None
    } else {
        cursor.value("a number of tries")
    };
    let (mut on, mut on_span) = (Vec::new(), None);
    if let Some(word) = cursor.take_word("on") {
        on = name_list(place, "a failure class", Some("backoff"), cursor);
        on_span = Some(cursor.since(cursor.span(word)));
    }
    let backoff = backoff(cursor).map(Box::new);
    Retry { span: cursor.since(start), count, on, on_span, backoff }
}

fn backoff(cursor: &mut Cursor) -> Option<Backoff> {
    let start = cursor.take_word("backoff")?;
    let start = cursor.span(start);
    cursor.no_equals();
    let min = Some(cursor.value("the shortest wait")?);
    let max = match cursor.take(Kind::Range) {
        Some(_) => cursor.value("the longest wait"),
        None => {
            cursor.wanted("`..` and the longest wait");
            None
        }
    };
    Some(Backoff { span: cursor.since(start), min, max })
}
