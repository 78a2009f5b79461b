//! The items of a response, as JSON.
//!
//! Owns their shapes. Texts are the insides of JSON strings.

use super::sealed;
use crate::anthropic::quoted;
use crate::json;

/// What an item holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The answer's text.
    Text(String),
    /// What it says in place of an answer.
    Refusal(String),
    /// Reasoning with its number in the answer, and the signature under it.
    Thinking { block: u64, text: String, signature: Option<String> },
    /// Reasoning that only its provider can read.
    Redacted(String),
    /// A call: its id and the tool's name with their quotes, and its arguments.
    Call { id: String, name: String, arguments: String, is_custom: bool },
}

/// An item and its place in the output.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) index: usize,
    /// Its id without quotes.
    pub(super) id: String,
    pub(super) kind: Kind,
    /// What its text is taken from, as JSON.
    pub(super) annotations: Vec<String>,
}

impl Item {
    /// The beginning of such an item's id.
    pub(super) fn prefix(kind: &Kind) -> &'static str {
        match kind {
            Kind::Text(_) | Kind::Refusal(_) => "msg",
            Kind::Thinking { .. } | Kind::Redacted(_) => "rs",
            Kind::Call { is_custom: true, .. } => "ctc",
            Kind::Call { .. } => "fc",
        }
    }

    /// The item with what it holds so far.
    pub(super) fn json(&self, is_done: bool) -> String {
        let id = &self.id;
        let status = if is_done { "completed" } else { "in_progress" };
        match &self.kind {
            Kind::Text(_) | Kind::Refusal(_) => {
                let content = if is_done { self.part() } else { String::new() };
                format!(
                    r#"{{"id":"{id}","type":"message","status":"{status}","role":"assistant","content":[{content}]}}"#
                )
            }
            Kind::Thinking { text, signature, .. } => {
                let summary = match is_done && !text.is_empty() {
                    true => self.part(),
                    false => String::new(),
                };
                let sealed = signature.as_ref().filter(|_| is_done).map(|signature| {
                    let detail = format!(
                        r#"{{"type":"reasoning.text","text":"{text}","signature":{signature},"index":{}}}"#,
                        self.index
                    );
                    format!(r#","encrypted_content":"{}""#, sealed::seal(&detail))
                });
                let sealed = sealed.unwrap_or_default();
                format!(r#"{{"id":"{id}","type":"reasoning","summary":[{summary}]{sealed}}}"#)
            }
            Kind::Redacted(data) => {
                let index = self.index;
                let detail =
                    format!(r#"{{"type":"reasoning.encrypted","data":{data},"index":{index}}}"#);
                let sealed = sealed::seal(&detail);
                format!(
                    r#"{{"id":"{id}","type":"reasoning","summary":[],"encrypted_content":"{sealed}"}}"#
                )
            }
            Kind::Call { id: call, name, arguments, is_custom } => {
                let (kind, key) = match is_custom {
                    true => ("custom_tool_call", "input"),
                    false => ("function_call", "arguments"),
                };
                let said = match (is_done, is_custom) {
                    (false, _) => "\"\"".to_owned(),
                    (true, true) => quoted(&custom_input(arguments)),
                    (true, false) if arguments.is_empty() => "\"{}\"".to_owned(),
                    (true, false) => format!("\"{arguments}\""),
                };
                format!(
                    r#"{{"id":"{id}","type":"{kind}","status":"{status}","{key}":{said},"call_id":{call},"name":{name}}}"#
                )
            }
        }
    }

    /// The one part of a message or of a summary.
    pub(super) fn part(&self) -> String {
        match &self.kind {
            Kind::Text(text) => {
                let annotations = self.annotations.join(",");
                format!(r#"{{"type":"output_text","annotations":[{annotations}],"text":"{text}"}}"#)
            }
            Kind::Refusal(text) => format!(r#"{{"type":"refusal","refusal":"{text}"}}"#),
            Kind::Thinking { text, .. } => {
                format!(r#"{{"type":"summary_text","text":"{text}"}}"#)
            }
            Kind::Redacted(_) | Kind::Call { .. } => String::new(),
        }
    }
}

/// The text that a tool without a schema is called with, out of the arguments that stand for it.
pub(super) fn custom_input(arguments: &str) -> String {
    let quoted = format!("\"{arguments}\"");
    let text = json::decode(&quoted).unwrap_or_default();
    let read = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
    let input = read.get("input").and_then(serde_json::Value::as_str);
    input.map_or_else(|| text.into_owned(), str::to_owned)
}
