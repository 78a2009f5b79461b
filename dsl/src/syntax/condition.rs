//! The conditions of `when`.
//!
//! Owns how they are joined and how deep they nest; one comparison is read in [`super::fact`].

use super::cursor::Cursor;
use super::fact::{self, Failed, Read};
use super::pieces::{Kind, Piece};
use super::problem::Problem;
use super::tree::{Condition, Joined};
use super::words;
use crate::nearest::nearest;
use crate::span::Span;

/// How deep `not` and parentheses may nest: what reads a condition may then call itself.
const MAX_DEPTH: usize = 32;

/// What may come after a fact or a comparison.
const FOLLOWING: [&str; 5] = ["and", "or", "in", "matches", "route"];

/// Takes a condition up to what it guards. If it cannot be read, its finding has been given.
pub(crate) fn condition(cursor: &mut Cursor) -> Condition {
    let start = here(cursor);
    let read = any(cursor, 0);
    if let Ok(condition) = read {
        if is_over(cursor) {
            return condition;
        }
        leftover(cursor);
    }
    while cursor.peek().is_some_and(|piece| !opens_guarded(piece, cursor)) {
        cursor.next();
    }
    Condition::Broken(cursor.since(start))
}

/// Where the next piece is, or nothing after the last.
fn here(cursor: &Cursor) -> Span {
    let end = cursor.end();
    cursor.peek().map_or_else(|| cursor.span_of(end..end), |piece| cursor.span(piece))
}

fn any(cursor: &mut Cursor, depth: usize) -> Read<Condition> {
    let start = here(cursor);
    let mut parts = vec![all(cursor, depth)?];
    while joiner(cursor, "or") {
        parts.push(all(cursor, depth)?);
    }
    Ok(joined(parts, cursor.since(start), Condition::Any))
}

fn all(cursor: &mut Cursor, depth: usize) -> Read<Condition> {
    let start = here(cursor);
    let mut parts = vec![single(cursor, depth)?];
    while joiner(cursor, "and") {
        parts.push(single(cursor, depth)?);
    }
    Ok(joined(parts, cursor.since(start), Condition::All))
}

fn joined(mut parts: Vec<Condition>, span: Span, join: fn(Joined) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(Joined { span, parts })
        }
    }
}

/// What `not` and parentheses stand before, and what joins are between.
fn single(cursor: &mut Cursor, depth: usize) -> Read<Condition> {
    let start = here(cursor);
    if depth > MAX_DEPTH {
        let problem = Problem::DeepCondition { limit: MAX_DEPTH };
        cursor.fail(problem, start.range());
        return Err(Failed);
    }
    if negation(cursor) {
        let inner = Box::new(single(cursor, depth + 1)?);
        return Ok(Condition::Not { span: cursor.since(start), inner });
    }
    let Some(open) = cursor.take_mark("(") else { return fact::test(cursor) };
    let inner = any(cursor, depth + 1)?;
    if cursor.take_mark(")").is_some() {
        return Ok(inner);
    }
    if is_over(cursor) {
        let mend_at = cursor.end();
        cursor.fail(Problem::OpenParenthesis { mend_at }, open.range());
    } else {
        leftover(cursor);
    }
    Err(Failed)
}

/// Takes `not`, or what other languages write for it.
fn negation(cursor: &mut Cursor) -> bool {
    let Some(piece) = cursor.peek() else { return false };
    let written = piece.of(cursor.text);
    let is_word = piece.kind == Kind::Word && written.eq_ignore_ascii_case("not");
    if !is_word && !cursor.is_mark(piece, "!") {
        return false;
    }
    cursor.next();
    if written != "not" {
        let parted = cursor.text.get(cursor.end()..).unwrap_or_default().starts_with([' ', '\t']);
        let mend = if parted { "not" } else { "not " };
        fact::habit(cursor, piece.range(), "not", mend.to_owned());
    }
    true
}

/// Takes `and` or `or`, whichever `word` is, or what other languages write for it.
fn joiner(cursor: &mut Cursor, word: &'static str) -> bool {
    let Some(piece) = cursor.peek() else { return false };
    if joins(piece, cursor) != Some(word) {
        return false;
    }
    cursor.next();
    if piece.of(cursor.text) != word {
        fact::habit(cursor, piece.range(), word, word.to_owned());
    }
    true
}

/// The word that joins conditions as this piece is meant to.
fn joins(piece: Piece, cursor: &Cursor) -> Option<&'static str> {
    let written = piece.of(cursor.text);
    match piece.kind {
        Kind::Word if written.eq_ignore_ascii_case("and") => Some("and"),
        Kind::Word if written.eq_ignore_ascii_case("or") => Some("or"),
        Kind::Operator if written == "&&" => Some("and"),
        Kind::Operator if written == "||" => Some("or"),
        Kind::Pipe => Some("or"),
        _ => None,
    }
}

/// Whether the condition ends here.
fn is_over(cursor: &Cursor) -> bool {
    cursor.peek().is_none_or(|piece| opens_guarded(piece, cursor))
}

/// Whether what a condition guards starts with the next piece.
fn opens_guarded(piece: Piece, cursor: &Cursor) -> bool {
    let word = piece.of(cursor.text);
    let guarded = word == "route" || words::Place::When.keyword(word).is_some();
    piece.kind == Kind::Word && guarded
}

/// Says what is wrong with what comes after a condition that could be read.
fn leftover(cursor: &mut Cursor) {
    let (Some(piece), Some(last)) = (cursor.peek(), cursor.last()) else { return };
    let written = piece.of(cursor.text);
    let next = cursor.ahead(1).map(|next| next.kind);
    let ends = matches!(next, Some(Kind::Arrow | Kind::Pipe))
        || (next.is_none() && cursor.block.is_none());
    let near = nearest(&written.to_ascii_lowercase(), FOLLOWING);
    let problem = match piece.kind {
        Kind::Operator if written == ")" => Problem::StrayParenthesis,
        Kind::Operator if fact::is_comparison(written) => Problem::Chained,
        Kind::Comma => Problem::JoinedByComma,
        Kind::Word if near.is_some() => {
            let known = "`and`, `or`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `matches`".to_owned();
            let written = written.to_owned();
            Problem::Unknown { what: "word in a condition", written, nearest: near, known }
        }
        Kind::Number if written.ends_with('%') => return cursor.left_out("route"),
        Kind::Word if ends => return cursor.left_out("route"),
        Kind::Word if words::is_fact(written) => {
            let (left, right) = (cursor.describe(last), cursor.describe(piece));
            Problem::NotJoined { left, right }
        }
        Kind::Word if words::Place::Role.keyword(written).is_some() => {
            return cursor.wanted("`and`, `or` or `route`");
        }
        Kind::Word | Kind::String | Kind::Number if last.kind == Kind::Word => {
            let (left, right) = (cursor.describe(last), cursor.describe(piece));
            // A number may be meant as a bound.
            let mend_at = (piece.kind != Kind::Number).then(|| cursor.end());
            Problem::NotCompared { left, right, mend_at }
        }
        _ => return cursor.wanted("`and`, `or` or `route`"),
    };
    cursor.fail(problem, piece.range());
}

#[cfg(test)]
mod tests;
