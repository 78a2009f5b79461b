//! Statements and blocks whose keyword is missing or stands elsewhere.
//!
//! Owns what they are taken for, so that one slip is one finding; what follows a keyword that is
//! there is read in [`super`].

use super::Lower;
use super::opening::{Known, Opening, not_a_word};
use crate::syntax::outline::{Block, Phrase};
use crate::syntax::pieces::{Kind, Piece};
use crate::syntax::problem::Problem;
use crate::syntax::tree::Broken;
use crate::syntax::words::{self, Place};

/// `{ defaults`: the header stands behind the brace. Gives the phrase as it should be.
pub(super) fn late_header(lower: &mut Lower<'_>, phrase: &Phrase, place: Place) -> Option<Phrase> {
    let block = phrase.block.as_ref().filter(|_| phrase.pieces.is_empty())?;
    let (header, range) = beside_brace(lower, block)?;
    let word = lower.pieces.get(header.pieces.start)?.of(lower.text);
    let is_header = words::needs_block(word) && place.keyword(word).is_some();
    if !is_header || header.block.is_some() {
        return None;
    }
    let (pieces, block) = (header.pieces.clone(), without_first(block));
    report_late(lower, &pieces, range);
    Some(Phrase { pieces, block: Some(block), mended: true })
}

/// `when { stream`: so does the condition.
pub(super) fn late_condition(lower: &mut Lower<'_>, phrase: &Phrase) -> Option<Phrase> {
    let block = phrase.block.as_ref()?;
    let word = |at: usize| lower.pieces.get(at).map_or("", |piece| piece.of(lower.text));
    let last = word(phrase.pieces.end.wrapping_sub(1));
    let is_cut = matches!(last, "when" | "not" | "and" | "or" | "in" | "matches")
        || matches!(last, "==" | "!=" | "<" | "<=" | ">" | ">=");
    let (condition, range) = beside_brace(lower, block)?;
    let first = word(condition.pieces.start);
    if word(phrase.pieces.start) != "when" || !is_cut || Place::Role.keyword(first).is_some() {
        return None;
    }
    let pieces = condition.pieces.clone();
    let mended = Phrase { block: Some(without_first(block)), ..phrase.clone() };
    report_late(lower, &pieces, range);
    Some(mended)
}

/// The first phrase of a block if it stands on the line of the brace and others below it, and the
/// bytes from the one to the other.
fn beside_brace<'b>(
    lower: &Lower<'_>,
    block: &'b Block,
) -> Option<(&'b Phrase, std::ops::Range<usize>)> {
    let first = block.phrases.first()?;
    let open = block.open.filter(|open| open + 1 == first.pieces.start)?;
    let is_alone = |piece: &Piece| piece.kind == Kind::Newline;
    lower.pieces.get(first.pieces.end).filter(|piece| is_alone(piece))?;
    let start = lower.pieces.get(open)?.range().start;
    let end = lower.pieces.get(first.pieces.end.wrapping_sub(1))?.range().end;
    Some((first, start..end))
}

fn without_first(block: &Block) -> Block {
    Block { phrases: block.phrases.iter().skip(1).cloned().collect(), ..block.clone() }
}

fn report_late(
    lower: &mut Lower<'_>,
    pieces: &std::ops::Range<usize>,
    range: std::ops::Range<usize>,
) {
    let own = lower.pieces.get(pieces.clone()).unwrap_or_default();
    let bytes =
        own.first().zip(own.last()).map(|(first, last)| first.range().start..last.range().end);
    let written = bytes.and_then(|bytes| lower.text.get(bytes)).unwrap_or_default().to_owned();
    if !own.iter().any(|piece| piece.kind.is_bad()) {
        let mend = format!("{written} {{");
        lower.report.push(Problem::LateName { written, mend }, range);
    }
}

/// What a block without a header is: `defaults`, where all that is in it may stand there.
pub(super) fn no_header(lower: &mut Lower<'_>, phrase: &Phrase, place: Place) -> Opening {
    let open = phrase.block.as_ref().and_then(|block| block.open);
    let range = open.and_then(|open| lower.pieces.get(open)).map(|piece| piece.range());
    let span = lower.span(phrase);
    let range = range.unwrap_or(span.range());
    let declares = matches!(place, Place::Top | Place::Env);
    let phrases = phrase.block.as_ref().map_or(&[][..], |block| &block.phrases);
    let keyword = |phrase: &Phrase| {
        let first = lower.pieces.get(phrase.pieces.start).map_or("", |piece| piece.of(lower.text));
        Place::Defaults.keyword(first)
    };
    let is_defaults =
        declares && !phrases.is_empty() && phrases.iter().all(|it| keyword(it).is_some());
    let meant = is_defaults.then(|| place.keyword("defaults")).flatten();
    let problem = match declares {
        true => Problem::NoHeader { meant: meant.map(|it| it.text) },
        false => not_a_word(place),
    };
    lower.report.push(problem, range);
    match meant {
        Some(keyword) => Opening::Known(Known { keyword, guessed: true, left_out: true }),
        None => Opening::Broken(Broken { span, meant: None, name: None }),
    }
}

/// A statement of a role without its `when` or `route`, if it is one.
pub(super) fn no_keyword(lower: &mut Lower<'_>, pieces: &[Piece], place: Place) -> Option<Opening> {
    let (first, rest) = pieces.split_first()?;
    let text = |piece: &Piece| piece.of(lower.text);
    let has = |word: &str| rest.iter().any(|piece| piece.kind == Kind::Word && text(piece) == word);
    let is_draw = first.kind == Kind::Number && text(first).ends_with('%');
    let is_fact = words::is_fact(text(first)) || text(first) == "not";
    let joins = rest.first().is_some_and(|next| matches!(next.kind, Kind::Arrow | Kind::Pipe));
    let is_late = rest.first().is_some_and(|next| matches!(text(next), "route" | "when"));
    let word = match () {
        () if is_fact && (has("route") || has("when")) => "when",
        () if is_draw || joins || (is_late && has("route")) => "route",
        () => return None,
    };
    let keyword = place.keyword(word)?;
    let ends = pieces.last().map_or(first.end, |last| last.end);
    if has(word) {
        lower.report.push(Problem::LateKeyword { keyword: keyword.text }, first.range());
        let span = lower.span_of(first.range().start..ends as usize);
        return Some(Opening::Broken(Broken { span, meant: Some(keyword.text), name: None }));
    }
    let before = format!("`{}`", text(first));
    lower.report.push(Problem::LeftOut { word: keyword.text, before }, first.range());
    Some(Opening::Known(Known { keyword, guessed: true, left_out: true }))
}

/// `set { "max_tokens": 5 }`: what other languages write. It is one slip, whatever it holds.
pub(super) fn block_of_entries(
    lower: &mut Lower<'_>,
    phrase: &Phrase,
    keyword: &'static str,
) -> Option<Broken> {
    let block = phrase.block.as_ref()?;
    let takes_entries = matches!(keyword, "set" | "timeout" | "limit" | "price");
    if !takes_entries || phrase.pieces.len() != 1 {
        return None;
    }
    let span = lower.span(phrase);
    let range = span.range();
    let within = block.open.map_or(phrase.pieces.end, |open| open + 1);
    let pieces = lower.pieces.get(within..block.close.unwrap_or(within)).unwrap_or_default();
    let mend = entries(lower.text, pieces).map(|it| (range.clone(), format!("{keyword} {it}")));
    // The colons in it are a part of the same slip.
    let is_in =
        |found: &std::ops::Range<usize>| range.start <= found.start && found.end <= range.end;
    lower.report.findings.retain(|finding| !is_in(&finding.span.range()));
    let open = block.open.and_then(|open| lower.pieces.get(open)).map_or(range, |it| it.range());
    lower.report.push(Problem::BlockOfEntries { header: keyword.to_owned(), mend }, open);
    Some(Broken { span, meant: Some(keyword), name: None })
}

/// `max_tokens 5, top_p 0.9` of what stands between braces; none if it is anything else.
fn entries(text: &str, pieces: &[Piece]) -> Option<String> {
    let is_mark = |piece: &&Piece| {
        let is_colon = piece.kind == Kind::Stray && piece.of(text) == ":";
        is_colon || matches!(piece.kind, Kind::Newline | Kind::Comma | Kind::Equals)
    };
    let values: Vec<&Piece> = pieces.iter().filter(|piece| !is_mark(piece)).collect();
    let bare = |piece: &Piece| {
        let written = piece.of(text);
        let inner = written.trim_matches('"');
        match piece.kind {
            Kind::Number => Some(written.to_owned()),
            Kind::Word | Kind::String if words::is_ident(inner) => Some(inner.to_owned()),
            _ => None,
        }
    };
    let entry = |pair: &[&Piece]| match pair {
        [key, value] if key.kind != Kind::Number => {
            Some(format!("{} {}", bare(key)?, bare(value)?))
        }
        _ => None,
    };
    let all: Option<Vec<String>> = values.chunks(2).map(entry).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(", "))
}
