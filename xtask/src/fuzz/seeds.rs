//! What libFuzzer begins with where clients and providers are read.
//!
//! Owns the choice; seeds for route files and maps are the golden files of `dsl`. The first bytes of
//! a seed choose how it is read, as `fuzz/src/wire.rs` says.

use std::path::Path;

use serde_json::Value;

use super::{Seeds, corpus};
use crate::trouble::Trouble;

/// The numbers of the fronts whose answers differ: chat, messages, responses, completions.
const FRONTS: [u8; 4] = [0, 1, 3, 4];
const OPENAI: u8 = 0;
const ANTHROPIC: u8 = 1;
const BY_CHAT: u8 = 2;

const CHUNKS: &str = concat!(
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",",
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
);
const EVENTS: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":3}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,",
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
    "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},",
    "\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);
const WHOLE: &str = r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi",
"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},
"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
const MESSAGE: &str = r#"{"id":"m","type":"message","role":"assistant","model":"x","content":[
{"type":"thinking","thinking":"a","signature":"s"},{"type":"text","text":"Hi"},
{"type":"tool_use","id":"t","name":"f","input":{}}],
"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":5}}"#;

/// A stream of Bedrock's: a letter for the event, `fuzz/src/converse.rs` says which, and its payload.
const FRAMES: &str = concat!(
    "\0{\"role\":\"assistant\"}\n",
    "\u{2}{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"a\"}}}\n",
    "\u{2}{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"s\"}}}\n",
    "\u{3}{\"contentBlockIndex\":0}\n",
    "\u{2}{\"contentBlockIndex\":1,\"delta\":{\"text\":\"Hi\"},\"p\":\"abc\"}\n",
    "\u{1}{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\"}}}\n",
    "\u{2}{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}\n",
    "\u{4}{\"stopReason\":\"tool_use\"}\n",
    "\u{5}{\"usage\":{\"inputTokens\":3,\"outputTokens\":5}}",
);
const CONVERSED: &str = r#"{"output":{"message":{"role":"assistant","content":[
{"reasoningContent":{"reasoningText":{"text":"a","signature":"s"}}},{"text":"Hi"},
{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]}},
"stopReason":"tool_use","usage":{"inputTokens":3,"outputTokens":5}}"#;
const ASKED: &str = r#"{"max_tokens":9,"system":"s","tools":[{"name":"f","input_schema":{}}],"messages":[
{"role":"user","content":[{"type":"text","text":"q"},{"type":"document","title":"d",
"source":{"type":"text","media_type":"text/plain","data":"t"}}]},
{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}]}"#;

/// Streams, as they were recorded where the recordings are there.
pub(super) fn streams(recorded: &Path) -> Result<Seeds, Trouble> {
    let mut seeds = Vec::new();
    for (folder, dialect, own) in [("openai", OPENAI, CHUNKS), ("anthropic", ANTHROPIC, EVENTS)] {
        for stream in found(recorded, folder, ".sse", own)? {
            seeds.extend(FRONTS.map(|front| after(&[front << 2 | dialect, 0, 7], &stream)));
        }
    }
    Ok(seeds)
}

/// Whole answers, likewise.
pub(super) fn answers(recorded: &Path) -> Result<Seeds, Trouble> {
    let mut seeds = Vec::new();
    for (folder, dialect, own) in [("openai", OPENAI, WHOLE), ("anthropic", ANTHROPIC, MESSAGE)] {
        for answer in found(recorded, folder, ".response.json", own)? {
            seeds.extend(FRONTS.map(|front| after(&[front << 2 | dialect, 0], &answer)));
        }
    }
    Ok(seeds)
}

/// Requests of the golden files and of the recordings, to links of both protocols.
pub(super) fn requests(top: &Path, recorded: &Path) -> Result<Seeds, Trouble> {
    let mut bodies = Seeds::new();
    for golden in corpus(top, &["router/tests/golden"], ".json")? {
        let golden: Value = serde_json::from_slice(&golden).unwrap_or_default();
        bodies.extend(golden.get("client").map(|client| client.to_string().into_bytes()));
    }
    for folder in ["openai", "openai-responses", "anthropic"] {
        bodies.extend(found(recorded, folder, ".request.json", "{}")?);
    }
    let mut seeds = Vec::new();
    for body in bodies {
        for dialect in [OPENAI, ANTHROPIC, BY_CHAT] {
            seeds.extend(FRONTS.map(|front| after(&[front << 2 | dialect, 0xff], &body)));
        }
    }
    Ok(seeds)
}

/// Streams and whole answers of Bedrock's, and what it is asked.
pub(super) fn bedrock(recorded: &Path) -> Result<Seeds, Trouble> {
    let mut seeds = Vec::new();
    for (kind, folder, ending, own) in [
        (0, "bedrock", ".frames", FRAMES),
        (1, "bedrock", ".eventstream", ""),
        (2, "bedrock", ".response.json", CONVERSED),
        (3, "anthropic", ".request.json", ASKED),
    ] {
        for body in found(recorded, folder, ending, own)? {
            seeds.extend(FRONTS.map(|front| after(&[front << 2 | kind, front, 7], &body)));
        }
    }
    Ok(seeds)
}

/// What clients send, byte by byte.
pub(super) fn doors() -> Seeds {
    let body = r#"{"model":"economy","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let sized = |path: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let plain =
        |line: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    let texts = [
        sized("/v1/chat/completions"),
        sized("/v1/messages"),
        sized("/v1/responses"),
        chunked,
        plain("GET /v1/models"),
        plain("GET /health"),
        plain("OPTIONS /v1/chat/completions"),
        plain("HEAD /v1/models/economy"),
    ];
    texts.map(String::into_bytes).to_vec()
}

/// The files of a folder of recordings, and one of our own.
fn found(top: &Path, folder: &str, ending: &str, own: &str) -> Result<Seeds, Trouble> {
    let mut found = vec![own.as_bytes().to_vec()];
    if top.join(folder).is_dir() {
        found.extend(corpus(top, &[folder], ending)?);
    }
    Ok(found)
}

fn after(first: &[u8], rest: &[u8]) -> Vec<u8> {
    [first, rest].concat()
}
