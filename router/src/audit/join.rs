//! A stream as the client got it, joined into the one answer that it stands for.
//!
//! Owns the joining; it runs when the stream is over, beside or after the request.

use serde_json::{Map, Value};

use crate::sse::Events;

/// Members of a delta that are told once and not piece by piece.
const WHOLE: [&str; 7] = ["format", "id", "index", "name", "role", "signature", "type"];

/// The events of a stream as one value: chat completion chunks as the chat completion that they
/// make, the events of another protocol as they came, in a list.
pub(super) fn stream(bytes: &[u8]) -> Value {
    let data = Events::new(bytes).flatten().filter_map(|event| event.data);
    let events = data.filter_map(|data| serde_json::from_slice::<Value>(&data).ok());
    let events: Vec<Value> = events.collect();
    if events.iter().all(is_chunk) { completion(events) } else { Value::Array(events) }
}

fn is_chunk(event: &Value) -> bool {
    event.get("choices").is_some() || event.get("error").is_some()
}

fn completion(chunks: Vec<Value>) -> Value {
    let mut whole = Map::new();
    let mut choices: Vec<Value> = Vec::new();
    for chunk in chunks {
        let Value::Object(chunk) = chunk else { continue };
        for (key, value) in chunk {
            match (key.as_str(), value) {
                ("choices", Value::Array(list)) => {
                    list.into_iter().for_each(|choice| add_choice(&mut choices, choice));
                }
                (_, Value::Null) => {}
                ("object", _) => drop(whole.insert(key, "chat.completion".into())),
                (_, value) => drop(whole.insert(key, value)),
            }
        }
    }
    whole.insert("choices".into(), Value::Array(choices));
    Value::Object(whole)
}

/// Adds a chunk's choice to the one with its index; its delta is the answer's message.
fn add_choice(choices: &mut Vec<Value>, choice: Value) {
    let Value::Object(mut choice) = choice else { return };
    let delta = choice.remove("delta");
    choice.entry("index").or_insert(0.into());
    if let Some(delta) = delta {
        choice.insert("message".into(), delta);
    }
    add_indexed(choices, Value::Object(choice));
}

fn add(whole: &mut Value, piece: Value) {
    match (whole, piece) {
        (_, Value::Null) => {}
        (Value::Object(whole), Value::Object(piece)) => {
            for (key, value) in piece {
                match whole.get_mut(&key) {
                    None => drop(whole.insert(key, value)),
                    Some(told) if is_told(&key, told) => {}
                    Some(before) => add(before, value),
                }
            }
        }
        (Value::Array(whole), Value::Array(pieces)) => {
            pieces.into_iter().for_each(|piece| add_indexed(whole, piece));
        }
        (Value::String(whole), Value::String(piece)) => whole.push_str(&piece),
        (whole, piece) => *whole = piece,
    }
}

fn is_told(key: &str, value: &Value) -> bool {
    WHOLE.contains(&key) && !value.is_null() && value != ""
}

/// Adds to the element with the same `index`, or as a further one.
fn add_indexed(list: &mut Vec<Value>, piece: Value) {
    let index = piece.get("index").filter(|index| index.is_u64());
    let same = index.and_then(|index| list.iter().position(|it| it.get("index") == Some(index)));
    match same.and_then(|at| list.get_mut(at)) {
        Some(whole) => add(whole, piece),
        None => list.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn joined(events: &[Value]) -> Value {
        let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        stream(format!("{text}data: [DONE]\n\n").as_bytes())
    }

    #[test]
    fn chunks_make_the_completion_that_they_are_pieces_of() {
        let chunk = |choice: Value| {
            json!({"id": "c", "object": "chat.completion.chunk", "created": 7,
            "model": "m", "choices": [choice], "usage": null})
        };
        let call = |call: Value| chunk(json!({"index": 0, "delta": {"tool_calls": [call]}}));
        let answer = joined(&[
            chunk(json!({"index": 0, "delta": {"role": "assistant", "content": ""}})),
            chunk(json!({"index": 0, "delta": {"content": "Hé"}, "finish_reason": null})),
            chunk(json!({"index": 1, "delta": {"content": "other"}})),
            chunk(json!({"index": 0, "delta": {"content": "llo", "reasoning_content": "hm"}})),
            call(
                json!({"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}),
            ),
            call(json!({"index": 0, "function": {"arguments": "{\"a\""}})),
            call(json!({"index": 1, "id": "u", "function": {"name": "g", "arguments": "{}"}})),
            call(json!({"index": 0, "id": "t", "function": {"name": "f", "arguments": ":1}"}})),
            chunk(json!({"index": 0, "delta": {}, "finish_reason": "tool_calls"})),
            json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 3}}),
        ]);
        let expected = json!({
            "id": "c", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [
                {"index": 0, "finish_reason": "tool_calls", "message": {
                    "role": "assistant", "content": "Héllo", "reasoning_content": "hm",
                    "tool_calls": [
                        {"index": 0, "id": "t", "type": "function",
                            "function": {"name": "f", "arguments": "{\"a\":1}"}},
                        {"index": 1, "id": "u", "function": {"name": "g", "arguments": "{}"}},
                    ]}},
                {"index": 1, "message": {"content": "other"}},
            ],
            "usage": {"prompt_tokens": 3},
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_broken_stream_keeps_what_was_said_and_the_error() {
        let answer = joined(&[
            json!({"choices": [{"delta": {"content": "a"}}]}),
            json!({"error": {"message": "cut"}}),
        ]);
        assert_eq!(answer["choices"][0]["message"]["content"], "a");
        assert_eq!(answer["error"]["message"], "cut");
    }

    #[test]
    fn the_events_of_another_protocol_stay_a_list() {
        let events = [json!({"type": "message_start"}), json!({"type": "message_stop"})];
        assert_eq!(joined(&events), json!(events));
    }
}
