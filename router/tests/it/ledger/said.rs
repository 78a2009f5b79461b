//! What a client of each protocol makes of an answer, in one form; and recorded streams as the
//! answers that they would have been otherwise.
//!
//! Owns a reading that takes what providers really send; the strict ones are in `message_events`
//! and `response_events`.

use std::collections::BTreeMap;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use serde_json::{Value, json};

use super::{Asker, Case};

/// An answer without its protocol.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    pub text: String,
    /// Name and input.
    pub calls: Vec<(String, Value)>,
    pub failed: bool,
}

impl Said {
    pub fn of(asker: Asker, streamed: bool, status: u16, text: &str) -> Self {
        if status != 200 {
            return Self { failed: true, ..Self::default() };
        }
        if !streamed {
            let body: Value = serde_json::from_str(text).unwrap();
            return match asker {
                Asker::Chat => chat(&body["choices"][0]["message"]),
                Asker::Messages => message(&body),
                Asker::Responses => response(&body),
                Asker::Completions => completion(&[body]),
            };
        }
        let events = events(text);
        let failed = events.iter().any(|it| !it["error"].is_null() || it["type"] == "error");
        let said = match asker {
            Asker::Chat => chat(&whole_chat(&events)["choices"][0]["message"]),
            Asker::Messages => message(&whole_message(&events)),
            Asker::Responses => events.last().map(|last| response(&last["response"])).unwrap(),
            Asker::Completions => completion(&events),
        };
        Self { failed: failed || said.failed, ..said }
    }

    /// Whether another client heard the same. Of what broke off, each keeps what it can.
    pub fn is_like(&self, other: &Self) -> bool {
        self.failed == other.failed && (self.failed || self == other)
    }
}

/// The data of a stream's events.
pub fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

fn input(arguments: &Value) -> Value {
    let text = arguments.as_str().unwrap_or_default();
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap_or(json!(text)) }
}

/// A text, or the texts among parts.
fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        parts => {
            let parts = parts.as_array().into_iter().flatten();
            parts.filter_map(|part| part["text"].as_str()).collect()
        }
    }
}

fn chat(message: &Value) -> Said {
    let refusal = message["refusal"].as_str().unwrap_or_default();
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|it| &it["function"]);
    let calls = calls.chain(message.get("function_call").filter(|it| it.is_object()));
    let calls = calls.filter(|function| function.is_object());
    let calls = calls.map(|it| (it["name"].as_str().unwrap().to_owned(), input(&it["arguments"])));
    Said { text: texts(&message["content"]) + refusal, calls: calls.collect(), failed: false }
}

fn message(message: &Value) -> Said {
    let blocks = message["content"].as_array().into_iter().flatten();
    let calls = blocks.clone().filter(|block| block["type"] == "tool_use");
    let calls = calls.map(|it| (it["name"].as_str().unwrap().to_owned(), it["input"].clone()));
    let text = blocks.filter(|block| block["type"] == "text");
    let text: String = text.map(|block| block["text"].as_str().unwrap()).collect();
    let refusal = message["stop_details"]["explanation"].as_str().unwrap_or_default();
    Said { text: text + refusal, calls: calls.collect(), failed: false }
}

fn response(response: &Value) -> Said {
    let items = || response["output"].as_array().into_iter().flatten();
    let parts =
        items().filter(|it| it["type"] == "message").flat_map(|it| it["content"].as_array());
    let text =
        parts.flatten().filter_map(|part| part["text"].as_str().or(part["refusal"].as_str()));
    let calls = items().filter(|it| it["type"] == "function_call");
    let calls = calls.map(|it| (it["name"].as_str().unwrap().to_owned(), input(&it["arguments"])));
    let failed = response["status"] == "failed" || response.is_null();
    Said { text: text.collect(), calls: calls.collect(), failed }
}

fn completion(events: &[Value]) -> Said {
    let text = events.iter().filter_map(|it| it["choices"][0]["text"].as_str()).collect();
    Said { text, ..Said::default() }
}

/// The answer that a recorded stream would have been whole; none where that cannot be made of it.
pub fn whole(case: &Case) -> Option<Value> {
    if !case.is_stream() {
        return None;
    }
    match case.api() {
        "messages" => Some(whole_message(&events(&String::from_utf8_lossy(&case.body)))),
        "chat.completions" => Some(whole_chat(&events(&String::from_utf8_lossy(&case.body)))),
        "converse" => Some(whole_converse(&case.body)),
        _ => None,
    }
}

fn append(to: &mut Value, key: &str, piece: &Value) {
    if let Some(piece) = piece.as_str() {
        let so_far = to[key].as_str().unwrap_or_default().to_owned();
        to[key] = json!(so_far + piece);
    }
}

fn whole_message(events: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    for event in events {
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                blocks.insert(index, event["content_block"].clone());
            }
            "content_block_delta" => {
                let (block, delta) = (blocks.get_mut(&index).unwrap(), &event["delta"]);
                for key in ["text", "thinking", "signature"] {
                    append(block, key, &delta[key]);
                }
                append(block, "json", &delta["partial_json"]);
                if delta["citation"].is_object() {
                    let mut all = block["citations"].as_array().cloned().unwrap_or_default();
                    all.push(delta["citation"].clone());
                    block["citations"] = all.into();
                }
            }
            "message_delta" => {
                for (key, value) in event["delta"].as_object().unwrap() {
                    message[key] = value.clone();
                }
                for (key, value) in event["usage"].as_object().into_iter().flatten() {
                    message["usage"][key] = value.clone();
                }
            }
            _ => (),
        }
    }
    let blocks = blocks.into_values().map(|mut block| {
        if let Some(json) = block.as_object_mut().unwrap().remove("json") {
            block["input"] = input(&json);
        }
        block
    });
    let content: Value = blocks.collect();
    if message.is_object() {
        message["content"] = content;
    }
    message
}

pub fn whole_chat(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    let mut calls: BTreeMap<u64, Value> = BTreeMap::new();
    let mut whole = json!({"id": "c", "object": "chat.completion", "model": "m", "created": 1});
    let mut finish = Value::Null;
    for event in events {
        if event["usage"].is_object() {
            whole["usage"] = event["usage"].clone();
        }
        let choices = event["choices"].as_array().into_iter().flatten();
        for choice in choices.filter(|it| it["index"].as_u64().unwrap_or(0) == 0) {
            let delta = &choice["delta"];
            append(&mut message, "content", &json!(texts(&delta["content"])));
            append(&mut message, "refusal", &delta["refusal"]);
            append(&mut message, "reasoning_content", &delta["reasoning_content"]);
            for (place, piece) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let index = piece["index"].as_u64().unwrap_or(place as u64);
                let call = calls.entry(index).or_insert_with(|| {
                    json!({"id": piece["id"], "type": "function",
                        "function": {"name": piece["function"]["name"], "arguments": ""}})
                });
                append(&mut call["function"], "arguments", &piece["function"]["arguments"]);
            }
            if choice["finish_reason"].is_string() {
                finish = choice["finish_reason"].clone();
            }
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into_values().collect();
    }
    whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish}]);
    whole
}

fn whole_converse(body: &[u8]) -> Value {
    let (mut frames, mut bytes) = (MessageFrameDecoder::new(), body);
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    let (mut reason, mut usage) = (Value::Null, Value::Null);
    while let Ok(DecodedFrame::Complete(frame)) = frames.decode_frame(&mut bytes) {
        let event: Value = serde_json::from_slice(frame.payload()).unwrap();
        let index = event["contentBlockIndex"].as_u64().unwrap_or_default();
        if let Some(call) = event["start"]["toolUse"].as_object() {
            blocks.insert(index, json!({ "toolUse": call }));
        }
        if event["delta"].is_object() {
            let block = blocks.entry(index).or_insert_with(|| json!({}));
            append(block, "text", &event["delta"]["text"]);
            append(block, "json", &event["delta"]["toolUse"]["input"]);
        }
        if event["stopReason"].is_string() {
            reason = event["stopReason"].clone();
        }
        if event["usage"].is_object() {
            usage = event["usage"].clone();
        }
    }
    let blocks = blocks.into_values().map(|mut block| {
        if let Some(json) = block.as_object_mut().unwrap().remove("json") {
            block["toolUse"]["input"] = input(&json);
        }
        block
    });
    let blocks = blocks.filter(|block| *block != json!({}));
    let message = json!({"role": "assistant", "content": blocks.collect::<Value>()});
    json!({"output": {"message": message}, "stopReason": reason, "usage": usage,
        "metrics": {"latencyMs": 1}})
}
