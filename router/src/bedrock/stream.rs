//! A Converse stream as the events of a message.
//!
//! Owns the frames and which block is open. Converse opens no block of text, and tells the usage
//! after the end: so the end is held back until then.

use std::collections::BTreeSet;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use super::answer::{ToolUse, Usage, stop_reason};
use super::citation::Citation;
use super::{Raw, error, or, quoted};
use crate::wire::names::{self, Made};

/// The most that a frame may hold, as for a line of other streams.
const FRAME_LIMIT: usize = 4 * 1024 * 1024;

/// Turns the bytes of a Converse stream into those of a message's.
#[derive(Debug)]
pub(crate) struct Decoder {
    id: String,
    model: String,
    /// The tools that have other names on Bedrock.
    names: Vec<Made>,
    frames: MessageFrameDecoder,
    left: BytesMut,
    begun: bool,
    open: BTreeSet<u64>,
    stop: Option<String>,
    over: bool,
    out: String,
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

impl Decoder {
    /// For the answer with this id, by this model, which was asked with these names of tools.
    pub(crate) fn new(id: String, model: String, names: Vec<Made>) -> Self {
        Self {
            id,
            model,
            names,
            frames: MessageFrameDecoder::new(),
            left: BytesMut::new(),
            begun: false,
            open: BTreeSet::new(),
            stop: None,
            over: false,
            out: String::new(),
        }
    }

    /// Takes the next bytes and gives the events that they complete.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Bytes {
        self.left.extend_from_slice(chunk);
        while !self.over {
            match self.frames.decode_frame(&mut self.left) {
                Ok(DecodedFrame::Complete(message)) => self.take(&message),
                Ok(DecodedFrame::Incomplete) if self.left.len() > FRAME_LIMIT => {
                    self.fail("server_error", "a frame of the stream is too long");
                }
                Ok(DecodedFrame::Incomplete) => break,
                Err(_) => self.fail("server_error", "the stream's frames are damaged"),
            }
        }
        Bytes::from(std::mem::take(&mut self.out))
    }

    /// Takes the end of the bytes. A stream that has told its end is whole without its usage.
    pub(crate) fn finish(&mut self) -> Bytes {
        if !self.over && self.stop.is_some() {
            self.end(None);
        }
        Bytes::from(std::mem::take(&mut self.out))
    }

    fn take(&mut self, message: &Message) {
        let header = |name: &str| {
            let found = message.headers().iter().find(|it| it.name().as_str() == name)?;
            found.value().as_string().ok().map(|it| it.as_str())
        };
        let kind = header(":message-type").unwrap_or_default();
        let event = serde_json::from_slice::<Event<'_>>(message.payload()).ok();
        if kind == "error" {
            let words = header(":error-message").unwrap_or("the stream failed");
            let words = words.to_owned();
            return self.fail(header(":error-code").unwrap_or("server_error"), &words);
        }
        if kind == "exception" {
            let words = event.and_then(|event| event.message).unwrap_or_default();
            return self.fail(header(":exception-type").unwrap_or("server_error"), &words);
        }
        // What is not JSON is left out, as in other streams.
        let Some(event) = event else { return };
        self.begin();
        let index = event.content_block_index;
        match header(":event-type").unwrap_or_default() {
            "contentBlockStart" => {
                if let Some(call) = event.start.and_then(|start| start.tool_use) {
                    let block = call_block(&call, &self.names);
                    self.open(index, &block);
                }
            }
            "contentBlockDelta" => {
                if let Some(delta) = &event.delta {
                    self.delta(index, delta);
                }
            }
            "contentBlockStop" if self.open.remove(&index) => {
                self.put("content_block_stop", &format!(r#","index":{index}"#));
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
            &format!(
                r#","message":{{"id":{id},"type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":0,"output_tokens":0}}}}"#
            ),
        );
    }

    /// Opens a block, unless it is open.
    fn open(&mut self, index: u64, block: &str) {
        if self.open.insert(index) {
            let members = format!(r#","index":{index},"content_block":{block}"#);
            self.put("content_block_start", &members);
        }
    }

    fn delta(&mut self, index: u64, delta: &Delta<'_>) {
        if let Some(text) = delta.text {
            self.open(index, r#"{"type":"text","text":""}"#);
            self.piece(index, "text_delta", "text", text.get());
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

    fn piece(&mut self, index: u64, kind: &str, name: &str, value: &str) {
        let members = format!(r#","index":{index},"delta":{{"type":"{kind}","{name}":{value}}}"#);
        self.put("content_block_delta", &members);
    }

    fn end(&mut self, usage: Option<Usage>) {
        self.over = true;
        for index in std::mem::take(&mut self.open) {
            self.put("content_block_stop", &format!(r#","index":{index}"#));
        }
        let reason = self.stop.take();
        let reason = reason.map_or_else(|| "null".to_owned(), |reason| format!("\"{reason}\""));
        let usage = usage.map_or_else(String::new, |it| format!(r#","usage":{}"#, it.write()));
        let members = format!(r#","delta":{{"stop_reason":{reason},"stop_sequence":null}}{usage}"#);
        self.put("message_delta", &members);
        self.put("message_stop", "");
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
        self.put("error", &format!(r#","error":{{"type":"{kind}","message":{words}}}"#));
    }

    fn put(&mut self, kind: &str, members: &str) {
        self.out.push_str(&format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{members}}}\n\n"));
    }
}

fn call_block(call: &ToolUse<'_>, names: &[Made]) -> String {
    let (id, name) = (or(call.tool_use_id, "\"\""), or(call.name, "\"\""));
    let name = names::own(names, name);
    format!(r#"{{"type":"tool_use","id":{id},"name":{name},"input":{{}}}}"#)
}

#[cfg(test)]
mod tests;
