//! `when` and `otherwise`.
//!
//! Owns what stands between a condition and what it guards; conditions are read in
//! [`super::condition`], routes in [`super::route`].

use super::condition::condition;
use super::cursor::Cursor;
use super::pieces::Kind;
use super::problem::Problem;
use super::route::route;
use super::statement::statement;
use super::tree::{Otherwise, Route, Then, When};
use super::words::Place;
use crate::span::Span;

/// `when COND route …`, and `when COND` before a block, whose statements are read elsewhere.
pub(crate) fn when(start: Span, place: Place, cursor: &mut Cursor) -> When {
    cursor.no_equals();
    let condition = condition(cursor);
    let then = then(place, cursor);
    When { span: cursor.since(start), condition, then }
}

fn then(place: Place, cursor: &mut Cursor) -> Then {
    let Some(piece) = cursor.peek() else {
        if cursor.block.is_some() {
            return Then::Block(Vec::new());
        }
        cursor.wanted("`route`, or a block,");
        return Then::Route(None);
    };
    if let Some(keyword) = cursor.word().and_then(|word| Place::When.keyword(word)) {
        let mend = cursor.block.is_none().then(|| (piece.range().start, cursor.end_of_all()));
        cursor.fail(Problem::NoGuardBlock { keyword: keyword.text, mend }, piece.range());
        cursor.next();
        let guarded = statement(keyword.text, cursor.span(piece), Place::When, cursor);
        return Then::Block(vec![guarded]);
    }
    Then::Route(guarded_route(place, cursor))
}

/// The `route` that is guarded; none if there is none or it could not be read.
fn guarded_route(place: Place, cursor: &mut Cursor) -> Option<Route> {
    let start = cursor.span(cursor.peek()?);
    if !cursor.needs("route", &[Kind::Number]) {
        return None;
    }
    let route = route(start, place, cursor);
    (!route.chain.is_empty() || !route.draw.is_empty()).then_some(route)
}

/// `otherwise route …`; none where something else than a route is guarded, since that is no arm.
pub(crate) fn otherwise(start: Span, place: Place, cursor: &mut Cursor) -> Option<Otherwise> {
    cursor.no_equals();
    let guarded = cursor.word().filter(|word| Place::When.keyword(word).is_some());
    if guarded.is_some() || (cursor.is_done() && cursor.block.is_some()) {
        let range = cursor.last().map_or(0..0, |piece| piece.range());
        cursor.fail(Problem::OtherwiseBlock, range);
        while cursor.next().is_some() {}
        return None;
    }
    // `otherwise gpt -> sonnet`
    let is_chain = cursor.word().is_some_and(|word| place.keyword(word).is_none())
        && cursor.ahead(1).is_none_or(|next| matches!(next.kind, Kind::Arrow | Kind::Pipe));
    let route = match is_chain {
        true => {
            cursor.left_out("route");
            let span = cursor.peek().map_or(start, |piece| cursor.span(piece));
            Some(route(span, place, cursor))
        }
        false => guarded_route(place, cursor),
    };
    if route.is_none() {
        cursor.wanted("`route`");
    }
    Some(Otherwise { span: cursor.since(start), route })
}
