use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
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
    let mut decoder = Decoder::new("msg_1".into(), "m".into(), MadeNames::new());
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

/// A block of each kind that holds this text: its frames, and itself in a whole answer.
fn block(index: u64, kind: u8, text: &str) -> (Vec<u8>, Value) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let deltas = |text: &str, of: fn(&str) -> Value| {
        let (first, second) = text.split_at(middle.min(text.len()));
        [first, second].map(|piece| delta(index, of(piece)))
    };
    let input = json!({ "said": text }).to_string();
    let (mut frames, whole) = match kind {
        0 => (deltas(text, |it| json!({ "text": it })).to_vec(), json!({ "text": text })),
        1 => {
            let mut frames = deltas(text, |it| json!({"reasoningContent": {"text": it}})).to_vec();
            frames.push(delta(index, json!({"reasoningContent": {"signature": "sig"}})));
            let thought = json!({"reasoningText": {"text": text, "signature": "sig"}});
            (frames, json!({ "reasoningContent": thought }))
        }
        _ => {
            let call = json!({"toolUseId": format!("t{index}"), "name": "f"});
            let start = json!({"contentBlockIndex": index, "start": {"toolUse": call}});
            let mut frames = vec![("contentBlockStart", start)];
            let (first, second) = input.split_at(5);
            frames
                .extend([first, second].map(|it| delta(index, json!({"toolUse": {"input": it}}))));
            let mut call = call;
            call["input"] = json!({ "said": text });
            (frames, json!({ "toolUse": call }))
        }
    };
    frames.push(stop(index));
    (stream(&frames), whole)
}

/// The blocks, the reason and the usage of a message that was streamed.
fn put_together(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut end = Vec::new();
    for event in events {
        match event["type"].as_str().expect("a type") {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().expect("an open block");
                for (key, piece) in event["delta"].as_object().expect("members") {
                    let (Some(piece), false) = (piece.as_str(), key == "type") else { continue };
                    let so_far = block[key].as_str().unwrap_or_default().to_owned();
                    block[key] = json!(so_far + piece);
                }
            }
            "message_delta" => end.push(event),
            _ => (),
        }
    }
    for block in &mut blocks {
        if let Some(json) = block.as_object_mut().expect("a block").remove("partial_json") {
            block["input"] = serde_json::from_str(json.as_str().expect("text")).expect("JSON");
        }
    }
    let [end] = end.as_slice() else { panic!("one end: {events:?}") };
    json!({"content": blocks, "stop_reason": end["delta"]["stop_reason"], "usage": end["usage"]})
}

proptest::proptest! {
    #[test]
    fn both_forms_of_an_answer_become_the_same_message(
        said in proptest::collection::vec((0..3_u8, "[a-zé\"\\\\ \n]{1,12}"), 1..6),
        counts in proptest::array::uniform4(0..9_u64),
        step in 1..60_usize,
    ) {
        let blocks = said.iter().zip(0..).map(|((kind, text), index)| block(index, *kind, text));
        let (frames, whole): (Vec<Vec<u8>>, Vec<Value>) = blocks.unzip();
        let reason = if said.iter().any(|(kind, _)| *kind == 2) { "tool_use" } else { "end_turn" };
        let [input, output, cached, written] = counts;
        let usage = json!({"inputTokens": input, "outputTokens": output, "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": written, "totalTokens": counts.iter().sum::<u64>()});
        let bytes = [
            stream(&[("messageStart", json!({"role": "assistant"}))]),
            frames.concat(),
            stream(&[("messageStop", json!({ "stopReason": reason })), ("metadata", json!({ "usage": usage }))]),
        ];
        let streamed = put_together(&read(&bytes.concat(), step));
        let answer = json!({"output": {"message": {"role": "assistant", "content": whole}},
            "stopReason": reason, "usage": usage});
        let message = super::super::answer::message(answer.to_string().into(), ("msg_1", "m"), &MadeNames::new());
        let message: Value = serde_json::from_slice(&message).expect("JSON");
        for key in ["content", "stop_reason", "usage"] {
            proptest::prop_assert_eq!(&streamed[key], &message[key]);
        }
    }
}
