//! The statements of a test.
//!
//! Owns what follows each of their keywords; whether a test passes is found out elsewhere.

use super::cursor::Cursor;
use super::pieces::{Kind, Piece};
use super::problem::Problem;
use super::scalar::scalar;
use super::statement::name_list;
use super::tree::{
    Ask, AskFact, Broken, Expect, Expected, Given, Name, TestStatement, Value, ValueKind,
};
use super::words::{self, Place};
use crate::nearest::nearest;
use crate::span::Span;

/// What a test may expect.
const OUTCOMES: [&str; 4] = ["answer", "failure", "attempts", "within"];

/// The statement of a known keyword, which has just been taken.
pub(crate) fn test_statement(
    keyword: &'static str,
    start: Span,
    place: Place,
    cursor: &mut Cursor,
) -> TestStatement {
    cursor.no_equals();
    match keyword {
        "ask" => TestStatement::Ask(ask(start, place, cursor)),
        "given" => TestStatement::Given(given(start, cursor)),
        "expect" => {
            let outcome = outcome(place, cursor);
            TestStatement::Expect(Expect { span: cursor.since(start), outcome })
        }
        meant => TestStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}

/// `ask ROLE [with FACT, …]`
fn ask(start: Span, place: Place, cursor: &mut Cursor) -> Ask {
    let role = cursor.role_name();
    let mut with = Vec::new();
    if !cursor.is_done() && cursor.needs("with", &[Kind::Word]) {
        loop {
            let left = cursor.end();
            with.extend(ask_fact(cursor));
            if cursor.end() == left || !cursor.comma(place, None) {
                break;
            }
        }
    }
    Ask { span: cursor.since(start), role, with }
}

/// A fact and its values. One that lacks a value is left out, since its finding has been given.
fn ask_fact(cursor: &mut Cursor) -> Option<AskFact> {
    let name = cursor.name("a fact of the request")?;
    cursor.no_equals();
    let mut values = Vec::new();
    if words::takes_argument(&name.text) {
        values.push(cursor.value("its name in quotes")?);
        values.push(cursor.value("its value in quotes")?);
    } else if words::is_fact(&name.text) && !words::is_flag(&name.text) {
        values.push(cursor.value("its value")?);
    } else if !words::is_flag(&name.text) {
        // An unknown fact may be a misspelt one.
        let is_value = |kind| matches!(kind, Kind::Number | Kind::String | Kind::Word);
        while values.len() < 2 && cursor.peek().is_some_and(|piece| is_value(piece.kind)) {
            values.extend(cursor.value("its value"));
        }
    }
    Some(AskFact { span: cursor.since(name.span), name, values })
}

/// `given TARGET answers STATUS|CLASS [N times] [after D]`
fn given(start: Span, cursor: &mut Cursor) -> Given {
    let target = cursor.name("a provider or a model");
    let reads = cursor.needs("answers", &[Kind::Number]);
    let answers = reads.then(|| status(cursor)).flatten();
    if reads && answers.is_none() {
        // What follows would be taken for what is missing.
        while cursor.next().is_some() {}
    }
    let is_number = cursor.peek().is_some_and(|piece| piece.kind == Kind::Number);
    let is_count = is_number && !cursor.peek().is_some_and(|piece| is_time(piece, cursor));
    let times = if is_count { cursor.value("a number") } else { often(cursor) };
    if is_count {
        cursor.needs("times", &[]);
    }
    let is_time = cursor.peek().is_some_and(|piece| is_time(piece, cursor));
    if is_time {
        cursor.left_out("after");
    }
    let reads = is_time || cursor.take_word("after").is_some();
    let after = reads.then(|| cursor.value("a duration")).flatten();
    Given { span: cursor.since(start), target, answers, times, after }
}

/// `529`, `overloaded`; says so where what may follow it stands in its place.
fn status(cursor: &mut Cursor) -> Option<Value> {
    let what = "a status or a failure class";
    let is_other = cursor.peek().is_some_and(|piece| match piece.kind {
        Kind::Word => matches!(piece.of(cursor.text), "after" | "times" | "once" | "twice"),
        Kind::Number => is_time(piece, cursor) || piece.of(cursor.text).len() < 3,
        _ => false,
    });
    if is_other {
        cursor.wanted(what);
        return None;
    }
    cursor.value(what)
}

fn is_time(piece: Piece, cursor: &Cursor) -> bool {
    let value = || scalar(piece.of(cursor.text));
    piece.kind == Kind::Number && matches!(value(), Ok(ValueKind::Duration(_)))
}

/// `once`, `twice`: said otherwise here, so that there is one way to say it.
fn often(cursor: &mut Cursor) -> Option<Value> {
    let meant = match cursor.word()? {
        "once" => "1 times",
        "twice" => "2 times",
        _ => return None,
    };
    let piece = cursor.next()?;
    super::fact::habit(cursor, piece.range(), meant, meant.to_owned());
    None
}

fn outcome(place: Place, cursor: &mut Cursor) -> Option<Expected> {
    let Some(word) = cursor.word() else {
        cursor.wanted("`answer`, `failure`, `attempts` or `within`");
        return None;
    };
    match word {
        "answer" => {
            cursor.next();
            cursor.needs("from", &[Kind::Word]).then_some(())?;
            let from = cursor.name("a model");
            let after = attempts(place, cursor);
            from.map(|from| Expected::Answer { from, after })
        }
        "failure" => {
            cursor.next();
            let class = cursor.name("a failure class");
            let after = attempts(place, cursor);
            class.map(|class| Expected::Failure { class, after })
        }
        "attempts" => {
            cursor.next();
            cursor.value("a number").map(Expected::Attempts)
        }
        "within" => {
            cursor.next();
            cursor.value("a duration").map(Expected::Within)
        }
        _ => {
            unknown(cursor);
            None
        }
    }
}

fn unknown(cursor: &mut Cursor) {
    let Some(piece) = cursor.next() else { return };
    let written = piece.of(cursor.text).to_owned();
    let nearest = nearest(&written, OUTCOMES);
    let quoted: Vec<_> = OUTCOMES.iter().map(|word| format!("`{word}`")).collect();
    let known = quoted.join(", ");
    cursor.fail(Problem::Unknown { what: "expectation", written, nearest, known }, piece.range());
    while cursor.next().is_some() {}
}

/// `after A, B`
fn attempts(place: Place, cursor: &mut Cursor) -> Option<Vec<Name>> {
    cursor.take_word("after")?;
    Some(name_list(place, "a model", None, cursor))
}

#[cfg(test)]
mod tests;
