//! A translated stream read as a strict client reads it, and put together into a whole answer.
//!
//! Owns the invariants that every translated stream keeps (`translation.md`).

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sfai_router::wire::{End, StreamReader};

/// Everything that a reader gave for some bytes.
pub struct Run {
    pub out: Vec<u8>,
    pub events: u32,
    pub token: bool,
    pub failed: bool,
    pub end: End,
    pub reader: StreamReader,
}

/// Feeds `bytes` cut at these places.
pub fn run(mut reader: StreamReader, bytes: &[u8], cuts: &[usize]) -> Run {
    let mut cuts = cuts.to_vec();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let (mut out, mut events, mut token, mut failed) = (Vec::new(), 0, false, false);
    for pair in cuts.windows(2) {
        let progress = reader.push(Bytes::copy_from_slice(&bytes[pair[0]..pair[1]]));
        assert!(!failed || progress.out.is_empty(), "something follows a failure");
        failed |= progress.failure.is_some();
        events += progress.events;
        token |= progress.token;
        out.extend_from_slice(&progress.out);
    }
    let end = reader.finish();
    out.extend_from_slice(&end.out);
    Run { out, events, token, failed, end, reader }
}

/// The data of all events; panics where the stream is not made of whole ones.
pub fn data(out: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"), "half an event: {text}");
    text.split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").expect("a data event").to_owned())
        .collect()
}

/// What a complete stream amounts to: a message, the finish reason and the usage.
pub fn accumulate(out: &[u8]) -> Value {
    let mut data = data(out);
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> = data.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    for chunk in &chunks {
        assert_eq!((&chunk["id"], &chunk["model"]), (&chunks[0]["id"], &chunks[0]["model"]));
        assert_eq!(chunk["object"], "chat.completion.chunk");
    }
    let (usage, choices): (Vec<&Value>, Vec<&Value>) =
        chunks.iter().partition(|chunk| chunk["choices"].as_array().unwrap().is_empty());
    assert!(usage.len() <= 1 && chunks.last().unwrap()["usage"].is_null() == usage.is_empty());
    let (message, finish) = choice(&choices);
    json!({"id": chunks[0]["id"], "model": chunks[0]["model"], "message": message,
        "finish_reason": finish, "usage": usage.first().map(|chunk| &chunk["usage"])})
}

fn choice(chunks: &[&Value]) -> (Value, Value) {
    let mut message = Map::new();
    for (place, chunk) in chunks.iter().enumerate() {
        let choice = &chunk["choices"][0];
        assert_eq!(choice["index"], 0);
        let is_last = place + 1 == chunks.len();
        assert_eq!(choice["finish_reason"].is_null(), !is_last, "one finish reason, the last");
        let delta = choice["delta"].as_object().unwrap();
        assert_eq!(delta.contains_key("role"), place == 0, "the role once");
        delta.iter().for_each(|(name, value)| add(&mut message, name, value));
    }
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    for (place, call) in calls.enumerate() {
        assert_eq!(call["index"], place, "calls are counted from 0");
    }
    (Value::Object(message), chunks.last().unwrap()["choices"][0]["finish_reason"].clone())
}

/// Strings are joined, list elements of one index too.
fn add(to: &mut Map<String, Value>, name: &str, value: &Value) {
    match (to.get_mut(name), value) {
        (Some(Value::String(old)), Value::String(new)) if name != "type" => old.push_str(new),
        (Some(Value::Array(old)), Value::Array(new)) => {
            new.iter().for_each(|it| add_to_list(old, it))
        }
        (Some(Value::Object(old)), Value::Object(new)) => {
            new.iter().for_each(|(name, value)| add(old, name, value));
        }
        _ => {
            to.insert(name.to_owned(), value.clone());
        }
    }
}

fn add_to_list(list: &mut Vec<Value>, new: &Value) {
    let known = list.iter_mut().find(|old| !new["index"].is_null() && old["index"] == new["index"]);
    match known {
        Some(Value::Object(old)) => {
            for (name, value) in new.as_object().unwrap() {
                assert!(name != "id" && name != "name", "sent a second time: {new}");
                add(old, name, value);
            }
        }
        _ => list.push(new.clone()),
    }
}

/// A whole answer in the form that [`accumulate`] gives.
pub fn whole(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["object"], "chat.completion");
    let choice = &body["choices"][0];
    let mut message = choice["message"].as_object().unwrap().clone();
    message.retain(|_, value| !value.is_null());
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        for (place, call) in calls.iter_mut().enumerate() {
            call["index"] = json!(place);
        }
    }
    json!({"id": body["id"], "model": body["model"], "message": message,
        "finish_reason": choice["finish_reason"], "usage": body["usage"]})
}

/// Arguments are compared as JSON: their spacing is the model's.
pub fn parse_arguments(mut answer: Value) -> Value {
    if let Some(calls) = answer["message"].get_mut("tool_calls").and_then(Value::as_array_mut) {
        for call in calls {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            call["function"]["arguments"] = serde_json::from_str(arguments).unwrap();
        }
    }
    answer
}
