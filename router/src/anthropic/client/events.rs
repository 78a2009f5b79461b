//! Messages written by hand: the events of a stream, and whole ones.
//!
//! Owns the text of Anthropic's shapes; what stands in them is decided in `compose`. Every `raw`
//! is a JSON value as it came.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::wire::Usage;

/// A content block as it begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    Text,
    Thinking,
    /// With its data, which is all of it.
    Redacted(&'a str),
    /// With the call's id and the tool's name.
    Tool(&'a str, &'a str),
}

/// A piece of a block: a JSON string.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Thinking(&'a str),
    Signature(&'a str),
    Input(&'a str),
    /// What the text is taken from: a whole object.
    Citation(&'a str),
}

/// How a message ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop<'a> {
    pub(super) reason: &'static str,
    /// Why it was refused, as a JSON string without quotes.
    pub(super) explanation: Option<&'a str>,
    pub(super) usage: Usage,
}

/// A message on its way out: as events, or to be whole.
#[derive(Debug)]
pub(super) enum Sheet {
    Events(BytesMut),
    Whole(Whole),
}

/// A message that is sent when it is complete.
#[derive(Debug, Default)]
pub(super) struct Whole {
    head: String,
    blocks: Vec<Draft>,
    tail: String,
}

/// A block of a whole message: strings without quotes.
#[derive(Debug)]
enum Draft {
    /// With what it is taken from, as JSON.
    Text(String, Vec<String>),
    Thinking(String, String),
    Redacted(String),
    Tool {
        id: String,
        name: String,
        input: String,
    },
}

impl Sheet {
    pub(super) fn begin(&mut self, id: &str, model: &str) {
        let head = format!(r#""id":{id},"type":"message","role":"assistant","model":{model}"#);
        match self {
            Self::Events(out) => {
                let usage = usage_json(Usage::default());
                event(
                    out,
                    "message_start",
                    &format!(
                        r#","message":{{{head},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{usage}}}"#
                    ),
                );
            }
            Self::Whole(whole) => whole.head = head,
        }
    }

    pub(super) fn open(&mut self, index: u32, start: Start<'_>) {
        match self {
            Self::Events(out) => {
                let block = match start {
                    Start::Text => r#"{"type":"text","text":""}"#.to_owned(),
                    Start::Thinking => {
                        r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned()
                    }
                    Start::Redacted(data) => {
                        format!(r#"{{"type":"redacted_thinking","data":{data}}}"#)
                    }
                    Start::Tool(id, name) => {
                        format!(r#"{{"type":"tool_use","id":{id},"name":{name},"input":{{}}}}"#)
                    }
                };
                let rest = format!(r#","index":{index},"content_block":{block}"#);
                event(out, "content_block_start", &rest);
            }
            Self::Whole(whole) => whole.blocks.push(match start {
                Start::Text => Draft::Text(String::new(), Vec::new()),
                Start::Thinking => Draft::Thinking(String::new(), String::new()),
                Start::Redacted(data) => Draft::Redacted(data.to_owned()),
                Start::Tool(id, name) => {
                    Draft::Tool { id: id.into(), name: name.into(), input: String::new() }
                }
            }),
        }
    }

    pub(super) fn piece(&mut self, index: u32, piece: Piece<'_>) {
        match self {
            Self::Events(out) => {
                let (kind, key, raw) = match piece {
                    Piece::Text(raw) => ("text_delta", "text", raw),
                    Piece::Thinking(raw) => ("thinking_delta", "thinking", raw),
                    Piece::Signature(raw) => ("signature_delta", "signature", raw),
                    Piece::Input(raw) => ("input_json_delta", "partial_json", raw),
                    Piece::Citation(raw) => ("citations_delta", "citation", raw),
                };
                let start = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"";
                // Writing into memory cannot fail.
                let _ = write!(
                    out.writer(),
                    r#"{start},"index":{index},"delta":{{"type":"{kind}","{key}":{raw}}}}}"#
                );
                out.extend_from_slice(b"\n\n");
            }
            Self::Whole(whole) => {
                let block = whole.blocks.get_mut(index as usize);
                match (block, piece) {
                    (Some(Draft::Text(_, citations)), Piece::Citation(raw)) => {
                        citations.push(raw.to_owned());
                    }
                    (Some(Draft::Text(text, _)), Piece::Text(raw))
                    | (Some(Draft::Thinking(text, _)), Piece::Thinking(raw))
                    | (Some(Draft::Thinking(_, text)), Piece::Signature(raw))
                    | (Some(Draft::Tool { input: text, .. }), Piece::Input(raw)) => {
                        text.push_str(inner(raw));
                    }
                    _ => (),
                }
            }
        }
    }

    pub(super) fn close(&mut self, index: u32) {
        if let Self::Events(out) = self {
            event(out, "content_block_stop", &format!(r#","index":{index}"#));
        }
    }

    pub(super) fn end(&mut self, stop: Stop<'_>) {
        let Stop { reason, explanation, usage } = stop;
        let details = explanation.map(|explanation| {
            format!(
                r#","stop_details":{{"type":"refusal","category":null,"explanation":"{explanation}"}}"#
            )
        });
        let details = details.unwrap_or_default();
        let said = format!(r#""stop_reason":"{reason}","stop_sequence":null{details}"#);
        let usage = usage_json(usage);
        match self {
            Self::Events(out) => {
                event(out, "message_delta", &format!(r#","delta":{{{said}}},"usage":{usage}"#));
                event(out, "message_stop", "");
            }
            Self::Whole(whole) => whole.tail = format!(r#"{said},"usage":{usage}"#),
        }
    }

    /// What was written since the last time; of a whole message all of it, and nothing before its
    /// end.
    pub(super) fn take(&mut self) -> Bytes {
        match self {
            Self::Events(out) => out.split().freeze(),
            Self::Whole(whole) => std::mem::take(whole).write().into(),
        }
    }
}

impl Whole {
    fn write(self) -> String {
        if self.tail.is_empty() {
            return String::new();
        }
        let blocks: Vec<String> = self.blocks.into_iter().map(Draft::write).collect();
        format!(r#"{{{},"content":[{}],{}}}"#, self.head, blocks.join(","), self.tail)
    }
}

impl Draft {
    fn write(self) -> String {
        match self {
            Self::Text(text, citations) if citations.is_empty() => {
                format!(r#"{{"type":"text","text":"{text}"}}"#)
            }
            Self::Text(text, citations) => {
                let citations = citations.join(",");
                format!(r#"{{"type":"text","text":"{text}","citations":[{citations}]}}"#)
            }
            Self::Thinking(text, signature) => {
                format!(r#"{{"type":"thinking","thinking":"{text}","signature":"{signature}"}}"#)
            }
            Self::Redacted(data) => format!(r#"{{"type":"redacted_thinking","data":{data}}}"#),
            Self::Tool { id, name, input } => {
                let input = object(&input);
                format!(r#"{{"type":"tool_use","id":{id},"name":{name},"input":{input}}}"#)
            }
        }
    }
}

/// The object that a call's arguments are, given as the inside of a JSON string. What is none is
/// kept as text.
fn object(arguments: &str) -> String {
    let quoted = format!("\"{arguments}\"");
    let text = crate::json::decode(&quoted).unwrap_or_default();
    match text.trim() {
        "" => "{}".to_owned(),
        text if crate::json::object(text).is_ok() => text.to_owned(),
        _ => format!(r#"{{"invalid_json":{quoted}}}"#),
    }
}

/// A JSON string without its quotes.
pub(super) fn inner(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or_default()
}

fn event(out: &mut BytesMut, name: &str, rest: &str) {
    // Writing into memory cannot fail.
    let _ = write!(out.writer(), "event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
}

fn usage_json(usage: Usage) -> String {
    let Usage { input, cache_read, cache_write, output, reasoning } = usage;
    let fresh = input.saturating_sub(cache_read).saturating_sub(cache_write);
    let thinking = reasoning
        .map(|thinking| format!(r#","output_tokens_details":{{"thinking_tokens":{thinking}}}"#));
    format!(
        r#"{{"input_tokens":{fresh},"cache_creation_input_tokens":{cache_write},"cache_read_input_tokens":{cache_read},"output_tokens":{output}{}}}"#,
        thinking.unwrap_or_default()
    )
}
