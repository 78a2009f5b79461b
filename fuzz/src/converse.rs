//! What has to hold of Bedrock's streams and answers, and of what it is asked.
//!
//! Owns that alone. An input's first byte chooses which of them it is, so that one corpus serves all.

use std::collections::BTreeMap;

use bytes::Bytes;
use sfai_router::bedrock::{Wishes, message, translate};
use sfai_router::front::{Way, whole};
use sfai_router::wire::{Dialect, StreamReader};

use super::wire::{front, json, options, read};

/// What an event of a stream may be.
const EVENTS: [(&str, &str); 9] = [
    (":event-type", "messageStart"),
    (":event-type", "contentBlockStart"),
    (":event-type", "contentBlockDelta"),
    (":event-type", "contentBlockStop"),
    (":event-type", "messageStop"),
    (":event-type", "metadata"),
    (":event-type", "later"),
    (":exception-type", "throttlingException"),
    (":exception-type", "validationException"),
];

/// The models differ in what they are asked.
const MODELS: [&str; 4] = [
    "eu.anthropic.claude-sonnet-4-6-v1:0",
    "anthropic.claude-3-5-haiku-20241022-v1:0",
    "amazon.nova-pro-v1:0",
    "meta.llama4-maverick-17b-instruct-v1:0",
];

/// A stream, made of frames or not, a whole answer or a request.
pub(crate) fn any(input: &[u8]) -> Result<(), String> {
    let [chosen, wish, cut, rest @ ..] = input else { return Ok(()) };
    match chosen % 4 {
        0 => stream(&frames(rest), (*chosen, *wish, *cut)),
        1 => stream(rest, (*chosen, *wish, *cut)),
        2 => answer(rest, (*chosen, *wish)),
        _ => request(rest, *wish),
    }
}

/// A stream is read alike wherever it is cut.
fn stream(bytes: &[u8], (chosen, wish, cut): (u8, u8, u8)) -> Result<(), String> {
    let front = front(chosen >> 2);
    let reader = || StreamReader::of_bedrock(front, "msg_1".to_owned(), options(wish));
    let one = read(reader(), bytes, bytes.len())?;
    let other = read(reader(), bytes, usize::from(cut))?;
    if one == other { Ok(()) } else { Err(format!("a cut changes {one:?} to {other:?}")) }
}

/// A whole answer becomes JSON or an error.
fn answer(bytes: &[u8], (chosen, wish): (u8, u8)) -> Result<(), String> {
    let way = Way::of(front(chosen >> 2), Dialect::Anthropic);
    let message = message(Bytes::copy_from_slice(bytes), ("msg_1", "m"), &BTreeMap::new());
    let Ok(answer) = whole(way, message, &options(wish)) else { return Ok(()) };
    json(&answer.body).map_err(|why| format!("the answer of {way:?} {why}"))
}

/// A request that can be asked is JSON.
fn request(bytes: &[u8], wish: u8) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let model = MODELS[usize::from(wish) % MODELS.len()];
    let Ok(asked) = translate(text, Wishes { model, beta: None, user: "user" }) else {
        return Ok(());
    };
    json(asked.body.as_bytes()).map_err(|why| format!("what {model} is asked {why}"))
}

/// A frame of each line: its first byte chooses the event, and the rest is its payload.
fn frames(lines: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((kind, payload)) = line.split_first() else { continue };
        let (name, value) = EVENTS[usize::from(*kind) % EVENTS.len()];
        let kind = if name == ":event-type" { "event" } else { "exception" };
        let mut headers = Vec::new();
        for (name, value) in [(":message-type", kind), (name, value)] {
            headers.push(name.len() as u8);
            headers.extend_from_slice(name.as_bytes());
            headers.extend_from_slice(&[7, 0, value.len() as u8]);
            headers.extend_from_slice(value.as_bytes());
        }
        let start = frames.len();
        let length = headers.len() + payload.len() + 16;
        frames.extend_from_slice(&(length as u32).to_be_bytes());
        frames.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        frames.extend_from_slice(&crc32fast::hash(&frames[start..]).to_be_bytes());
        frames.extend_from_slice(&headers);
        frames.extend_from_slice(payload);
        frames.extend_from_slice(&crc32fast::hash(&frames[start..]).to_be_bytes());
    }
    frames
}
