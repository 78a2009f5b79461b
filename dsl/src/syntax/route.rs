//! What follows `route`: the draw and the chain.
//!
//! Owns links, shares and what joins them; what the names mean is for [`crate::resolve`].

use super::cursor::Cursor;
use super::fact::habit;
use super::pieces::{Kind, Piece};
use super::problem::Problem;
use super::tree::{Link, Number, Route, Value, ValueKind, Weighted};
use super::words::Place;
use crate::span::Span;

/// `route A -> B -> C`, `route 90% A | 10% B -> C`
pub(crate) fn route(start: Span, place: Place, cursor: &mut Cursor) -> Route {
    cursor.no_equals();
    let is_drawn = is_drawn(cursor);
    let draw = if is_drawn { draw(place, cursor) } else { Vec::new() };
    let mut chain = cursor.room(Kind::Arrow);
    let mut goes_on = !is_drawn || arrow(place, cursor);
    while goes_on {
        let end = cursor.end();
        late_weight(is_drawn || !chain.is_empty(), cursor);
        chain.extend(link(cursor));
        goes_on = cursor.end() != end && (late_pipe(cursor) || arrow(place, cursor));
    }
    Route { span: cursor.since(start), draw, chain }
}

/// Whether the first link is drawn.
fn is_drawn(cursor: &Cursor) -> bool {
    let Some(first) = cursor.peek() else { return false };
    let next = cursor.ahead(1);
    first.kind == Kind::Number
        || next.is_some_and(|next| is_pipe(next, cursor))
        || next.is_some_and(|next| next.kind == Kind::Number)
        // The share is a constant.
        || (next.is_some_and(|next| next.kind == Kind::Word)
            && cursor.ahead(2).is_some_and(|next| is_pipe(next, cursor)))
}

fn is_pipe(piece: Piece, cursor: &Cursor) -> bool {
    piece.kind == Kind::Pipe || cursor.is_mark(piece, "||")
}

/// The links before the first `->`. If one of them cannot be read, none has a share: what they
/// add up to is then nobody's business.
fn draw(place: Place, cursor: &mut Cursor) -> Vec<Weighted> {
    let mut parts: Vec<Weighted> = Vec::new();
    let mut missing: Vec<Piece> = Vec::new();
    let mut is_whole = true;
    loop {
        let Some(first) = cursor.peek() else {
            cursor.wanted("a share and a model");
            break;
        };
        let share = share(place, cursor);
        let at = cursor.peek();
        let link = link(cursor);
        let is_late = late_share(at, cursor);
        if let (true, None, Some(at)) = (!is_late && share == Share::Missing, &link, at)
            && at.kind != Kind::Word
        {
            break;
        }
        if !is_late && share == Share::Missing {
            missing.extend(at);
        }
        let share = share.value();
        is_whole &= share.is_some() && link.is_some();
        let span = cursor.since(cursor.span(first));
        parts.extend(link.map(|link| Weighted { span, share, link }));
        if !pipe(place, cursor) {
            break;
        }
    }
    if let Some(first) = missing.first() {
        let mend = rest(&parts).filter(|_| missing.len() == 1);
        cursor.fail(Problem::MissingShare { mend }, first.range());
    }
    if !is_whole {
        parts.iter_mut().for_each(|part| part.share = None);
    }
    parts
}

/// What the shares leave of 100 %, if all of them but one are known.
fn rest(parts: &[Weighted]) -> Option<u32> {
    let shares = parts.iter().filter_map(|part| part.share.as_ref());
    let sum = shares.map(|share| match share.kind {
        ValueKind::Share(percent) => percent,
        _ => 100,
    });
    100_u32.checked_sub(sum.fold(0, u32::saturating_add)).filter(|rest| *rest > 0)
}

#[derive(PartialEq)]
enum Share {
    Read(Value),
    /// Not to be read; its finding has been given.
    Broken,
    Missing,
}

impl Share {
    fn value(self) -> Option<Value> {
        match self {
            Self::Read(value) => Some(value),
            Self::Broken | Self::Missing => None,
        }
    }
}

fn share(place: Place, cursor: &mut Cursor) -> Share {
    let Some(piece) = cursor.peek() else { return Share::Missing };
    let goes_on = cursor.ahead(1).filter(|next| next.kind == Kind::Word);
    let is_constant = piece.kind == Kind::Word
        && goes_on.is_some_and(|next| place.keyword(next.of(cursor.text)).is_none());
    if piece.kind != Kind::Number && !is_constant {
        return Share::Missing;
    }
    let Some(value) = cursor.value("a share such as `90%`") else { return Share::Broken };
    match value.kind {
        ValueKind::Share(_) | ValueKind::Ident(_) => Share::Read(value),
        ValueKind::Number(number) => {
            let mend = percent(number);
            let help = "a share is written in whole percents, as in `90%`";
            let why = "a share without `%`";
            cursor.fail(Problem::Scalar { why, help, mend }, value.span.range());
            Share::Broken
        }
        ValueKind::Broken => Share::Broken,
        _ => {
            let found = value.describe().to_owned();
            let what = "a share such as `90%`".to_owned();
            cursor.fail(Problem::Expected { what, found }, value.span.range());
            Share::Broken
        }
    }
}

/// The share that a plain number means.
fn percent(number: Number) -> Option<String> {
    let percent = match number {
        Number::Integer(value) => value as f64,
        Number::Decimal(value) => value * 100.0,
    };
    let is_share = (0.0..=100.0).contains(&percent) && (percent - percent.round()).abs() < 1e-9;
    is_share.then(|| format!("{percent:.0}%"))
}

/// A share after its model: `A 90%`.
fn late_share(model: Option<Piece>, cursor: &mut Cursor) -> bool {
    let Some(model) = model.filter(|piece| piece.kind == Kind::Word) else { return false };
    let Some(share) = cursor.peek().filter(|piece| piece.kind == Kind::Number) else {
        return false;
    };
    // `90% A 10% B` lacks a `|`.
    if cursor.ahead(1).is_some_and(|next| next.kind == Kind::Word) {
        return false;
    }
    cursor.next();
    let mend = format!("{} {}", share.of(cursor.text), model.of(cursor.text));
    let range = model.range().start..share.range().end;
    cursor.fail(Problem::LateShare { mend }, range);
    true
}

/// Takes the `|` between two links of a draw; says so if it is missing or written otherwise.
fn pipe(place: Place, cursor: &mut Cursor) -> bool {
    let Some(next) = cursor.peek() else { return false };
    if cursor.take(Kind::Pipe).is_some() {
        return true;
    }
    let end = cursor.end();
    if cursor.is_mark(next, "||") {
        cursor.next();
        habit(cursor, next.range(), "|", "|".to_owned());
        return true;
    }
    let starts = |piece: Option<Piece>| piece.is_some_and(|piece| piece.kind == Kind::Number);
    let is_comma = next.kind == Kind::Comma && starts(cursor.ahead(1));
    if is_comma {
        cursor.next();
    }
    if is_comma || (starts(Some(next)) && !cursor.opens_statement(place)) {
        let mend = end..if is_comma { next.range().end } else { end };
        cursor.fail(Problem::MissingPipe { mend }, next.range());
        return true;
    }
    false
}

/// A share where nothing is drawn any more.
fn late_weight(is_late: bool, cursor: &mut Cursor) {
    if let Some(piece) = cursor.peek().filter(|piece| is_late && piece.kind == Kind::Number) {
        cursor.fail(Problem::LateWeight, piece.range());
        cursor.next();
    }
}

/// A `|` where nothing is drawn any more.
fn late_pipe(cursor: &mut Cursor) -> bool {
    let Some(piece) = cursor.peek().filter(|piece| is_pipe(*piece, cursor)) else { return false };
    cursor.fail(Problem::LateWeight, piece.range());
    cursor.next();
    true
}

fn link(cursor: &mut Cursor) -> Option<Link> {
    if let Some(piece) = cursor.peek()
        && piece.kind == Kind::Word
        && piece.of(cursor.text).contains('/')
    {
        cursor.next();
        let why = "a chain names declared models, not their ids";
        let help = "declare `model NAME = PROVIDER/MODEL-ID` and write NAME here";
        cursor.report.push(Problem::Scalar { why, help, mend: None }, piece.range());
        return None;
    }
    let model = cursor.name("a model")?;
    Some(Link { span: model.span, model })
}

/// Takes the arrow between two links; says so if it is missing or written otherwise.
fn arrow(place: Place, cursor: &mut Cursor) -> bool {
    let Some(next) = cursor.peek() else { return false };
    match next.kind {
        Kind::Arrow => {
            cursor.next();
            true
        }
        Kind::Comma if cursor.ahead(1).is_none() => {
            cursor.next();
            cursor.fail(Problem::DanglingComma, next.range());
            false
        }
        Kind::Comma | Kind::Equals => {
            cursor.next();
            let tip = cursor.take_mark(">").map_or(next.end, |tip| tip.end);
            let mend = if next.kind == Kind::Comma { " ->" } else { "->" };
            not_an_arrow(cursor, next.range().start..tip as usize, mend);
            true
        }
        Kind::Operator if cursor.is_mark(next, ">") => {
            cursor.next();
            not_an_arrow(cursor, next.range(), "->");
            true
        }
        Kind::Word if !cursor.opens_statement(place) => {
            let mend_at = cursor.end();
            let left = cursor.last().map_or_else(String::new, |last| cursor.describe(last));
            let right = cursor.describe(next);
            cursor.fail(Problem::MissingArrow { left, right, mend_at }, next.range());
            true
        }
        _ => false,
    }
}

fn not_an_arrow(cursor: &mut Cursor, range: std::ops::Range<usize>, mend: &str) {
    let (why, help) = ("links are joined by `->`", "a chain is written `A -> B -> C`");
    cursor.fail(Problem::Scalar { why, help, mend: Some(mend.to_owned()) }, range);
}

#[cfg(test)]
mod tests;
