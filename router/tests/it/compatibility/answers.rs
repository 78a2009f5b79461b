//! One answer in the words of each provider: thinking, a text, two calls, and what it used; and its
//! other endings.
//!
//! Owns the bytes of upstreams; Bedrock's own are [`crate::bedrock`]'s.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bedrock::{streamed as bedrock_stream, whole as bedrock_whole};
use crate::faults::{Fault, Raw};

/// The same answer in the words of each provider: thinking, a text, two calls, and what it used.
pub(super) fn answer(provider: &str, stream: bool) -> Fault {
    Fault::Raw(raw(provider, stream))
}

fn raw(provider: &str, stream: bool) -> Raw {
    let (body, kind) = match (provider, stream) {
        ("bedrock", true) => (bedrock_stream(), "application/vnd.amazon.eventstream"),
        ("bedrock", false) => (bedrock_whole(), "application/json"),
        ("anthropic", true) => (anthropic_stream(), "text/event-stream"),
        ("anthropic", false) => (anthropic_whole(), "application/json"),
        (_, true) => (openai_stream(), "text/event-stream"),
        (_, false) => (openai_whole(), "application/json"),
    };
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    Raw { body, cuts: Vec::new(), headers, status: 200 }
}

fn events(events: &[Value], named: bool) -> Vec<u8> {
    let mut text = String::new();
    for event in events {
        if named {
            writeln!(text, "event: {}", event["type"].as_str().unwrap()).unwrap();
        }
        write!(text, "data: {event}\n\n").unwrap();
    }
    text.into_bytes()
}

fn anthropic_blocks() -> [Value; 4] {
    [
        json!({"type": "thinking", "thinking": "Let me see.", "signature": "sig"}),
        json!({"type": "text", "text": "Größe two."}),
        json!({"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}}),
        json!({"type": "tool_use", "id": "t2", "name": "list", "input": {}}),
    ]
}

fn anthropic_usage() -> Value {
    json!({"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4,
        "output_tokens": 20})
}

fn anthropic_whole() -> Vec<u8> {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": anthropic_blocks(), "stop_reason": "tool_use", "stop_sequence": null,
        "usage": anthropic_usage()})
    .to_string()
    .into_bytes()
}

fn anthropic_stream() -> Vec<u8> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": anthropic_usage()});
    let mut all = vec![json!({"type": "message_start", "message": message})];
    for (index, block) in anthropic_blocks().into_iter().enumerate() {
        let (empty, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": block["thinking"]}),
                    json!({"type": "signature_delta", "signature": block["signature"]}),
                ],
            ),
            "text" => (
                json!({"type": "text", "text": ""}),
                vec![json!({"type": "text_delta", "text": block["text"]})],
            ),
            _ => (
                json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
                vec![
                    json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
                ],
            ),
        };
        all.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        all.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        all.push(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": "tool_use", "stop_sequence": null});
    all.push(json!({"type": "message_delta", "delta": delta, "usage": anthropic_usage()}));
    all.push(json!({"type": "message_stop"}));
    events(&all, true)
}

fn openai_calls() -> Value {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    json!([call(0, "t1", "read", "{\"path\":\"a\"}"), call(1, "t2", "list", "{}")])
}

fn openai_usage() -> Value {
    json!({"prompt_tokens": 17, "completion_tokens": 20, "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 4}})
}

fn openai_whole() -> Vec<u8> {
    let message = json!({"role": "assistant", "content": "Größe two.",
        "reasoning_content": "Let me see.", "tool_calls": openai_calls()});
    json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": openai_usage()})
    .to_string()
    .into_bytes()
}

fn openai_stream() -> Vec<u8> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let null = Value::Null;
    let mut text = events(
        &[
            chunk(json!({"role": "assistant", "content": ""}), null.clone()),
            chunk(json!({"reasoning_content": "Let me see."}), null.clone()),
            chunk(json!({"content": "Größe two."}), null.clone()),
            chunk(json!({"tool_calls": openai_calls()}), null),
            chunk(json!({}), json!("tool_calls")),
            json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [], "usage": openai_usage()}),
        ],
        false,
    );
    text.extend(b"data: [DONE]\n\n");
    text
}

/// How an answer ends without calls.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ending {
    Limit,
    Refused,
    Cited,
}

pub(super) const ENDINGS: [(Ending, &str); 3] = [
    (Ending::Limit, "an answer cut by its limit"),
    (Ending::Refused, "an answer that was refused"),
    (Ending::Cited, "citations of pages"),
];

/// An answer that ends so; none where the provider has no such thing.
pub(super) fn ended(provider: &str, ending: Ending) -> Option<Fault> {
    let body = match provider {
        "openai" => {
            let reason = match ending {
                Ending::Limit => "length",
                Ending::Refused => "content_filter",
                Ending::Cited => "stop",
            };
            let mut message = json!({"role": "assistant", "content": "A page."});
            if ending == Ending::Cited {
                let page = json!({"url": PAGE, "title": "t", "start_index": 0, "end_index": 7});
                message["annotations"] = json!([{"type": "url_citation", "url_citation": page}]);
            }
            json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": openai_usage()})
        }
        "anthropic" => {
            let reason = match ending {
                Ending::Limit => "max_tokens",
                Ending::Refused => "refusal",
                Ending::Cited => "end_turn",
            };
            let mut block = json!({"type": "text", "text": "A page."});
            if ending == Ending::Cited {
                block["citations"] = json!([{"type": "web_search_result_location", "url": PAGE,
                    "title": "t", "encrypted_index": "x", "cited_text": "A page."}]);
            }
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [block], "stop_reason": reason, "stop_sequence": null,
                "usage": anthropic_usage()})
        }
        _ => {
            let reason = match ending {
                Ending::Limit => "max_tokens",
                Ending::Refused => "guardrail_intervened",
                Ending::Cited => return None,
            };
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "A page."}]}},
                "stopReason": reason, "metrics": {"latencyMs": 5},
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}})
        }
    };
    Some(Fault::status(200).with_body(&body.to_string()))
}

/// The page that is cited.
pub(super) const PAGE: &str = "https://example.org/page";

/// A refusal of a request, in the provider's words.
pub(super) fn fault_found(provider: &str) -> Fault {
    let error = match provider {
        "openai" => {
            json!({"error": {"message": super::MARK, "type": "invalid_request_error", "code": null, "param": null}})
        }
        "anthropic" => {
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": super::MARK}})
        }
        _ => json!({"message": super::MARK}),
    };
    let fault = Fault::status(400).with_body(&error.to_string());
    if provider == "bedrock" {
        fault.with_header("x-amzn-errortype", "ValidationException")
    } else {
        fault
    }
}

/// The beginning of a stream, which then breaks off.
pub(super) fn cut(provider: &str) -> Fault {
    let raw = raw(provider, true);
    let text = "Größe".as_bytes();
    let text = raw.body.windows(text.len()).position(|part| part == text).unwrap();
    // Somewhere behind the event that holds it.
    Fault::Raw(Raw { body: raw.body[..text + 200].to_vec(), ..raw })
}
