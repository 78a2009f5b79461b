//! The statements of a client.
//!
//! Owns what follows each of their keywords; blocks and declarations are in [`super::lower`].

use super::cursor::Cursor;
use super::pieces::Kind;
use super::provider::api_key;
use super::tree::{Broken, Budget, ClientStatement, Names, RateLimit};
use super::words::Place;
use crate::span::Span;

/// The statement of a known keyword, which has just been taken.
pub(crate) fn client_statement(
    keyword: &'static str,
    start: Span,
    place: Place,
    cursor: &mut Cursor,
) -> ClientStatement {
    match keyword {
        "key" => ClientStatement::Key(api_key(start, cursor)),
        "allow" => ClientStatement::Allow(allow(start, place, cursor)),
        "limit" => ClientStatement::Limit(limit(start, cursor)),
        "budget" => ClientStatement::Budget(budget(start, cursor)),
        meant => ClientStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}

/// `allow ROLE, …`
fn allow(start: Span, place: Place, cursor: &mut Cursor) -> Names {
    cursor.no_equals();
    let mut names = Vec::new();
    loop {
        let left = cursor.end();
        names.extend(cursor.role_name());
        if cursor.end() == left || !cursor.comma(place, None) {
            return Names { span: cursor.since(start), names };
        }
    }
}

/// `limit COUNT [requests|tokens] per D`
fn limit(start: Span, cursor: &mut Cursor) -> RateLimit {
    cursor.no_equals();
    let what = "a number of requests or tokens";
    if cursor.word() == Some("per") {
        cursor.wanted(what);
        return RateLimit { span: cursor.since(start), count: None, of: None, per: None };
    }
    let count = cursor.value(what);
    let is_per = cursor.word().is_none_or(|word| word == "per");
    let of = if is_per { None } else { cursor.name("`requests` or `tokens`") };
    let per = match cursor.needs("per", &[Kind::Number]) {
        true => cursor.value("a duration"),
        false => None,
    };
    RateLimit { span: cursor.since(start), count, of, per }
}

/// `budget $X per day`
fn budget(start: Span, cursor: &mut Cursor) -> Budget {
    cursor.no_equals();
    let amount = cursor.value("an amount such as `$20`");
    let per = match cursor.needs("per", &[Kind::Word]) {
        true => cursor.name("`hour`, `day`, `week` or `month`"),
        false => None,
    };
    Budget { span: cursor.since(start), amount, per }
}

#[cfg(test)]
mod tests;
