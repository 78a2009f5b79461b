//! Names of tools that are longer than OpenAI takes: those of MCP servers, whose names a client
//! puts before.
//!
//! Owns the short name and the way back; where names stand is `chat`'s, `history`'s and
//! `compose`'s. A short name is made of the long one alone, so that it is the same in every turn.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::anthropic::quoted;
use crate::json;
use crate::openai::request::ChatRequest;

/// The most characters that OpenAI takes.
const LONGEST: usize = 64;

/// What stands in a short name between its beginning and its hash.
const MARK: &str = "_sfai_";

/// The digits of the hash.
const DIGITS: usize = 16;

/// A short name and the long one that it stands for, as JSON.
pub(crate) type Short = (String, String);

/// The name that a tool has upstream, given and returned as JSON.
pub(super) fn short(raw: &str) -> Cow<'_, str> {
    // Quotes and escapes only make it longer.
    if raw.len() <= LONGEST {
        return Cow::Borrowed(raw);
    }
    match json::decode(raw).filter(|name| name.chars().count() > LONGEST) {
        Some(name) => Cow::Owned(shortened(&name)),
        None => Cow::Borrowed(raw),
    }
}

#[cold]
#[inline(never)]
fn shortened(name: &str) -> String {
    let kept: String = name.chars().take(LONGEST - MARK.len() - DIGITS).collect();
    quoted(&format!("{kept}{MARK}{:016x}", hash(name)))
}

/// FNV-1a: the same in every version of the router.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The names that are short in `chat`, which was made from this request.
pub(crate) fn shortened_in(own: &ChatRequest, chat: &ChatRequest) -> Vec<Short> {
    let tools = chat.get("tools").unwrap_or_default();
    if memmem::find(tools.as_bytes(), MARK.as_bytes()).is_none() {
        return Vec::new();
    }
    read(own)
}

#[cold]
#[inline(never)]
fn read(own: &ChatRequest) -> Vec<Short> {
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow)]
        name: &'a RawValue,
    }
    let tools = own.read::<Vec<Tool<'_>>>("tools").ok().flatten().unwrap_or_default();
    let names = tools.iter().map(|tool| tool.name.get());
    let short = names.filter_map(|long| match short(long) {
        Cow::Owned(short) => Some((short, long.to_owned())),
        Cow::Borrowed(_) => None,
    });
    short.collect()
}

/// The client's name for a tool.
pub(super) fn long<'n>(names: &'n [Short], name: &'n str) -> &'n str {
    names.iter().find(|(short, _)| short == name).map_or(name, |(_, long)| long.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_has_a_short_one_of_its_own() {
        let raw = |length: usize, end: &str| quoted(&format!("{}{end}", "n".repeat(length)));
        for fine in [raw(64, ""), raw(1, ""), raw(61, "\"\\\n")] {
            assert_eq!(short(&fine), fine);
        }
        let [one, other] = [raw(64, "a"), raw(64, "b")];
        let [one_short, other_short] = [short(&one), short(&other)];
        assert_ne!(one_short, other_short);
        assert_eq!(json::decode(&one_short).expect("a text").len(), LONGEST);
        assert_eq!(one_short, short(&one));
        let names = vec![(one_short.clone().into_owned(), one.clone())];
        assert_eq!(long(&names, &one_short), one);
        assert_eq!(long(&names, &other_short), other_short);
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
