//! The content blocks of a continued message.
//!
//! Owns their numbers: the open block of text goes on, thoughts are left out, and what else comes
//! stands behind.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::heard::Heard;
use super::seam::{NotJoined, Seam};
use super::{replace, text};

/// The blocks of a continuation and what they are for the client.
#[derive(Debug)]
pub(super) struct Blocks {
    /// A block of the first stream that is still open, and whether it is text.
    open: Option<(u64, bool)>,
    next: u64,
    /// By the continuation's number: the client's, or that it gets nothing of it.
    numbers: BTreeMap<u64, Option<u64>>,
    /// The block in which text goes on.
    text: Option<u64>,
}

impl Blocks {
    pub(super) fn behind(heard: &Heard) -> Self {
        let (open, next) = (heard.open, heard.next_block);
        let text = open.filter(|(_, is_text)| *is_text).map(|(index, _)| index);
        Self { open, next, numbers: BTreeMap::new(), text }
    }

    /// The events that the client gets for one of the continuation.
    pub(super) fn joined(
        &mut self,
        mut event: Value,
        seam: &mut Seam,
    ) -> Result<Vec<Value>, NotJoined> {
        let number = event.get("index").and_then(Value::as_u64).unwrap_or_default();
        match text(&event, "/type") {
            "message_start" => Ok(Vec::new()),
            "content_block_start" => self.begins(event, number, seam),
            "content_block_delta" => {
                let Some(number) = self.numbers.get(&number).copied().flatten() else {
                    return Ok(Vec::new());
                };
                replace(&mut event, "/index", number);
                if let Some(said) = event.pointer("/delta/text").and_then(Value::as_str) {
                    let said = seam.push(said)?;
                    if said.is_empty() {
                        return Ok(Vec::new());
                    }
                    replace(&mut event, "/delta/text", said);
                }
                Ok(vec![event])
            }
            "content_block_stop" => {
                let number = self.numbers.get(&number).copied().flatten();
                // Text that has not been joined yet may go on in the next block.
                let Some(number) = number.filter(|_| !seam.is_open()) else {
                    return Ok(Vec::new());
                };
                self.text = self.text.filter(|text| *text != number);
                self.open = self.open.filter(|(open, _)| *open != number);
                replace(&mut event, "/index", number);
                Ok(vec![event])
            }
            "message_delta" if seam.is_open() => Err(NotJoined),
            "message_delta" => Ok(self.close().chain([event]).collect()),
            _ => Ok(vec![event]),
        }
    }

    fn begins(
        &mut self,
        mut event: Value,
        number: u64,
        seam: &mut Seam,
    ) -> Result<Vec<Value>, NotJoined> {
        let kind = text(&event, "/content_block/type");
        if matches!(kind, "thinking" | "redacted_thinking") {
            self.numbers.insert(number, None);
            return Ok(Vec::new());
        }
        if kind == "text" && self.text.is_some() {
            self.numbers.insert(number, self.text);
            return Ok(Vec::new());
        }
        let is_text = kind == "text";
        if seam.is_open() && !is_text {
            return Err(NotJoined);
        }
        let closed = self.close();
        let own = self.next;
        self.next += 1;
        self.numbers.insert(number, Some(own));
        self.text = is_text.then_some(own);
        self.open = Some((own, is_text));
        replace(&mut event, "/index", own);
        Ok(closed.chain([event]).collect())
    }

    /// Closes the block that is open.
    fn close(&mut self) -> impl Iterator<Item = Value> + use<> {
        self.text = None;
        let open = self.open.take();
        open.into_iter().map(|(index, _)| json!({"type": "content_block_stop", "index": index}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::Front;
    use crate::resume::{Continuation, Joint};
    use crate::wire::Wishes;

    fn start(index: u64, block: Value) -> Value {
        json!({"type": "content_block_start", "index": index, "content_block": block})
    }

    fn says(index: u64, text: &str) -> Value {
        json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "text_delta", "text": text}})
    }

    fn stop(index: u64) -> Value {
        json!({"type": "content_block_stop", "index": index})
    }

    fn text() -> Value {
        json!({"type": "text", "text": ""})
    }

    fn bytes(events: &[Value]) -> Vec<u8> {
        let event = |event: &Value| format!("event: x\ndata: {event}\n\n");
        events.iter().map(event).collect::<String>().into_bytes()
    }

    /// What the client gets of a continuation behind these events.
    fn continued(before: &[Value], after: &[Value], way: Continuation) -> Vec<Value> {
        let mut heard = Heard::new(Front::Messages);
        heard.note(&bytes(&[json!({"type": "message_start", "message": {}})]));
        heard.note(&bytes(before));
        assert!(heard.can_go_on());
        let out = Joint::new(&heard, way, Wishes::default()).push(&bytes(after)).unwrap();
        let out = std::str::from_utf8(&out).unwrap();
        let data = out.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    #[test]
    fn the_open_block_goes_on_and_the_others_stand_behind_it() {
        let ends = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}});
        let tool = json!({"type": "tool_use", "id": "t", "name": "n", "input": {}});
        let thinks = json!({"type": "thinking", "thinking": ""});
        let after = [
            json!({"type": "message_start", "message": {"id": "two"}}),
            start(0, thinks),
            stop(0),
            start(1, text()),
            says(1, "The qui"),
            says(1, "ck brown"),
            stop(1),
            start(2, tool.clone()),
            stop(2),
            ends.clone(),
            json!({"type": "message_stop"}),
        ];
        let before = [start(0, text()), says(0, "The quick")];
        let out = continued(&before, &after, Continuation::Instructed);
        let rest = [
            says(0, " brown"),
            stop(0),
            start(1, tool),
            stop(1),
            ends,
            json!({"type": "message_stop"}),
        ];
        assert_eq!(
            out,
            rest.map(|event| match event["delta"]["text"].as_str() {
                Some(_) => says(0, " brown"),
                None => event,
            })
        );
    }

    #[test]
    fn thoughts_alone_are_closed_before_the_text() {
        let thinks = json!({"type": "thinking", "thinking": ""});
        let before = [start(0, thinks)];
        let after = [start(0, text()), says(0, "Hi"), stop(0)];
        let out = continued(&before, &after, Continuation::Anew);
        assert_eq!(out, [stop(0), start(1, text()), says(1, "Hi"), stop(1)]);
    }

    #[test]
    fn an_end_without_another_word_closes_what_is_open() {
        let ends = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
        let before = [start(0, text()), says(0, "The end.")];
        let out = continued(&before, std::slice::from_ref(&ends), Continuation::Prefilled);
        assert_eq!(out, [stop(0), ends]);
    }
}
