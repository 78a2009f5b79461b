use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue};
use serde_json::{Value, json};

use super::*;

fn frame(kind: &str, name: &str, payload: &Value) -> Vec<u8> {
    let typed = if kind == "event" { ":event-type" } else { ":exception-type" };
    let header = |name: &str, value: &str| {
        Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into()))
    };
    let message = Message::new(payload.to_string())
        .add_header(header(":message-type", kind))
        .add_header(header(typed, name));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("a frame");
    bytes
}

fn stream(frames: &[(&str, Value)]) -> Vec<u8> {
    frames.iter().flat_map(|(name, payload)| frame("event", name, payload)).collect()
}

fn read(bytes: &[u8], step: usize) -> Vec<Value> {
    let mut decoder = Decoder::new("msg_1".into(), "m".into());
    let mut out = Vec::new();
    for chunk in bytes.chunks(step) {
        out.extend_from_slice(&decoder.push(chunk));
    }
    out.extend_from_slice(&decoder.finish());
    let text = String::from_utf8(out).expect("text");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

fn delta(index: u64, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
}

fn stop(index: u64) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

#[test]
fn blocks_are_opened_by_what_they_hold_and_the_usage_comes_with_the_end() {
    let call = json!({"toolUse": {"toolUseId": "t", "name": "f"}});
    let bytes = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "hm"}})),
        delta(0, json!({"reasoningContent": {"signature": "sig"}})),
        stop(0),
        delta(1, json!({"reasoningContent": {"redactedContent": "eA=="}})),
        stop(1),
        delta(2, json!({"text": "é"})),
        stop(2),
        ("contentBlockStart", json!({"contentBlockIndex": 3, "start": call})),
        delta(3, json!({"toolUse": {"input": "{\"a\":"}})),
        delta(3, json!({"toolUse": {"input": "1}"}})),
        stop(3),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 20,
            "cacheReadInputTokens": 6, "cacheWriteInputTokens": 2}, "metrics": {"latencyMs": 1}}),
        ),
    ]);
    let events = read(&bytes, bytes.len());
    for step in 1..40 {
        assert_eq!(read(&bytes, step), events, "{step}");
    }
    let kinds: Vec<_> = events
        .iter()
        .map(|event| {
            let delta = event["delta"]["type"].as_str();
            let block = event["content_block"]["type"].as_str();
            delta.or(block).or(event["type"].as_str()).expect("a type").to_owned()
        })
        .collect();
    let expected = [
        "message_start",
        "thinking",
        "thinking_delta",
        "signature_delta",
        "content_block_stop",
        "redacted_thinking",
        "content_block_stop",
        "text",
        "text_delta",
        "content_block_stop",
        "tool_use",
        "input_json_delta",
        "input_json_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[0]["message"]["id"], "msg_1");
    assert_eq!(events[5]["content_block"]["data"], "eA==");
    assert_eq!(events[14]["delta"]["stop_reason"], "tool_use");
    assert_eq!(
        events[14]["usage"],
        json!({"input_tokens": 5, "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 6, "output_tokens": 7})
    );
}

#[test]
fn an_end_without_usage_is_an_end_and_none_is_a_cut() {
    let said = [("messageStart", json!({"role": "assistant"})), delta(0, json!({"text": "a"}))];
    let whole =
        stream(&[&said[..], &[("messageStop", json!({"stopReason": "end_turn"}))]].concat());
    let events = read(&whole, whole.len());
    assert_eq!(events.last().expect("an end")["type"], "message_stop");
    let cut = stream(&said);
    for bytes in [&cut[..], &cut[..cut.len() - 3]] {
        let events = read(bytes, bytes.len());
        assert!(events.iter().all(|event| event["type"] != "message_stop"), "{events:?}");
    }
}

#[test]
fn an_exception_is_an_error_event_of_its_class() {
    for (exception, kind) in [
        ("throttlingException", "rate_limit_error"),
        ("validationException", "invalid_request_error"),
        ("modelStreamErrorException", "api_error"),
        ("internalServerException", "api_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("modelTimeoutException", "timeout_error"),
        ("tomorrowException", "api_error"),
    ] {
        let bytes = frame("exception", exception, &json!({"message": "no"}));
        let events = read(&bytes, 7);
        assert_eq!(events, [json!({"type": "error", "error": {"type": kind, "message": "no"}})]);
    }
}

#[test]
fn damaged_frames_are_an_error() {
    let mut bytes = stream(&[("messageStart", json!({"role": "assistant"}))]);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(read(&bytes, 9)[0]["error"]["type"], "api_error");
    let mut long = vec![0x7f, 0xff, 0xff, 0xff];
    long.resize(FRAME_LIMIT + 100_000, 0);
    assert_eq!(read(&long, 64 * 1024)[0]["type"], "error");
}
