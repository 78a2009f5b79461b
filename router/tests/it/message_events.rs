//! A stream of Anthropic's read as a strict client reads it, and put together into a whole message.
//!
//! Owns the order of events that every stream keeps which the router writes itself.

use serde_json::{Value, json};

/// What a client makes of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The message; null where none began.
    pub message: Value,
    /// The error that ended it.
    pub error: Option<Value>,
}

/// Reads a stream; `name` is for messages of failures.
pub fn hear(text: &str, name: &str) -> Heard {
    assert!(text.is_empty() || text.ends_with("\n\n"), "{name}: half an event: {text}");
    let mut heard = Heard { message: Value::Null, error: None };
    let (mut open, mut stopped) = (Vec::new(), false);
    for event in text.split_terminator("\n\n") {
        let (first, second) = event.split_once('\n').expect("two lines");
        let data: Value = serde_json::from_str(second.strip_prefix("data: ").unwrap()).unwrap();
        let kind = data["type"].as_str().unwrap();
        assert_eq!(first, format!("event: {kind}"), "{name}");
        assert!(!stopped && heard.error.is_none(), "{name}: {kind} follows the end");
        assert_eq!(kind == "message_start", heard.message.is_null(), "{name}: it starts once");
        match kind {
            "message_start" => heard.message = data["message"].clone(),
            "content_block_start" => start(&mut heard.message, &mut open, &data, name),
            "content_block_delta" => delta(&mut heard.message, &open, &data, name),
            "content_block_stop" => {
                let place = open.iter().position(|it| *it == data["index"]);
                open.remove(place.unwrap_or_else(|| panic!("{name}: {data} is not open")));
            }
            "message_delta" => {
                assert!(open.is_empty(), "{name}: ends with an open block");
                let message = heard.message.as_object_mut().unwrap();
                assert!(message["stop_reason"].is_null(), "{name}: one stop reason");
                message.extend(data["delta"].as_object().unwrap().clone());
                message.insert("usage".into(), data["usage"].clone());
            }
            "message_stop" => stopped = true,
            "error" => heard.error = Some(data["error"].clone()),
            _ => panic!("{name}: {kind} is not an event"),
        }
    }
    assert_eq!(stopped, heard.error.is_none(), "{name}: it stops exactly where all is well");
    parse_inputs(&mut heard.message);
    heard
}

fn start(message: &mut Value, open: &mut Vec<Value>, data: &Value, name: &str) {
    let content = message["content"].as_array_mut().unwrap();
    assert_eq!(data["index"], content.len(), "{name}: blocks are counted from 0");
    content.push(data["content_block"].clone());
    open.push(data["index"].clone());
}

fn delta(message: &mut Value, open: &[Value], data: &Value, name: &str) {
    assert!(open.contains(&data["index"]), "{name}: {data} is not open");
    let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
    let block = &mut message["content"][index];
    let delta = &data["delta"];
    if delta["type"] == "citations_delta" {
        assert_eq!(block["type"], "text", "{name}");
        if block["citations"].is_null() {
            block["citations"] = json!([]);
        }
        block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
        return;
    }
    let (kind, key, field) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", "text", "text"),
        "thinking_delta" => ("thinking", "thinking", "thinking"),
        "signature_delta" => ("thinking", "signature", "signature"),
        "input_json_delta" => ("tool_use", "partial_json", "json"),
        other => panic!("{name}: {other}"),
    };
    assert_eq!(block["type"], kind, "{name}");
    let so_far = block[field].as_str().unwrap_or_default().to_owned();
    block[field] = json!(so_far + delta[key].as_str().unwrap());
}

/// Inputs come in pieces of JSON.
fn parse_inputs(message: &mut Value) {
    for block in message["content"].as_array_mut().into_iter().flatten() {
        let Some(json) = block.as_object_mut().unwrap().remove("json") else { continue };
        let json = json.as_str().unwrap();
        if !json.is_empty() {
            block["input"] = serde_json::from_str(json).unwrap_or(json!({ "invalid_json": json }));
        }
    }
}

/// The blocks of a kind.
pub fn blocks<'m>(message: &'m Value, kind: &str) -> Vec<&'m Value> {
    let content = message["content"].as_array().into_iter().flatten();
    content.filter(|block| block["type"] == kind).collect()
}

/// The text in all blocks of a kind.
pub fn text(message: &Value, kind: &str) -> String {
    blocks(message, kind).iter().map(|block| block[kind].as_str().unwrap()).collect()
}
