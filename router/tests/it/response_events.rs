//! A stream of a response's events read as a strict client reads it.
//!
//! Owns the order of events that every stream keeps which the router writes itself.

use serde_json::{Map, Value};

/// What a client makes of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The response with which it ended; null where it did not.
    pub response: Value,
    /// The error that ended it.
    pub error: Option<Value>,
}

/// Reads a stream; `name` is for messages of failures.
pub fn hear(text: &str, name: &str) -> Heard {
    assert!(text.is_empty() || text.ends_with("\n\n"), "{name}: half an event");
    let mut heard = Heard { response: Value::Null, error: None };
    let (mut said, mut done) = (Map::new(), Vec::new());
    let mut begun = Value::Null;
    for (number, event) in text.split_terminator("\n\n").enumerate() {
        let (first, second) = event.split_once('\n').expect("two lines");
        let data: Value = serde_json::from_str(second.strip_prefix("data: ").unwrap()).unwrap();
        let kind = data["type"].as_str().unwrap();
        assert_eq!(first, format!("event: {kind}"), "{name}");
        assert_eq!(data["sequence_number"], number, "{name}");
        if kind == "error" {
            heard.error = Some(data["error"].clone());
            continue;
        }
        assert!(heard.response.is_null(), "{name}: {kind} follows the end");
        if heard.error.is_some() {
            assert_eq!(kind, "response.failed", "{name}");
            heard.failed(&data["response"], (&begun, &done, &said), name);
            continue;
        }
        let id = data["item_id"].as_str().unwrap_or_default().to_owned();
        match kind {
            "response.created" | "response.in_progress" => {
                assert!(number < 2, "{name}");
                begun = data["response"].clone();
            }
            "response.output_item.added" => {
                let id = data["item"]["id"].as_str().unwrap();
                assert_eq!(data["output_index"], said.len(), "{name}: items are counted from 0");
                assert!(said.insert(id.into(), Value::from("")).is_none(), "{name}: {id} twice");
            }
            "response.output_item.done" => {
                assert!(said.contains_key(data["item"]["id"].as_str().unwrap()), "{name}");
                done.push((data["output_index"].as_u64().unwrap(), data["item"].clone()));
            }
            "response.completed" | "response.incomplete" => {
                heard.response = data["response"].clone();
            }
            kind if kind.ends_with(".delta") => {
                let so_far = said.get(&id).expect("an open item").as_str().unwrap();
                let whole = so_far.to_owned() + data["delta"].as_str().unwrap();
                said.insert(id, Value::from(whole));
            }
            kind if kind.ends_with("text.done") => assert_eq!(data["text"], said[&id], "{name}"),
            kind if kind.ends_with("arguments.done") => {
                let whole = if said[&id] == "" { Value::from("{}") } else { said[&id].clone() };
                assert_eq!(data["arguments"], whole, "{name}");
            }
            kind if kind.ends_with("input.done") => assert_eq!(data["input"], said[&id], "{name}"),
            "response.output_text.annotation.added" => {
                assert_eq!(data["annotation"]["type"], "url_citation", "{name}");
            }
            "response.refusal.done" => assert_eq!(data["refusal"], said[&id], "{name}"),
            kind => assert!(kind.contains("part."), "{name}: {kind}"),
        }
    }
    if heard.error.is_none() {
        done.sort_by_key(|(index, _)| *index);
        let done: Vec<Value> = done.into_iter().map(|(_, item)| item).collect();
        assert_eq!(heard.response["output"], Value::from(done), "{name}");
    }
    heard
}

impl Heard {
    /// A response that failed is the one that began, with what came of it.
    fn failed(&self, response: &Value, (begun, done, said): Came<'_>, name: &str) {
        for member in ["id", "model", "created_at", "object"] {
            assert_eq!(response[member], begun[member], "{name}: {member}");
        }
        let error = self.error.as_ref().unwrap();
        assert_eq!(response["status"], "failed", "{name}");
        assert_eq!(response["error"]["code"], error["code"], "{name}");
        let output = response["output"].as_array().unwrap();
        // The items of one that is passed on are not kept, and none is told then.
        for (_, item) in done {
            assert!(output.is_empty() || output.contains(item), "{name}: {item} is lost");
        }
        for item in output.iter().filter(|item| item["status"] == "incomplete") {
            let whole = &said[item["id"].as_str().unwrap()];
            let part = &item["content"][0];
            let text = part.get("text").unwrap_or(&part["refusal"]);
            assert_eq!(text, whole, "{name}");
            assert_ne!(item["type"], "function_call", "{name}: half a call");
        }
    }
}

/// The response as it began, and its items: those that are done, and what was said of each.
type Came<'a> = (&'a Value, &'a [(u64, Value)], &'a Map<String, Value>);

/// The items of a kind.
pub fn items<'r>(response: &'r Value, kind: &str) -> Vec<&'r Value> {
    response["output"].as_array().into_iter().flatten().filter(|it| it["type"] == kind).collect()
}

/// The text of all messages.
pub fn text(response: &Value) -> String {
    let parts = items(response, "message").into_iter().flat_map(|it| it["content"].as_array());
    parts.flatten().filter_map(|part| part["text"].as_str()).collect()
}
