//! Chat completions written by hand, whole ones and chunks of a stream.
//!
//! Owns the text of OpenAI's shapes; what goes into them is decided in `stream` and `answer`.
//! Every `raw` is a JSON value as it came, quotes and escapes included.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::wire::Usage;

/// The chunks that a stream begins with, up to its first token, have room in so many bytes.
const ROOM: usize = 1024;

/// The chunks of one stream.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    out: BytesMut,
    /// The start of every chunk, up to and without `choices`.
    head: Vec<u8>,
}

impl Chunks {
    /// Settles the chat id and the model's name for all chunks.
    pub(super) fn begin(&mut self, raw_id: &str, raw_model: &str, created: u64) {
        self.head = format!(
            r#"data: {{"id":{raw_id},"object":"chat.completion.chunk","created":{created},"model":{raw_model},"choices":["#
        )
        .into_bytes();
        self.out.reserve(ROOM);
    }

    /// Whether the chat id is settled.
    pub(super) fn has_begun(&self) -> bool {
        !self.head.is_empty()
    }

    /// A chunk whose delta holds these members.
    pub(super) fn delta(&mut self, members: &[&str]) {
        self.chunk(members, "null");
    }

    /// A chunk with a piece of a call's arguments.
    pub(super) fn arguments(&mut self, call: u32, raw: &str) {
        let mut number = Number::default();
        let call = number.write(call);
        let start = r#""tool_calls":[{"index":"#;
        self.delta(&[start, call, r#","function":{"arguments":"#, raw, "}}]"]);
    }

    /// A chunk with a piece of a thinking block.
    pub(super) fn thinking(&mut self, place: u32, raw: &str) {
        let mut number = Number::default();
        let place = number.write(place);
        let details = r#","reasoning_details":[{"type":"reasoning.text","text":"#;
        let start = r#""reasoning_content":"#;
        self.delta(&[start, raw, details, raw, r#","index":"#, place, "}]"]);
    }

    /// The chunk that ends the choice.
    pub(super) fn finish(&mut self, reason: &str) {
        self.chunk(&[], &format!("\"{reason}\""));
    }

    fn chunk(&mut self, members: &[&str], raw_reason: &str) {
        self.out.extend_from_slice(&self.head);
        self.out.extend_from_slice(br#"{"index":0,"delta":{"#);
        for member in members {
            self.out.extend_from_slice(member.as_bytes());
        }
        self.out.extend_from_slice(br#"},"finish_reason":"#);
        self.out.extend_from_slice(raw_reason.as_bytes());
        self.out.extend_from_slice(b"}]}\n\n");
    }

    /// The chunk without choices that tells the usage.
    pub(super) fn usage(&mut self, usage: Usage) {
        self.out.extend_from_slice(&self.head);
        self.out.extend_from_slice(br#"],"usage":"#);
        put_usage(&mut self.out, usage);
        self.out.extend_from_slice(b"}\n\n");
    }

    /// The end mark.
    pub(super) fn done(&mut self) {
        self.out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// What was written since the last time.
    pub(super) fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }
}

/// Decimal digits without an allocation: there is one number in every delta.
#[derive(Default)]
struct Number([u8; 10]);

impl Number {
    fn write(&mut self, number: u32) -> &str {
        let mut rest: &mut [u8] = &mut self.0;
        // Ten digits hold every u32.
        let _ = write!(rest, "{number}");
        let left = rest.len();
        let used = self.0.get(..self.0.len() - left).unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }
}

/// Appends a `usage` object.
pub(crate) fn put_usage(to: &mut BytesMut, usage: Usage) {
    let total = usage.input.saturating_add(usage.output);
    let Usage { input, cache_read, cache_write, output, reasoning } = usage;
    // Writing into memory cannot fail.
    let _ = write!(
        to.writer(),
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":{cache_read},"cache_write_tokens":{cache_write}}}"#
    );
    if let Some(reasoning) = reasoning {
        let _ = write!(
            to.writer(),
            r#","completion_tokens_details":{{"reasoning_tokens":{reasoning}}}"#
        );
    }
    to.extend_from_slice(b"}");
}

/// An annotation for the characters of the content from `start` to before `end`.
pub(super) fn annotation(raw_url: &str, raw_title: &str, start: u64, end: u64) -> String {
    format!(
        r#"{{"type":"url_citation","url_citation":{{"start_index":{start},"end_index":{end},"title":{raw_title},"url":{raw_url}}}}}"#
    )
}

/// A `reasoning_details` entry for a redacted block.
pub(super) fn encrypted_detail(raw_data: &str, index: u32) -> String {
    format!(r#"{{"type":"reasoning.encrypted","data":{raw_data},"index":{index}}}"#)
}

/// A `reasoning_details` entry for a thinking block, or for a part of one.
pub(super) fn text_detail(
    raw_text: Option<&str>,
    raw_signature: Option<&str>,
    index: u32,
) -> String {
    let text = raw_text.map(|raw| format!(r#","text":{raw}"#)).unwrap_or_default();
    let signature = raw_signature.map(|raw| format!(r#","signature":{raw}"#)).unwrap_or_default();
    format!(r#"{{"type":"reasoning.text"{text}{signature},"index":{index}}}"#)
}

/// `json` as the text of a JSON string.
pub(crate) fn quoted(json: &str) -> String {
    serde_json::to_string(json).unwrap_or_default()
}
