//! A Converse stream as the events of a message.
//!
//! Owns the frames and which block is open. Converse opens no block of text, and tells the usage
//! after the end: so the end is held back until then.

use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::io::Write as _;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use serde::Deserialize;

use super::answer::{ToolUse, Usage, stop_reason};
use super::citation::Citation;
use super::frames::{Damaged, Frame};
use super::{Raw, error, or, quoted};
use crate::wire::mold::Mold;
use crate::wire::names::{self, MadeNames};

/// The event that brings a piece of a block.
const DELTA: &str = "contentBlockDelta";

/// The most that a frame may hold, as for a line of other streams.
const FRAME_LIMIT: usize = 4 * 1024 * 1024;

/// Turns the bytes of a Converse stream into those of a message's.
#[derive(Debug)]
pub(crate) struct Decoder {
    id: String,
    model: String,
    /// The tools that have other names on Bedrock.
    names: MadeNames,
    left: BytesMut,
    begun: bool,
    open: BTreeSet<u64>,
    stop: Option<String>,
    over: bool,
    out: BytesMut,
    /// The shape of an event with a piece of text, and its block.
    text: (Mold, u64),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow, default)]
    start: Option<Start<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow, default)]
    citation: Option<Citation<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
    #[serde(borrow, default)]
    redacted_content: Raw<'a>,
}

impl Delta<'_> {
    /// Whether it is nothing but a piece of text.
    fn is_text(&self) -> bool {
        let is_other = self.tool_use.is_some() || self.reasoning_content.is_some();
        self.text.is_some() && !is_other && self.citation.is_none()
    }
}

impl Decoder {
    /// For the answer with this id, by this model, which was asked with these names of tools.
    pub(crate) fn new(id: String, model: String, names: MadeNames) -> Self {
        Self {
            id,
            model,
            names,
            left: BytesMut::new(),
            begun: false,
            open: BTreeSet::new(),
            stop: None,
            over: false,
            out: BytesMut::new(),
            text: (Mold::default(), 0),
        }
    }

    /// Takes the next bytes and gives the events that they complete.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Bytes {
        self.left.extend_from_slice(chunk);
        let mut left = std::mem::take(&mut self.left);
        while !self.over {
            match self.next(&left) {
                Ok(Some(length)) => left.advance(length),
                Ok(None) if left.len() > FRAME_LIMIT => {
                    self.fail("server_error", "a frame of the stream is too long");
                }
                Ok(None) => break,
                Err(Damaged) => self.fail("server_error", "the stream's frames are damaged"),
            }
        }
        self.left = left;
        self.out.split().freeze()
    }

    /// Takes the first frame and gives its length; none where it is not whole.
    fn next(&mut self, left: &[u8]) -> Result<Option<usize>, Damaged> {
        let Some(frame) = Frame::read(left)? else { return Ok(None) };
        self.take(&frame)?;
        Ok(Some(frame.length))
    }

    /// Takes the end of the bytes. A stream that has told its end is whole without its usage.
    pub(crate) fn finish(&mut self) -> Bytes {
        if !self.over && self.stop.is_some() {
            self.end(None);
        }
        self.out.split().freeze()
    }

    fn take(&mut self, frame: &Frame<'_>) -> Result<(), Damaged> {
        let [kind, event] = frame.texts([":message-type", ":event-type"])?;
        let payload = std::str::from_utf8(frame.payload).unwrap_or_default();
        match kind.unwrap_or_default() {
            "error" => {
                let [code, words] = frame.texts([":error-code", ":error-message"])?;
                let words = words.unwrap_or("the stream failed");
                self.fail(code.unwrap_or("server_error"), words);
            }
            "exception" => {
                let [kind] = frame.texts([":exception-type"])?;
                let event = serde_json::from_str::<Event<'_>>(payload).ok();
                let words = event.and_then(|event| event.message).unwrap_or_default();
                self.fail(kind.unwrap_or("server_error"), &words);
            }
            _ => self.event(event.unwrap_or_default(), payload),
        }
        Ok(())
    }

    fn event(&mut self, name: &str, payload: &str) {
        if name == DELTA
            && let Some(raw) = self.text.0.string(payload)
        {
            return self.said(self.text.1, raw);
        }
        // What is not JSON is left out, as in other streams.
        let Ok(event) = serde_json::from_str::<Event<'_>>(payload) else { return };
        self.begin();
        let index = event.content_block_index;
        match name {
            "contentBlockStart" => {
                if let Some(call) = event.start.and_then(|start| start.tool_use) {
                    let block = call_block(&call, &self.names);
                    self.open(index, &block);
                }
            }
            DELTA => {
                if let Some(delta) = &event.delta {
                    self.delta(index, delta);
                    if let Some(raw) = delta.text.filter(|_| delta.is_text()) {
                        self.text.0.learn(payload, raw.get());
                        self.text.1 = index;
                    }
                }
            }
            "contentBlockStop" if self.open.remove(&index) => {
                self.put("content_block_stop", format_args!(r#","index":{index}"#));
            }
            "messageStop" => {
                let reason = event.stop_reason.as_deref().unwrap_or("end_turn");
                self.stop = Some(stop_reason(reason).to_owned());
            }
            "metadata" => self.end(Some(event.usage)),
            _ => (),
        }
    }

    fn begin(&mut self) {
        if self.begun {
            return;
        }
        self.begun = true;
        let (id, model) = (quoted(&self.id), quoted(&self.model));
        self.put(
            "message_start",
            format_args!(
                r#","message":{{"id":{id},"type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":0,"output_tokens":0}}}}"#
            ),
        );
    }

    /// Opens a block, unless it is open.
    fn open(&mut self, index: u64, block: &str) {
        if self.open.insert(index) {
            let members = format_args!(r#","index":{index},"content_block":{block}"#);
            self.put("content_block_start", members);
        }
    }

    fn delta(&mut self, index: u64, delta: &Delta<'_>) {
        if let Some(text) = delta.text {
            self.said(index, text.get());
        }
        if let Some(call) = &delta.tool_use {
            self.piece(index, "input_json_delta", "partial_json", or(call.input, "\"\""));
        }
        if let Some(citation) = delta.citation.as_ref().and_then(Citation::write) {
            self.open(index, r#"{"type":"text","text":"","citations":[]}"#);
            self.piece(index, "citations_delta", "citation", &citation);
        }
        let Some(reasoning) = &delta.reasoning_content else { return };
        if let Some(data) = reasoning.redacted_content {
            let block = format!(r#"{{"type":"redacted_thinking","data":{}}}"#, data.get());
            return self.open(index, &block);
        }
        self.open(index, r#"{"type":"thinking","thinking":"","signature":""}"#);
        if let Some(text) = reasoning.text {
            self.piece(index, "thinking_delta", "thinking", text.get());
        }
        if let Some(signature) = reasoning.signature {
            self.piece(index, "signature_delta", "signature", signature.get());
        }
    }

    fn said(&mut self, index: u64, raw: &str) {
        self.open(index, r#"{"type":"text","text":""}"#);
        self.piece(index, "text_delta", "text", raw);
    }

    fn piece(&mut self, index: u64, kind: &str, name: &str, value: &str) {
        let members =
            format_args!(r#","index":{index},"delta":{{"type":"{kind}","{name}":{value}}}"#);
        self.put("content_block_delta", members);
    }

    fn end(&mut self, usage: Option<Usage>) {
        self.over = true;
        for index in std::mem::take(&mut self.open) {
            self.put("content_block_stop", format_args!(r#","index":{index}"#));
        }
        let reason = self.stop.take();
        let reason = reason.map_or_else(|| "null".to_owned(), |reason| format!("\"{reason}\""));
        let usage = usage.map_or_else(String::new, |it| format!(r#","usage":{}"#, it.write()));
        let members =
            format_args!(r#","delta":{{"stop_reason":{reason},"stop_sequence":null}}{usage}"#);
        self.put("message_delta", members);
        self.put("message_stop", format_args!(""));
    }

    fn fail(&mut self, kind: &str, words: &str) {
        self.over = true;
        let words = if words.is_empty() { kind } else { words };
        let kind = match error::status_of(kind, words) {
            Some(400) => "invalid_request_error",
            Some(403) => "permission_error",
            Some(404) => "not_found_error",
            Some(408) => "timeout_error",
            Some(429) => "rate_limit_error",
            Some(503) => "overloaded_error",
            _ => "api_error",
        };
        let words = quoted(words);
        self.put("error", format_args!(r#","error":{{"type":"{kind}","message":{words}}}"#));
    }

    fn put(&mut self, kind: &str, members: Arguments<'_>) {
        let parts = ["event: ", kind, "\ndata: {\"type\":\"", kind, "\""];
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
        // Writing into memory cannot fail.
        let _ = write!((&mut self.out).writer(), "{members}}}\n\n");
    }
}

fn call_block(call: &ToolUse<'_>, names: &MadeNames) -> String {
    let (id, name) = (or(call.tool_use_id, "\"\""), or(call.name, "\"\""));
    let name = names::own(names, name);
    format!(r#"{{"type":"tool_use","id":{id},"name":{name},"input":{{}}}}"#)
}

#[cfg(test)]
mod tests;
