//! Facts and what they are compared with.
//!
//! Owns comparisons, and what people who know other languages write for them; which facts there
//! are and what may be compared with what is for [`crate::resolve`].

use std::ops::Range;

use super::cursor::Cursor;
use super::pieces::{Kind, Piece};
use super::problem::Problem;
use super::tree::{Comparison, Condition, Fact, Operator, Test, Value, ValueKind};
use super::words;
use crate::span::Span;

/// Not to be read; its finding has been given.
pub(crate) struct Failed;

/// What could be read.
pub(crate) type Read<T> = Result<T, Failed>;

/// A fact alone or compared.
pub(crate) fn test(cursor: &mut Cursor) -> Read<Condition> {
    if let Some((problem, range)) = turned(cursor).or_else(|| late_fact(cursor)) {
        cursor.fail(problem, range);
        return Err(Failed);
    }
    let Some(piece) = cursor.peek().filter(|piece| may_be_operand(*piece, cursor)) else {
        cursor.wanted("a condition");
        return Err(Failed);
    };
    let start = cursor.span(piece);
    let name = cursor.name("a fact").ok_or(Failed)?;
    let argument = match words::takes_argument(&name.text) {
        true => Some(argument(&name.text, cursor)?),
        false => None,
    };
    let fact = Fact { span: cursor.since(start), name, argument };
    let comparison = comparison(start, cursor)?;
    Ok(Condition::Test(Box::new(Test { span: cursor.since(start), fact, comparison })))
}

/// The name of a header in quotes.
fn argument(fact: &str, cursor: &mut Cursor) -> Read<Value> {
    if let Some(piece) = cursor.peek().filter(|piece| piece.kind == Kind::Word)
        && !is_operator_word(piece.of(cursor.text))
    {
        let name = piece.of(cursor.text).to_owned();
        cursor.fail(Problem::WantsQuotes { name }, piece.range());
        return Err(Failed);
    }
    if cursor.peek().is_some_and(|piece| piece.kind == Kind::String) {
        return cursor.value("a name in quotes").ok_or(Failed);
    }
    cursor.wanted(&format!("the name of the {fact} in quotes"));
    Err(Failed)
}

/// Whether a word can be a fact or a value here, and is not one of the condition's own.
fn may_be_operand(piece: Piece, cursor: &Cursor) -> bool {
    let word = piece.of(cursor.text);
    if piece.kind != Kind::Word || !is_own(word) {
        return true;
    }
    let own = |next: Piece| next.kind == Kind::Word && is_own(next.of(cursor.text));
    let closes = |next: Piece| next.kind == Kind::Comma || cursor.is_mark(next, ")");
    cursor.ahead(1).is_none_or(|next| own(next) || closes(next))
}

/// Whether a word has a meaning of its own in conditions.
fn is_own(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "in" | "matches" | "route")
}

fn is_operator_word(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "in" | "is" | "matches" | "contains" | "route")
}

/// A value before its fact: `200_000 < tokens`.
fn turned(cursor: &Cursor) -> Option<(Problem, Range<usize>)> {
    let value = cursor.peek().filter(|p| matches!(p.kind, Kind::Number | Kind::String))?;
    let operator = cursor.ahead(1)?;
    let fact = cursor.ahead(2).filter(|piece| piece.kind == Kind::Word)?;
    let turned = match operator.of(cursor.text) {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same @ ("==" | "!=") => same,
        _ => return None,
    };
    let (value, written) = (value.of(cursor.text), value.range());
    // `header "x"` is one fact of two pieces.
    let argument = cursor.ahead(3).filter(|piece| piece.kind == Kind::String);
    let argument = argument.filter(|_| words::takes_argument(fact.of(cursor.text)));
    let end = argument.map_or(fact.end, |piece| piece.end) as usize;
    let fact = cursor.text.get(fact.range().start..end).unwrap_or_default();
    let mend = format!("{fact} {turned} {value}");
    let range = written.start..end;
    Some((Problem::Turned { mend }, range))
}

/// A name before the fact that asks for it: `"x-team" header`.
fn late_fact(cursor: &Cursor) -> Option<(Problem, Range<usize>)> {
    let name = cursor.peek().filter(|piece| piece.kind == Kind::String)?;
    let fact = cursor.ahead(1).filter(|piece| words::takes_argument(piece.of(cursor.text)))?;
    let written = fact.of(cursor.text).to_owned();
    let mend = format!("{written} {}", name.of(cursor.text));
    Some((Problem::LateFact { fact: written, mend }, name.range().start..fact.range().end))
}

/// Whether a mark compares.
pub(crate) fn is_comparison(mark: &str) -> bool {
    marked(mark).is_some()
}

fn marked(mark: &str) -> Option<Operator> {
    Some(match mark {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        ">" => Operator::Greater,
        ">=" => Operator::AtLeast,
        _ => return None,
    })
}

/// How the fact that starts at `start` is compared; none if it stands alone.
fn comparison(start: Span, cursor: &mut Cursor) -> Read<Option<Comparison>> {
    let Some(piece) = cursor.peek() else { return Ok(None) };
    let operator = match piece.kind {
        Kind::Operator | Kind::Equals => marks(cursor),
        Kind::Word => operator_word(start, cursor)?,
        _ => None,
    };
    let Some(operator) = operator else { return Ok(None) };
    let operator_span = cursor.since(cursor.span(piece));
    let (values, is_whole) = match operator {
        Operator::In => list(cursor)?,
        _ => one(cursor)?,
    };
    let span = cursor.since(operator_span);
    Ok(Some(Comparison { span, operator, operator_span, values, is_whole }))
}

/// Takes the marks of an operator, those of other languages too.
fn marks(cursor: &mut Cursor) -> Option<Operator> {
    let first = cursor.peek()?;
    let second = cursor.ahead(1).filter(|next| next.start == first.end);
    let second = second.filter(|next| matches!(next.kind, Kind::Operator | Kind::Equals));
    let both = second.and_then(|second| cursor.text.get(first.range().start..second.range().end));
    let meant = match both {
        Some("===" | "=!=") => Some(Operator::Equal),
        Some("<>" | "!==") => Some(Operator::NotEqual),
        Some("=>") => Some(Operator::AtLeast),
        Some("=<") => Some(Operator::AtMost),
        _ => None,
    };
    if let (Some(meant), Some(second)) = (meant, second) {
        cursor.next();
        cursor.next();
        let range = first.range().start..second.range().end;
        habit(cursor, range, meant.text(), meant.text().to_owned());
        return Some(meant);
    }
    if first.kind == Kind::Equals {
        cursor.next();
        habit(cursor, first.range(), "==", "==".to_owned());
        return Some(Operator::Equal);
    }
    let operator = marked(first.of(cursor.text))?;
    cursor.next();
    Some(operator)
}

/// Takes the word of an operator, those of other languages too.
fn operator_word(start: Span, cursor: &mut Cursor) -> Read<Option<Operator>> {
    let Some(piece) = cursor.peek() else { return Ok(None) };
    let written = piece.of(cursor.text);
    let lower = written.to_ascii_lowercase();
    let next = cursor.ahead(1);
    let operator = match lower.as_str() {
        "in" => Operator::In,
        "matches" | "like" | "glob" => Operator::Matches,
        "is" if next.is_some_and(|next| cursor.is_word(next, "not")) => {
            cursor.next();
            Operator::NotEqual
        }
        "is" | "equals" | "equal" | "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "lt" | "under" | "below" => Operator::Less,
        "le" | "lte" => Operator::AtMost,
        "gt" | "over" | "above" => Operator::Greater,
        "ge" | "gte" => Operator::AtLeast,
        "not" => return Err(late_not(start, piece, cursor)),
        "contains" | "starts_with" | "startswith" | "ends_with" | "endswith" => {
            return Err(part_of_text(&lower, cursor));
        }
        _ => return Ok(None),
    };
    cursor.next();
    if written != operator.text() {
        let range = piece.range().start..cursor.end();
        habit(cursor, range, operator.text(), operator.text().to_owned());
    }
    Ok(Some(operator))
}

/// `client not in (…)`
fn late_not(start: Span, not: Piece, cursor: &mut Cursor) -> Failed {
    let after = cursor.ahead(1).map_or(not.range().end, |next| next.range().start);
    let problem = Problem::LateNot { first: start.range().start, not: not.range().start..after };
    cursor.fail(problem, not.range());
    Failed
}

/// `header "x" contains "y"`
fn part_of_text(word: &str, cursor: &mut Cursor) -> Failed {
    let Some(operator) = cursor.next() else { return Failed };
    let value = cursor.peek().filter(|piece| piece.kind == Kind::String);
    let inner = value.map_or("…", |piece| piece.of(cursor.text).trim_matches('"'));
    let glob = match word {
        "contains" => format!("matches \"*{inner}*\""),
        "starts_with" | "startswith" => format!("matches \"{inner}*\""),
        _ => format!("matches \"*{inner}\""),
    };
    let is_plain = !inner.contains(['*', '?', '\\', '"']);
    let mend = value.filter(|_| is_plain).map(|piece| operator.range().start..piece.range().end);
    let written = operator.of(cursor.text).to_owned();
    cursor.fail(Problem::PartOfText { written, glob, mend }, operator.range());
    Failed
}

/// Says that `range` is written `meant` here, and goes on as if it were.
pub(crate) fn habit(cursor: &mut Cursor, range: Range<usize>, meant: &'static str, mend: String) {
    let written = cursor.text.get(range.clone()).unwrap_or_default().to_owned();
    cursor.fail(Problem::Habit { written, meant, mend }, range);
}

/// The value after an operator.
fn one(cursor: &mut Cursor) -> Read<(Vec<Value>, bool)> {
    if cursor.peek().is_some_and(|piece| !may_be_operand(piece, cursor)) {
        cursor.wanted("a value");
        return Err(Failed);
    }
    let value = cursor.value("a value").ok_or(Failed)?;
    let is_whole = value.kind != ValueKind::Broken;
    Ok((Vec::from_iter(is_whole.then_some(value)), is_whole))
}

/// The values after `in`.
fn list(cursor: &mut Cursor) -> Read<(Vec<Value>, bool)> {
    let Some(open) = cursor.take_mark("(") else { return Err(bare_list(cursor)) };
    let (mut values, mut is_whole) = (Vec::new(), true);
    loop {
        let (read, whole) = one(cursor)?;
        values.extend(read);
        is_whole &= whole;
        let Some(next) = cursor.peek() else { break };
        if next.kind == Kind::Comma {
            cursor.next();
            if cursor.peek().is_some_and(|piece| cursor.is_mark(piece, ")")) {
                cursor.fail(Problem::DanglingComma, next.range());
            }
        } else if matches!(next.kind, Kind::String | Kind::Number)
            || (next.kind == Kind::Word && may_be_operand(next, cursor))
        {
            let left = cursor.last().map_or_else(String::new, |last| cursor.describe(last));
            let (right, mend_at) = (cursor.describe(next), cursor.end());
            cursor.fail(Problem::MissingComma { left, right, mend_at }, next.range());
        }
        if cursor.take_mark(")").is_some() {
            return Ok((values, is_whole));
        }
        if next.kind != Kind::Comma && !cursor.silenced {
            break;
        }
    }
    let mend_at = cursor.end();
    cursor.fail(Problem::OpenParenthesis { mend_at }, open.range());
    Err(Failed)
}

/// `in ci, ada`
fn bare_list(cursor: &mut Cursor) -> Failed {
    let first = cursor.peek().map(Piece::range);
    let mut any = false;
    while cursor.peek().is_some_and(|piece| {
        matches!(piece.kind, Kind::Word | Kind::String | Kind::Number)
            && may_be_operand(piece, cursor)
    }) {
        cursor.next();
        any = true;
        if cursor.take(Kind::Comma).is_none() {
            break;
        }
    }
    match first.filter(|_| any) {
        Some(first) => {
            let mend = first.start..cursor.end();
            cursor.fail(Problem::BareList { mend: mend.clone() }, mend);
        }
        None => cursor.wanted("values in parentheses"),
    }
    Failed
}
