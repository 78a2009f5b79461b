//! What a client was sent of a stream, as far as a continuation has to know.
//!
//! Owns the reading of our own events on their way out; nothing is read where a role does not
//! resume.

use serde_json::Value;

use super::response::{self, Response};
use super::{is_set, text};
use crate::front::Front;
use crate::sse::Events;

/// The longest text that is kept to be continued; a longer one breaks as without `resume`.
const LONGEST: usize = 1 << 20;

/// What was sent so far.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(super) front: Front,
    pub(super) text: String,
    /// The members that every chunk has alike: `id`, `model`, `created`.
    pub(super) head: Vec<(&'static str, Value)>,
    /// The content block that is open: its index, and whether it is text.
    pub(super) open: Option<(u64, bool)>,
    /// The index of the next content block.
    pub(super) next_block: u64,
    pub(super) response: Response,
    has_begun: bool,
    /// Whether there is something that nobody can go on from, or nothing to go on with.
    is_closed: bool,
}

impl Heard {
    /// Of a stream of this protocol.
    pub(crate) fn new(front: Front) -> Self {
        let is_closed = !matches!(front, Front::Chat | Front::Messages | Front::Responses);
        Self {
            front,
            text: String::new(),
            head: Vec::new(),
            open: None,
            next_block: 0,
            response: Response::default(),
            has_begun: false,
            is_closed,
        }
    }

    /// Whether another link can go on from here: there is text, or as yet nothing but thoughts, and
    /// no tool call and no end.
    pub(crate) fn can_go_on(&self) -> bool {
        self.has_begun && !self.is_closed && self.response.is_text()
    }

    /// The text so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads whole events.
    pub(crate) fn note(&mut self, bytes: &[u8]) {
        if self.is_closed {
            return;
        }
        for event in Events::new(bytes) {
            let Some(data) = event.ok().and_then(|event| event.data) else { continue };
            match serde_json::from_slice::<Value>(&data) {
                Ok(event) if self.front == Front::Messages => self.message(&event),
                Ok(event) if self.front == Front::Responses => self.response(&event),
                Ok(chunk) => self.chunk(&chunk),
                // The end mark: there is nothing to go on with.
                Err(_) => self.is_closed = true,
            }
        }
        self.is_closed |= self.text.len() > LONGEST;
    }

    fn chunk(&mut self, chunk: &Value) {
        let Some(choice) = chunk.pointer("/choices/0") else { return };
        if self.head.is_empty() {
            let head = ["id", "model", "created"].map(|name| (name, chunk.get(name).cloned()));
            let said = head.into_iter().filter_map(|(name, value)| Some((name, value?)));
            self.head.extend(said.filter(|(_, value)| !value.is_null()));
        }
        self.has_begun = true;
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        let has = |name: &str| {
            delta.get(name).is_some_and(|value| {
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                !value.is_null() && value != "" && !is_empty
            })
        };
        let is_other = ["tool_calls", "function_call", "refusal", "audio"].into_iter().any(has)
            || delta.get("content").is_some_and(Value::is_array)
            || chunk.pointer("/choices/1").is_some()
            || choice.get("index").and_then(Value::as_u64).is_some_and(|index| index > 0);
        self.is_closed |= is_other || is_set(choice, "/finish_reason");
        self.text.push_str(text(delta, "/content"));
    }

    fn response(&mut self, event: &Value) {
        match self.response.note(event) {
            response::Heard::Begun => self.has_begun = true,
            response::Heard::Text(said) => self.text.push_str(said),
            response::Heard::Closed => self.is_closed = true,
            response::Heard::Nothing => {}
        }
    }

    fn message(&mut self, event: &Value) {
        match text(event, "/type") {
            "message_start" => self.has_begun = true,
            "content_block_start" => {
                let index = event.get("index").and_then(Value::as_u64).unwrap_or(self.next_block);
                let kind = text(event, "/content_block/type");
                self.next_block = index + 1;
                self.open = Some((index, kind == "text"));
                self.is_closed |= !matches!(kind, "text" | "thinking" | "redacted_thinking");
                self.text.push_str(text(event, "/content_block/text"));
            }
            "content_block_delta" => self.text.push_str(text(event, "/delta/text")),
            "content_block_stop" => self.open = None,
            "message_delta" => self.is_closed |= is_set(event, "/delta/stop_reason"),
            "message_stop" | "error" => self.is_closed = true,
            _ => {}
        }
    }
}

/// The inside of a JSON string.
pub(super) fn inner(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(front: Front, data: &[&str]) -> Heard {
        let mut heard = Heard::new(front);
        for data in data {
            heard.note(format!("data: {data}\n\n").as_bytes());
        }
        heard
    }

    #[test]
    fn text_can_be_gone_on_from_and_tool_calls_and_ends_cannot() {
        let begun = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}"#;
        let more = r#"{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}"#;
        let heard_so_far = heard(Front::Chat, &[begun, more]);
        assert!(heard_so_far.can_go_on());
        assert_eq!((heard_so_far.text(), heard_so_far.head.len()), ("Hello", 2));
        for last in [
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"x"}}]}"#,
            "[DONE]",
        ] {
            assert!(!heard(Front::Chat, &[begun, last]).can_go_on(), "{last}");
        }
        assert!(!heard(Front::Chat, &[]).can_go_on(), "nothing has begun");
        assert!(!heard(Front::Completions, &[begun]).can_go_on());
    }

    #[test]
    fn blocks_of_messages_are_followed() {
        let start = r#"{"type":"message_start","message":{"id":"m"}}"#;
        let thinks = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#;
        let stops = r#"{"type":"content_block_stop","index":0}"#;
        let text =
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#;
        let delta =
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#;
        let so_far = heard(Front::Messages, &[start, thinks, stops, text, delta]);
        assert!(so_far.can_go_on());
        assert_eq!((so_far.text(), so_far.open, so_far.next_block), ("Hi", Some((1, true)), 2));
        let tool = r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t"}}"#;
        assert!(!heard(Front::Messages, &[start, text, delta, tool]).can_go_on());
    }
}
