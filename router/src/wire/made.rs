//! Texts made of a client's where an upstream takes no such ones: names, ids.
//!
//! Owns how they are made; which are is its callers' to say. One is made of the client's text
//! alone, so that it is the same in every turn and in every version of the router.

use std::borrow::Cow;

use crate::anthropic::quoted;
use crate::json;

/// What stands in a made text between its beginning and its hash.
pub(crate) const MARK: &str = "_sfai_";

/// The digits of the hash.
const DIGITS: usize = 16;

/// A JSON string, or the one that stands for it where it has more than `longest` characters.
pub(crate) fn short(raw: &str, longest: usize) -> Cow<'_, str> {
    // Quotes and escapes only make it longer.
    if raw.len() <= longest {
        return Cow::Borrowed(raw);
    }
    match json::decode(raw).filter(|text| text.chars().count() > longest) {
        Some(text) => Cow::Owned(quoted(&made(&text, longest))),
        None => Cow::Borrowed(raw),
    }
}

/// The beginning of a text in characters that every provider takes, and its hash.
#[cold]
#[inline(never)]
pub(crate) fn made(text: &str, longest: usize) -> String {
    let plain = text.chars().map(|c| if is_plain(c) { c } else { '_' });
    let kept: String = plain.take(longest.saturating_sub(MARK.len() + DIGITS)).collect();
    format!("{kept}{MARK}{:016x}", hash(text))
}

/// So many letters and digits for a text: its hash to the base 36, of which a few digits tell more
/// texts apart than to the base 16.
#[cold]
#[inline(never)]
pub(crate) fn letters(text: &str, length: usize) -> String {
    let rests = std::iter::successors(Some(hash(text)), |rest| Some(rest / 36));
    let digits = rests.take(length).filter_map(|rest| u32::try_from(rest % 36).ok());
    digits.filter_map(|digit| char::from_digit(digit, 36)).collect()
}

/// Whether every provider takes a character.
pub(crate) const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// FNV-1a.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_short_and_stays_apart() {
        for fine in ["\"\"", "\"abc\"", r#""\u00e9bc""#, "[1,2,3,4,5]", "12345678"] {
            assert_eq!(short(fine, 3), fine);
        }
        let [one, other] = ["a", "b"].map(|end| quoted(&format!("{}{end}", "é".repeat(64))));
        let [one_short, other_short] = [&one, &other].map(|raw| short(raw, 64));
        assert_ne!(one_short, other_short);
        assert_eq!(one_short.len(), 64 + 2);
        assert_eq!(one_short, short(&one, 64));
        assert_eq!(made("", 40), "_sfai_cbf29ce484222325");
    }

    #[test]
    fn a_few_letters_tell_texts_apart() {
        let all: std::collections::BTreeSet<String> =
            (0..10_000).map(|number| letters(&format!("call_{number}"), 9)).collect();
        assert_eq!(all.len(), 10_000);
        let is_plain = |it: &String| it.len() == 9 && it.bytes().all(|c| c.is_ascii_alphanumeric());
        assert!(all.iter().all(is_plain));
        assert_eq!(letters("call_1", 9), "16xj2wjzp");
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
