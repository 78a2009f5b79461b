//! The commonest pieces, cut without the grammar.
//!
//! Owns a short cut alone: what a piece is says `grammar.pest`, which goes on where anything else
//! stands than what is read here. A test holds both to each other.
//!
//! pest keeps a record of all it tries, some 180 instructions for each byte; that was half of the
//! time that reading takes.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::pieces::{Kind, Piece, piece};

/// Cuts a part of a text into pieces for as long as they are of the commonest, and gives the byte
/// from which on the grammar has to.
pub(super) fn cut(text: &str, part: Range<usize>, found: &mut Vec<Piece>) -> usize {
    let bytes = text.as_bytes().get(..part.end).unwrap_or_default();
    let mut at = part.start;
    while let Some(first) = bytes.get(at).copied() {
        if matches!(first, b' ' | b'\t') {
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((kind, length)) = next(first, rest) else { return at };
        found.push(piece(kind, at..at + length));
        at += length;
    }
    at
}

/// What `rest` begins with, and its length; none if that is for the grammar.
fn next(first: u8, rest: &[u8]) -> Option<(Kind, usize)> {
    let second = rest.get(1).copied().unwrap_or_default();
    let double = |kind, or| if second == first { (kind, 2) } else { (or, 1) };
    let compares = if second == b'=' { 2 } else { 1 };
    Some(match first {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Kind::Word, word(rest)?),
        b'\n' => (Kind::Newline, 1),
        b'\r' if second == b'\n' => (Kind::Newline, 2),
        b',' => (Kind::Comma, 1),
        b'-' if second == b'>' => (Kind::Arrow, 2),
        b'{' => (Kind::Open, 1),
        b'}' => (Kind::Close, 1),
        b'0'..=b'9' => (Kind::Number, number(rest, 1)),
        b'-' | b'$' if second.is_ascii_digit() => (Kind::Number, number(rest, 2)),
        b'"' if rest.starts_with(QUOTES) => (Kind::Text, text(rest)?),
        b'"' => (Kind::String, string(rest)?),
        b'=' => double(Kind::Operator, Kind::Equals),
        b'|' => double(Kind::Operator, Kind::Pipe),
        b'>' | b'<' | b'!' => (Kind::Operator, compares),
        b'(' | b')' => (Kind::Operator, 1),
        b'&' if second == b'&' => (Kind::Operator, 2),
        b'.' if second == b'.' => (Kind::Range, 2),
        b'#' => (Kind::Comment, comment(rest)),
        _ => return None,
    })
}

const QUOTES: &[u8] = b"\"\"\"";

/// How many bytes from `from` on are such.
fn run(rest: &[u8], from: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = rest.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// None if it may go on beyond ASCII.
fn word(rest: &[u8]) -> Option<usize> {
    let mut end = run(rest, 0, is_word);
    loop {
        let dashes = run(rest, end, |byte| byte == b'-');
        let more = run(rest, end + dashes, is_word);
        if dashes == 0 || more == 0 {
            break;
        }
        end += dashes + more;
    }
    if rest.get(end) == Some(&b'/') {
        end += run(rest, end, |byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'#'));
    }
    rest.get(end).is_none_or(u8::is_ascii).then_some(end)
}

/// A number whose first `from` bytes have been seen.
fn number(rest: &[u8], from: usize) -> usize {
    let mut end = from;
    loop {
        end += run(rest, end, |byte| is_word(byte) || byte == b'%');
        let is_digit = rest.get(end + 1).is_some_and(u8::is_ascii_digit);
        if rest.get(end) != Some(&b'.') || !is_digit {
            return end;
        }
        end += 1;
    }
}

/// One that is closed and has no escapes.
fn string(rest: &[u8]) -> Option<usize> {
    let within = rest.get(1..)?;
    let end = memchr3(b'"', b'\\', b'\n', within)?;
    (within.get(end) == Some(&b'"')).then_some(end + 2)
}

/// One that is closed, with no line that could be a header: those begin at the very left.
fn text(rest: &[u8]) -> Option<usize> {
    let within = rest.get(QUOTES.len()..)?;
    let end = memmem::find(within, QUOTES)?;
    let within = within.get(..end)?;
    let is_plain = |newline: usize| {
        within.get(newline + 1).is_none_or(|next| matches!(next, b' ' | b'\t' | b'\n' | b'\r'))
    };
    memchr_iter(b'\n', within).all(is_plain).then_some(end + 2 * QUOTES.len())
}

fn comment(rest: &[u8]) -> usize {
    match memchr(b'\n', rest) {
        Some(end) => end - usize::from(rest.get(end - 1) == Some(&b'\r')),
        None => rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pieces::by_grammar;
    use super::super::problem::Report;
    use super::*;
    use crate::span::FileId;

    fn same(text: &str) {
        let mut report = Report::new(FileId(0));
        let mut by_hand = Vec::new();
        let rest = cut(text, 0..text.len(), &mut by_hand);
        let mut all = Vec::new();
        by_grammar(text, 0..text.len(), &mut all, &mut report);
        let before = all.iter().take_while(|piece| (piece.start as usize) < rest).copied();
        assert_eq!(by_hand, before.collect::<Vec<_>>(), "{text:?}");
        // What is left is cut the same by itself, but for a mark that only a file begins with.
        if !text.get(rest..).unwrap().starts_with('\u{feff}') {
            by_grammar(text, rest..text.len(), &mut by_hand, &mut report);
            assert_eq!(by_hand, all, "{text:?}");
        }
    }

    #[test]
    fn what_is_common_is_cut_as_the_grammar_says() {
        for text in [
            "role a-b--c like d- {\r\n  route 90% a|10% b->c\n}\n",
            "model x = openai/gpt-5.4{ # now\n price input $3, output -1 $x - -> --> 1..2 1.5.x 1.\n",
            "a \"\" \"b\" \"\\\"\" \"\"\" c\n d\n\"\"\" \"open\n \"\"\"never\n",
            "\"\"\"a\nrole x {\n\"\"\"\n\"\"\"a\nb\"\"\"\n\"\"\"\"\"\"\"\n",
            "== = || | >= > <= < != ! ( ) && & .. . é aé a/é a/b/c#d # c\r\r\n#\n#",
            "\u{feff}role a {}\n\u{feff}\n",
            "\r a\r\n_ 1_0ms",
        ] {
            same(text);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_common_is_cut_as_the_grammar_says(
            text in "([a-c_/é1.$%=|<>!&(){}#\\\\\"'\r\n\t ,-]|\"\"\"|\n  |role a \\{|->|\\.\\.|\u{feff}){0,30}"
        ) {
            same(&text);
        }
    }
}
