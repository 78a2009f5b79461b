//! What a client was sent of a response's events, and the writer that goes on with them.
//!
//! Owns the reading of those events; a continuation is a chat, and what it says is written as events
//! by the same writer that writes every chat's.

use bytes::Bytes;
use serde_json::{Value, json};

use super::heard::inner;
use super::text;
use crate::openai::responses::compose::{Begun, Composer, OpenText, Wanted};
use crate::wire::Wishes;

/// A response so far.
#[derive(Debug, Default)]
pub(super) struct Response {
    /// The whole id.
    id: String,
    model: String,
    created: u64,
    /// The number of the next event.
    number: u64,
    /// The items that are done, by their places.
    done: Vec<Option<String>>,
    open: Option<Open>,
}

/// The item that is open.
#[derive(Debug)]
struct Open {
    index: usize,
    id: String,
    is_text: bool,
    text: String,
    annotations: Vec<String>,
}

/// What an event means for a continuation.
pub(super) enum Heard<'e> {
    /// The response has begun.
    Begun,
    /// More of its text.
    Text(&'e str),
    /// Nobody can go on from here.
    Closed,
    Nothing,
}

impl Response {
    /// Whether nothing is open but text.
    pub(super) fn is_text(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.is_text)
    }

    pub(super) fn note<'e>(&mut self, event: &'e Value) -> Heard<'e> {
        if let Some(number) = event.get("sequence_number").and_then(Value::as_u64) {
            self.number = self.number.max(number + 1);
        }
        match text(event, "/type") {
            "response.created" => {
                self.id = text(event, "/response/id").to_owned();
                self.model = text(event, "/response/model").to_owned();
                let created = event.pointer("/response/created_at").and_then(Value::as_u64);
                self.created = created.unwrap_or_default();
                Heard::Begun
            }
            "response.output_item.added" => self.begins(event),
            "response.output_text.delta" if is_first_part(event) => {
                let said = text(event, "/delta");
                match &mut self.open {
                    Some(open) => open.text.push_str(said),
                    None => return Heard::Closed,
                }
                Heard::Text(said)
            }
            "response.output_text.annotation.added" if is_first_part(event) => {
                let annotation = event.get("annotation").map(Value::to_string);
                if let Some(open) = &mut self.open {
                    open.annotations.extend(annotation);
                }
                Heard::Nothing
            }
            "response.output_item.done" => {
                let index = self.open.take().map_or(self.done.len(), |open| open.index);
                if self.done.len() <= index {
                    self.done.resize(index + 1, None);
                }
                if let Some(place) = self.done.get_mut(index) {
                    *place = event.get("item").map(Value::to_string);
                }
                Heard::Nothing
            }
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "error" => Heard::Closed,
            _ => Heard::Nothing,
        }
    }

    fn begins(&mut self, event: &Value) -> Heard<'static> {
        let kind = text(event, "/item/type");
        let next = self.done.len();
        let index = event.get("output_index").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok()).unwrap_or(next);
        // Items of this kind come one after the other; calls of tools may lie beside each other.
        if !matches!(kind, "message" | "reasoning") || self.open.is_some() || index != next {
            return Heard::Closed;
        }
        self.done.push(None);
        self.open = Some(Open {
            index,
            id: text(event, "/item/id").to_owned(),
            is_text: kind == "message",
            text: String::new(),
            annotations: Vec::new(),
        });
        Heard::Nothing
    }

    /// What writes the rest of it.
    pub(super) fn writer(&self, wishes: Wishes) -> Box<Composer> {
        let (prefix, id) = match self.id.strip_prefix("resp_") {
            Some(rest) => ("resp_", rest),
            None => ("", self.id.as_str()),
        };
        let open = self.open.as_ref().map(|open| OpenText {
            index: open.index,
            id: open.id.clone(),
            raw_inner: inner(&json!(open.text).to_string()).to_owned(),
            annotations: open.annotations.clone(),
        });
        let begun = Begun {
            prefix,
            id: id.to_owned(),
            raw_model: json!(self.model).to_string(),
            number: self.number,
            done: self.done.clone(),
            open,
        };
        let Wishes { custom_tools, names, .. } = wishes;
        let (model, created) = (self.model.clone(), self.created);
        let wanted = Wanted { custom_tools, names, model, created, chance: 0 };
        Box::new(Composer::behind(begun, wanted))
    }
}

/// A message with several parts of text is nobody's that we know of.
fn is_first_part(event: &Value) -> bool {
    event.get("content_index").and_then(Value::as_u64).unwrap_or_default() == 0
}

/// Chunks of a chat as the events that the client gets.
pub(super) fn written(composer: &mut Composer, data: &str) -> Bytes {
    composer.push(format!("data: {data}\n\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::Front;
    use crate::resume::{Continuation, Heard as Sent, Joint};

    fn sent(events: &[Value]) -> Sent {
        let mut heard = Sent::new(Front::Responses);
        for (number, event) in events.iter().enumerate() {
            let mut event = event.clone();
            event["sequence_number"] = json!(number);
            heard.note(format!("event: x\ndata: {event}\n\n").as_bytes());
        }
        heard
    }

    fn begun() -> Vec<Value> {
        let response = json!({"id": "resp_1", "model": "m", "created_at": 7});
        vec![
            json!({"type": "response.created", "response": response}),
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "reasoning", "id": "rs_1"}}),
            json!({"type": "response.reasoning_summary_text.delta", "delta": "Hm."}),
            json!({"type": "response.output_item.done", "output_index": 0,
                "item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
            json!({"type": "response.output_item.added", "output_index": 1,
                "item": {"type": "message", "id": "msg_1"}}),
            json!({"type": "response.content_part.added", "content_index": 0}),
            json!({"type": "response.output_text.delta", "content_index": 0, "delta": "The \"quick "}),
        ]
    }

    #[test]
    fn a_response_goes_on_with_its_numbers_ids_and_items() {
        let heard = sent(&begun());
        assert!(heard.can_go_on());
        assert_eq!(heard.text(), "The \"quick ");
        let mut joint = Joint::new(&heard, Continuation::Prefilled, Wishes::default());
        let mut out = String::new();
        for (delta, finish) in [
            (json!({"role": "assistant", "content": " brown"}), Value::Null),
            (json!({}), json!("stop")),
        ] {
            let chunk = json!({"id": "two", "model": "n", "choices": [{"index": 0, "delta": delta,
                "finish_reason": finish}]});
            let bytes = joint.push(format!("data: {chunk}\n\n").as_bytes()).unwrap();
            out += std::str::from_utf8(&bytes).unwrap();
        }
        // Without an end mark, too.
        out += std::str::from_utf8(&joint.end()).unwrap();
        assert!(joint.end().is_empty());
        let events: Vec<Value> = out
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let numbers: Vec<u64> =
            events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (7..7 + events.len() as u64).collect::<Vec<_>>());
        assert_eq!(
            (&events[0]["delta"], &events[0]["item_id"]),
            (&json!("brown"), &json!("msg_1"))
        );
        let last = &events[events.len() - 1]["response"];
        assert_eq!(
            (&last["id"], &last["model"], &last["created_at"]),
            (&json!("resp_1"), &json!("m"), &json!(7))
        );
        assert_eq!(last["output"][0]["id"], "rs_1");
        assert_eq!(last["output"][1]["content"][0]["text"], "The \"quick brown");
    }

    #[test]
    fn what_is_no_text_is_not_gone_on_from() {
        for last in [
            json!({"type": "response.output_item.added", "output_index": 2,
                "item": {"type": "function_call", "id": "fc_1"}}),
            json!({"type": "response.refusal.delta", "delta": "No"}),
            json!({"type": "response.output_text.delta", "content_index": 1, "delta": "x"}),
            json!({"type": "response.completed", "response": {}}),
        ] {
            let events: Vec<Value> = begun().into_iter().chain([last.clone()]).collect();
            assert!(!sent(&events).can_go_on(), "{last}");
        }
        assert!(!sent(&begun()[..3]).can_go_on(), "it thinks, and nobody else could go on with it");
        assert!(sent(&begun()[..1]).can_go_on(), "there is nothing yet to go on with");
    }
}
