//! What a request is like, as far as conditions ask.
//!
//! Owns the questions and a plain answer to them; reading a request is for who has one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::{Flag, NumberFact, TextFact};

/// A request, asked for its facts. The router answers from the request itself, and works out only
/// what a condition asks for; offline tools answer from a [`RequestFacts`].
pub trait Facts {
    /// Whether it has this trait.
    fn flag(&self, flag: Flag) -> bool;
    /// The number, if it has one. `tokens` is without the role's own prompt, which
    /// [`crate::plan`] adds.
    fn number(&self, fact: NumberFact) -> Option<u64>;
    /// The text, if it has one.
    fn text(&self, fact: &TextFact) -> Option<&str>;
}

/// The facts of a request, written down: in an audit record, a test or a question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestFacts {
    /// Who asked, where clients have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// By lower-case name. An audit record holds those that the map's conditions name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// See [`Flag::Image`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub image: bool,
    /// See [`Flag::Json`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json: bool,
    /// See [`NumberFact::MaxTokens`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// See [`NumberFact::Messages`].
    pub messages: u64,
    /// The request's `metadata`; an audit record holds those keys that conditions name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// See [`Flag::Stream`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// The estimated input without the role's own prompt.
    pub tokens: u64,
    /// See [`Flag::Tools`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tools: bool,
}

impl Facts for RequestFacts {
    fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Image => self.image,
            Flag::Json => self.json,
            Flag::Stream => self.stream,
            Flag::Tools => self.tools,
        }
    }

    fn number(&self, fact: NumberFact) -> Option<u64> {
        match fact {
            NumberFact::MaxTokens => self.max_tokens,
            NumberFact::Messages => Some(self.messages),
            NumberFact::Tokens => Some(self.tokens),
        }
    }

    fn text(&self, fact: &TextFact) -> Option<&str> {
        let found = match fact {
            TextFact::Client => self.client.as_ref(),
            TextFact::Header(name) => self.headers.get(name),
            TextFact::Metadata(key) => self.metadata.get(key),
        };
        found.map(String::as_str)
    }
}

/// The estimated tokens of a text: a quarter of its ASCII characters and every other one. Within a
/// third of what the providers count for English, code and Japanese; `docs/language.md` says so.
pub fn estimate_tokens(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    // A character beyond ASCII has one byte that is not a continuation.
    let other = text.bytes().filter(|byte| *byte >= 0xC0).count();
    (ascii.div_ceil(4) + other) as u64
}

/// A picture, whatever its size in bytes: providers count its area, at most about this where they
/// scale it down (OpenAI 765 to 1,445, Anthropic up to 1,600).
pub const IMAGE_TOKENS: u64 = 1_500;

/// Characters of a document's base64 for a token: a PDF's page of some 80 kB is about 2,000.
const DOCUMENT_CHARS_A_TOKEN: u64 = 40;

/// The estimated tokens of a document, by the length of its base64.
pub const fn document_tokens(characters: u64) -> u64 {
    characters.div_ceil(DOCUMENT_CHARS_A_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_counts_a_quarter_and_everything_else_whole() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("abcde"), 2);
        assert_eq!(estimate_tokens("日本語"), 3);
        assert_eq!(estimate_tokens("aé😀"), 3);
    }
}
