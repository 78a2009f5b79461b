//! `reasoning_details` that a client sends back, as thinking blocks.
//!
//! Owns their reading: pieces of one block are joined, and what Anthropic did not sign is left
//! out, since it would refuse it.

use super::message::{Raw, text};
use super::parts::Separator;
use crate::json::Scan;
use crate::wire::segments::Writer;

/// One block of reasoning.
#[derive(Debug)]
pub(super) enum Thought<'a> {
    /// Its text without quotes, and the signature with them.
    Signed(String, &'a str),
    /// What only Anthropic can read, with quotes.
    Encrypted(&'a str),
}

/// A detail as the client sends it.
#[derive(Debug, Default)]
pub(super) struct Detail<'a> {
    kind: Raw<'a>,
    text: Raw<'a>,
    signature: Raw<'a>,
    data: Raw<'a>,
    format: Raw<'a>,
    index: Option<u64>,
}

impl<'a> Detail<'a> {
    /// Reads one: of anything but an object it has nothing.
    pub(super) fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut detail = Self::default();
        value.members(&mut |key, value| match key {
            "type" => detail.kind = value.raw(),
            "text" | "thinking" => detail.text = value.raw(),
            "signature" => detail.signature = value.raw(),
            "data" => detail.data = value.raw(),
            "format" => detail.format = value.raw(),
            "index" => detail.index = value.number(),
            _ => (),
        });
        Some(detail)
    }
}

/// The blocks that the details of one message are, in their order.
pub(super) fn join<'a>(details: &[Detail<'a>]) -> Vec<Thought<'a>> {
    let (mut thoughts, mut open) = (Vec::new(), Pieces::default());
    let is_own = |format: &str| format.starts_with("\"anthropic");
    for detail in details.iter().filter(|detail| detail.format.is_none_or(is_own)) {
        match detail.kind.unwrap_or_default() {
            r#""reasoning.text""# | r#""thinking""# => {
                if open.signature.is_some() || open.index != detail.index {
                    thoughts.extend(std::mem::take(&mut open).close());
                }
                open.add(detail);
            }
            r#""reasoning.encrypted""# | r#""redacted_thinking""# => {
                thoughts.extend(std::mem::take(&mut open).close());
                thoughts.extend(text(detail.data).map(Thought::Encrypted));
            }
            _ => (),
        }
    }
    thoughts.extend(open.close());
    thoughts
}

/// The pieces of a block so far.
#[derive(Default)]
struct Pieces<'a> {
    index: Option<u64>,
    text: String,
    signature: Option<&'a str>,
}

impl<'a> Pieces<'a> {
    fn add(&mut self, detail: &Detail<'a>) {
        self.index = detail.index;
        self.signature = text(detail.signature);
        let piece = text(detail.text).and_then(|raw| raw.strip_prefix('"')?.strip_suffix('"'));
        self.text.push_str(piece.unwrap_or_default());
    }

    fn close(self) -> Option<Thought<'a>> {
        Some(Thought::Signed(self.text, self.signature?))
    }
}

/// Writes them as content blocks.
pub(super) fn write(to: &mut Writer<'_>, thoughts: &[Thought<'_>], separator: &mut Separator) {
    for thought in thoughts {
        separator.write(to);
        match thought {
            Thought::Signed(text, signature) => {
                to.put(r#"{"type":"thinking","thinking":""#);
                to.put(text);
                to.put(r#"","signature":"#);
                to.share(signature.as_bytes());
            }
            Thought::Encrypted(data) => {
                to.put(r#"{"type":"redacted_thinking","data":"#);
                to.share(data.as_bytes());
            }
        }
        to.put("}");
    }
}
