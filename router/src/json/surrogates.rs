//! Escapes of half a character, which JSON's grammar lets pass and no text can hold.
//!
//! Owns their replacement; that there are any is seen by the scan of [`super`].

use std::borrow::Cow;

/// The length of an escape such as `\ud83d`.
const ESCAPE: usize = 6;

/// The same JSON with `\ufffd` for each surrogate that stands alone. JavaScript writes such a one
/// where a text was cut in the middle of an emoji; some providers refuse it, and none can read it.
#[cold]
#[inline(never)]
pub(crate) fn mended(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut rest, mut is_mended) = (json, false);
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let is_lone = is_lone(escape);
        let (kept, after) = escape.split_at_checked(length(escape)).unwrap_or((escape, ""));
        out.push_str(if is_lone { r"\ufffd" } else { kept });
        (rest, is_mended) = (after, is_mended || is_lone);
    }
    if !is_mended {
        return Cow::Borrowed(json);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn is_lone(escape: &str) -> bool {
    unit(escape).is_some_and(|unit| (0xD800..=0xDFFF).contains(&unit)) && !is_pair(escape)
}

fn is_pair(escape: &str) -> bool {
    let second = escape.get(ESCAPE..).and_then(unit);
    unit(escape).is_some_and(|unit| (0xD800..=0xDBFF).contains(&unit))
        && second.is_some_and(|unit| (0xDC00..=0xDFFF).contains(&unit))
}

/// How much of a text that begins with an escape is one character.
fn length(escape: &str) -> usize {
    match unit(escape) {
        Some(_) if is_pair(escape) => 2 * ESCAPE,
        Some(_) => ESCAPE,
        None => 2,
    }
}

/// The UTF-16 unit that a text begins with, as an escape.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(r"\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Letters, both halves of emoji, and what is escaped otherwise.
    fn units() -> impl Strategy<Value = Vec<u16>> {
        let one = prop_oneof![
            Just(0xD83D_u16),
            Just(0xDE00),
            0xD800_u16..=0xDFFF,
            Just(u16::from(b'\\')),
            Just(u16::from(b'"')),
            Just(u16::from(b'u')),
            Just(u16::from(b'd')),
            0x20_u16..0x80,
            Just(0x00E9),
        ];
        prop::collection::vec(one, 0..24)
    }

    /// As `JSON.stringify` does: only what has to be is escaped, in either case.
    fn stringified(units: &[u16]) -> String {
        let escaped = |unit: u16| match unit {
            0x22 => r#"\""#.to_owned(),
            0x5C => r"\\".to_owned(),
            unit if unit % 3 == 0 => format!(r"\u{unit:04X}"),
            unit => char::from_u32(unit.into()).map_or(format!(r"\u{unit:04x}"), String::from),
        };
        let text: String = units.iter().map(|unit| escaped(*unit)).collect();
        format!("\"{}\"", text.replace('\u{7f}', ""))
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_a_lossy_reader_reads(units in units()) {
            let units: Vec<u16> = units.into_iter().filter(|unit| *unit != 0x7f).collect();
            let text = stringified(&units);
            let read: String = serde_json::from_str(&mended(&text)).expect("a text");
            prop_assert_eq!(read, String::from_utf16_lossy(&units), "{}", text);
        }
    }

    #[test]
    fn what_is_whole_is_left_alone() {
        for text in [r#""\ud83d\ude00 \\ud83d \u0041""#, "{}", r#"{"a":"\n"}"#] {
            assert!(matches!(mended(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
