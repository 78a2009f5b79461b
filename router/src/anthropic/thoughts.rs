//! `reasoning_details` that a client sends back, as thinking blocks.
//!
//! Owns their reading: pieces of one block are joined, and what Anthropic did not sign is left
//! out, since it would refuse it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::text;
use super::parts::Separator;
use crate::wire::segments::Writer;

/// One block of reasoning.
#[derive(Debug)]
pub(super) enum Thought<'a> {
    /// Its text without quotes, and the signature with them.
    Signed(String, &'a str),
    /// What only Anthropic can read, with quotes.
    Encrypted(&'a str),
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, alias = "thinking")]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    format: Option<Cow<'a, str>>,
    #[serde(default)]
    index: Option<u64>,
}

/// Reads the details of one message, in their order.
pub(super) fn read<'a>(details: &[&'a RawValue]) -> Vec<Thought<'a>> {
    let (mut thoughts, mut open) = (Vec::new(), Pieces::default());
    for detail in details.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()) {
        let detail: Detail<'a> = detail;
        let is_own = detail.format.as_deref().is_none_or(|format| format.starts_with("anthropic"));
        match detail.kind.as_ref() {
            "reasoning.text" | "thinking" if is_own => {
                if open.signature.is_some() || open.index != detail.index {
                    thoughts.extend(std::mem::take(&mut open).close());
                }
                open.add(&detail);
            }
            "reasoning.encrypted" | "redacted_thinking" if is_own => {
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
