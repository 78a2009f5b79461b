//! How fast streams are translated, without sockets: each way beside the least that any translation
//! could do, which is to parse every event's JSON and to print it again.
//!
//! Owns the streams and the clock, and counts allocations; `cargo xtask bench --only translation`
//! runs it in release and shows the figures. It prints one JSON object.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};
use sfai_router::front::{Front, Way};
use sfai_router::wire::{AnswerOptions, Dialect, StreamReader};

/// Text deltas of a stream.
const DELTAS: usize = 2_000;
/// Bytes of a network chunk: some events.
const CHUNK: usize = 1_400;
/// Streams of a round.
const STREAMS: u32 = 40;
/// The best of them counts: others on the machine only make it slower.
const ROUNDS: usize = 9;

fn main() {
    let own = Way::of;
    let ways = [
        ("chat from Anthropic", own(Front::Chat, Dialect::Anthropic)),
        ("messages from Anthropic, passed on", own(Front::Messages, Dialect::Anthropic)),
        ("responses from Anthropic", own(Front::Responses, Dialect::Anthropic)),
        ("completions from Anthropic", own(Front::Completions, Dialect::Anthropic)),
        ("chat from OpenAI, passed on", own(Front::Chat, Dialect::Openai)),
        ("messages from OpenAI", own(Front::Messages, Dialect::Openai)),
        ("responses from OpenAI's chat", Way::by_chat(Front::Responses, Dialect::Openai)),
        ("completions from OpenAI's chat", Way::by_chat(Front::Completions, Dialect::Openai)),
    ];
    let rows = ways.into_iter().map(|(name, way)| {
        let stream = stream(way.dialect);
        row(name, (&stream, &stream), || StreamReader::of(way, options()))
    });
    let rows: Vec<Value> = rows.chain(bedrock()).collect();
    println!("{}", json!({ "ways": rows }));
}

/// A stream's figures beside the floor's, which reads the same events as text.
fn row(name: &str, (sent, text): (&Bytes, &Bytes), reader: impl Fn() -> StreamReader) -> Value {
    json!({"way": name, "bytes": sent.len(), "events": events(text),
        "router": measured(|| translate(sent, reader())),
        "floor": measured(|| parse_and_print(text))})
}

fn options() -> AnswerOptions {
    AnswerOptions { include_usage: true, model: "m".into(), ..AnswerOptions::default() }
}

#[cfg(not(feature = "aws"))]
fn bedrock() -> Vec<Value> {
    Vec::new()
}

/// Bedrock's frames hold the JSON that its floor parses and prints.
#[cfg(feature = "aws")]
fn bedrock() -> Vec<Value> {
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
    let (mut sent, mut text) = (Vec::new(), String::new());
    let mut put = |name: &'static str, payload: Value| {
        let header = |name: &'static str, value: &'static str| {
            Header::new(name, HeaderValue::String(value.into()))
        };
        let message = Message::new(payload.to_string())
            .add_header(header(":event-type", name))
            .add_header(header(":content-type", "application/json"))
            .add_header(header(":message-type", "event"));
        // It fails for headers that are too long, and these are not.
        let _ = write_message_to(&message, &mut sent);
        text.push_str(&format!("data: {payload}\n\n"));
    };
    put("messageStart", json!({"role": "assistant"}));
    for word in words() {
        put("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": word}}));
    }
    put("contentBlockStop", json!({"contentBlockIndex": 0}));
    put("messageStop", json!({"stopReason": "end_turn"}));
    let usage = json!({"inputTokens": 12, "outputTokens": DELTAS, "totalTokens": DELTAS + 12});
    put("metadata", json!({"metrics": {"latencyMs": 1}, "usage": usage}));
    let (sent, text) = (Bytes::from(sent), Bytes::from(text));
    let ways = [
        ("chat from Bedrock", Front::Chat),
        ("messages from Bedrock", Front::Messages),
        ("responses from Bedrock", Front::Responses),
    ];
    let rows = ways.into_iter().map(|(name, front)| {
        row(name, (&sent, &text), || StreamReader::of_bedrock(front, "msg_1".into(), options()))
    });
    rows.collect()
}

fn words() -> impl Iterator<Item = String> {
    (0..DELTAS).map(|number| format!(" word \"{number}\"\n"))
}

/// Seconds and allocations of one stream.
fn measured(work: impl Fn() -> usize) -> Value {
    let allocations = allocation_counter::measure(|| {
        black_box(work());
    });
    let round = || {
        let start = Instant::now();
        for _ in 0..STREAMS {
            black_box(work());
        }
        start.elapsed().as_secs_f64() / f64::from(STREAMS)
    };
    let best = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
    json!({"seconds": best, "allocations": allocations.count_total})
}

fn translate(stream: &Bytes, mut reader: StreamReader) -> usize {
    let mut written = 0;
    let mut left = stream.clone();
    while !left.is_empty() {
        let chunk = left.split_to(CHUNK.min(left.len()));
        written += reader.push(chunk).out.len();
    }
    written + reader.finish().out.len()
}

fn parse_and_print(stream: &Bytes) -> usize {
    let data = stream.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    let values = data.filter_map(|data| serde_json::from_slice::<Value>(data).ok());
    values.map(|value| serde_json::to_vec(&value).map_or(0, |text| text.len())).sum()
}

fn events(stream: &Bytes) -> usize {
    stream.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"data: ")).count()
}

/// What a provider sends for an answer of many words.
fn stream(dialect: Dialect) -> Bytes {
    let mut text = String::new();
    let mut put = |name: Option<&str>, data: &Value| {
        if let Some(name) = name {
            text.push_str(&format!("event: {name}\n"));
        }
        text.push_str(&format!("data: {data}\n\n"));
    };
    match dialect {
        Dialect::Anthropic => {
            let usage = json!({"input_tokens": 12, "output_tokens": 1});
            let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
            put(Some("message_start"), &json!({"type": "message_start", "message": message}));
            let block = json!({"type": "text", "text": ""});
            let start = json!({"type": "content_block_start", "index": 0, "content_block": block});
            put(Some("content_block_start"), &start);
            for word in words() {
                let delta = json!({"type": "text_delta", "text": word});
                let event = json!({"type": "content_block_delta", "index": 0, "delta": delta});
                put(Some("content_block_delta"), &event);
            }
            put(Some("content_block_stop"), &json!({"type": "content_block_stop", "index": 0}));
            let end = json!({"type": "message_delta", "usage": {"output_tokens": DELTAS},
                "delta": {"stop_reason": "end_turn", "stop_sequence": null}});
            put(Some("message_delta"), &end);
            put(Some("message_stop"), &json!({"type": "message_stop"}));
        }
        Dialect::Openai => {
            let chunk = |delta: Value, finish: Value| {
                json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
            };
            put(None, &chunk(json!({"role": "assistant", "content": ""}), Value::Null));
            for word in words() {
                put(None, &chunk(json!({ "content": word }), Value::Null));
            }
            put(None, &chunk(json!({}), json!("stop")));
            text.push_str("data: [DONE]\n\n");
        }
    }
    text.into()
}
