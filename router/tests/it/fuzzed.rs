//! What the guided fuzzer holds an input to, over a few of our own.
//!
//! Its harness in `fuzz/` is built apart and rarely; here it must compile and hold.

use std::path::Path;

use serde_json::Value;

#[cfg(feature = "aws")]
#[path = "../../../fuzz/src/converse.rs"]
mod converse;
#[path = "../../../fuzz/src/wire.rs"]
mod wire;

const STREAMS: [&str; 2] = [
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}]}\n\n\
     data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\",\
     \"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
     event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
     \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
     event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
     \"delta\":{\"type\":\"text_delta\",\"text\":\"h\u{e9}\"}}\n\n\
     event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const ANSWERS: [&str; 2] = [
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"end_turn\",\
     \"usage\":{\"input_tokens\":3,\"output_tokens\":1}}",
];

/// Every way from a client to an upstream.
const WAYS: std::ops::Range<u8> = 0..28;

fn input(first: &[u8], text: &str) -> Vec<u8> {
    [first, text.as_bytes()].concat()
}

#[test]
fn streams_are_read_alike_wherever_they_are_cut() {
    for stream in STREAMS {
        for (way, cut) in WAYS.flat_map(|way| [1, 7, 64].map(|cut| (way, cut))) {
            wire::stream(&input(&[way, 0, cut], stream)).unwrap();
        }
    }
}

#[test]
fn answers_become_json() {
    for answer in ANSWERS {
        for way in WAYS {
            wire::answer(&input(&[way, 0], answer)).unwrap();
        }
    }
}

#[test]
fn requests_become_json_for_the_links_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in std::fs::read_dir(folder).unwrap() {
        let case: Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for (way, facts) in WAYS.flat_map(|way| [0, 0x7f].map(|facts| (way, facts))) {
            wire::request(&input(&[way, facts], &case["client"].to_string())).unwrap();
        }
    }
}

#[cfg(feature = "aws")]
#[test]
fn bedrocks_streams_answers_and_requests_hold() {
    let stream = "\0{\"role\":\"assistant\"}\n\
        \u{2}{\"contentBlockIndex\":0,\"delta\":{\"text\":\"h\u{e9}\"}}\n\
        \u{4}{\"stopReason\":\"end_turn\"}\n\
        \u{5}{\"usage\":{\"inputTokens\":3,\"outputTokens\":5}}";
    let answer = r#"{"output":{"message":{"content":[{"text":"a"}]}},"stopReason":"end_turn"}"#;
    let asked = r#"{"max_tokens":9,"messages":[{"role":"user","content":"q"}]}"#;
    for (kind, text) in [(0, stream), (1, "\0\0\0"), (2, answer), (3, asked)] {
        for (front, cut) in (0..7).flat_map(|front| [1, 7, 64].map(|cut| (front, cut))) {
            converse::any(&input(&[front << 2 | kind, front, cut], text)).unwrap();
        }
    }
}
