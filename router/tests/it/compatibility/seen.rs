//! What a client makes of an answer, in one form for all of them.
//!
//! Owns the reading; the events of streams are put together by [`crate::message_events`] and
//! [`crate::response_events`].

use serde_json::Value;

use crate::{message_events, response_events};

/// What a client makes of an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) signed: bool,
    pub(super) calls: Vec<(String, Value)>,
    /// Input, read from a cache, output.
    pub(super) usage: [u64; 3],
    pub(super) calls_end_it: bool,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn object(arguments: &Value) -> Value {
    serde_json::from_str(&string(arguments)).unwrap_or_default()
}

pub(super) fn seen(client: &str, text: &str, stream: bool) -> Seen {
    let whole = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    match (client, stream) {
        ("chat", false) => {
            let body = whole(text);
            chat_seen(
                &body["choices"][0]["message"],
                &body["choices"][0]["finish_reason"],
                &body["usage"],
            )
        }
        ("chat", true) => {
            let kept = crate::turns::kept(text).unwrap_or_default();
            let chunks: Vec<Value> = text
                .lines()
                .filter_map(|it| serde_json::from_str(it.strip_prefix("data: ")?).ok())
                .collect();
            let finish = chunks
                .iter()
                .map(|it| &it["choices"][0]["finish_reason"])
                .find(|it| it.is_string());
            let usage = chunks.last().map(|it| it["usage"].clone()).unwrap_or_default();
            let thinking =
                chunks.iter().map(|it| string(&it["choices"][0]["delta"]["reasoning_content"]));
            let thinking = thinking.collect();
            Seen { thinking, ..chat_seen(&kept, finish.unwrap_or(&Value::Null), &usage) }
        }
        ("messages", false) => message_seen(&whole(text)),
        ("messages", true) => message_seen(&message_events::hear(text, client).message),
        (_, false) => response_seen(&whole(text)),
        (_, true) => response_seen(&response_events::hear(text, client).response),
    }
}

fn chat_seen(message: &Value, finish: &Value, usage: &Value) -> Seen {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let details = message["reasoning_details"].as_array().into_iter().flatten();
    Seen {
        text: string(&message["content"]),
        thinking: string(&message["reasoning_content"]),
        signed: details.into_iter().any(|it| it["signature"] == "sig"),
        calls: calls
            .map(|it| (string(&it["function"]["name"]), object(&it["function"]["arguments"])))
            .collect(),
        usage: [
            number(&usage["prompt_tokens"]),
            number(&usage["prompt_tokens_details"]["cached_tokens"]),
            number(&usage["completion_tokens"]),
        ],
        calls_end_it: finish == "tool_calls",
    }
}

fn message_seen(message: &Value) -> Seen {
    let usage = &message["usage"];
    let calls = message_events::blocks(message, "tool_use");
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    Seen {
        text: message_events::text(message, "text"),
        thinking: message_events::text(message, "thinking"),
        signed: message_events::blocks(message, "thinking")
            .iter()
            .any(|it| it["signature"] == "sig"),
        calls: calls.iter().map(|it| (string(&it["name"]), it["input"].clone())).collect(),
        usage: [
            input.iter().map(|key| number(&usage[*key])).sum(),
            number(&usage["cache_read_input_tokens"]),
            number(&usage["output_tokens"]),
        ],
        calls_end_it: message["stop_reason"] == "tool_use",
    }
}

fn response_seen(response: &Value) -> Seen {
    let usage = &response["usage"];
    let reasoning = response_events::items(response, "reasoning");
    let summaries = reasoning.iter().flat_map(|it| it["summary"].as_array().into_iter().flatten());
    Seen {
        text: response_events::text(response),
        thinking: summaries.map(|it| string(&it["text"])).collect(),
        signed: reasoning.iter().any(|it| it["encrypted_content"].is_string()),
        calls: response_events::items(response, "function_call")
            .iter()
            .map(|it| (string(&it["name"]), object(&it["arguments"])))
            .collect(),
        usage: [
            number(&usage["input_tokens"]),
            number(&usage["input_tokens_details"]["cached_tokens"]),
            number(&usage["output_tokens"]),
        ],
        calls_end_it: response["status"] == "completed",
    }
}
