//! What has to hold of what clients and providers send.
//!
//! Owns that alone. An input's first bytes choose what it is read as, so that one corpus serves all
//! ways from a client to an upstream.
#![allow(dead_code, reason = "each harness calls one of them")]

use bytes::Bytes;
use http::HeaderMap;
use model_map::{Model, Parameters};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sfai_router::front::{ClientRequest, Front, Way, whole};
use sfai_router::openai::request::Target;
use sfai_router::wire::{AnswerOptions, Dialect, Ending, StreamReader, Told};

const FRONTS: [Front; 7] = [
    Front::Chat,
    Front::Messages,
    Front::CountTokens,
    Front::Responses,
    Front::Completions,
    Front::Fim,
    Front::Embeddings,
];

/// A reader writes a final text up to five times, and a frame around each of the smallest deltas.
const GROWTH: usize = 64;
const ROOM: usize = 64 << 10;

pub(crate) fn front(choice: u8) -> Front {
    FRONTS[usize::from(choice) % FRONTS.len()]
}

fn way(choice: u8) -> Way {
    let front = front(choice >> 2);
    let dialect = if choice & 1 == 0 { Dialect::Openai } else { Dialect::Anthropic };
    // The only chat that has a chat between it and the upstream is Anthropic's.
    match (choice & 2 == 0, front, dialect) {
        (true, ..) | (_, Front::Chat, Dialect::Openai) => Way::of(front, dialect),
        _ => Way::by_chat(front, dialect),
    }
}

pub(crate) fn options(choice: u8) -> AnswerOptions {
    let include_usage = choice & 1 == 0;
    let hides_usage = !include_usage && choice & 2 == 0;
    AnswerOptions { include_usage, hides_usage, answer_tool: choice & 4 != 0, ..Default::default() }
}

/// All that a reader says of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    out: Vec<u8>,
    ending: Ending,
    told: Told,
    skipped: u32,
}

pub(crate) fn read(mut reader: StreamReader, bytes: &[u8], most: usize) -> Result<Said, String> {
    let (mut out, mut failed) = (Vec::new(), false);
    for chunk in bytes.chunks(most.max(1)) {
        let progress = reader.push(Bytes::copy_from_slice(chunk));
        if failed && !progress.out.is_empty() {
            return Err("something follows a failure".to_owned());
        }
        failed |= progress.failure.is_some();
        out.extend_from_slice(&progress.out);
    }
    let end = reader.finish();
    out.extend_from_slice(&end.out);
    if out.len() > bytes.len() * GROWTH + ROOM {
        return Err(format!("{} bytes become {}", bytes.len(), out.len()));
    }
    Ok(Said { out, ending: end.ending, told: reader.told(), skipped: reader.skipped() })
}

/// A stream is read alike wherever it is cut.
pub(crate) fn stream(input: &[u8]) -> Result<(), String> {
    let [chosen, wish, cut, bytes @ ..] = input else { return Ok(()) };
    let reader = || StreamReader::of(way(*chosen), options(*wish));
    let one = read(reader(), bytes, bytes.len())?;
    let other = read(reader(), bytes, usize::from(*cut))?;
    if one == other { Ok(()) } else { Err(format!("a cut changes {one:?} to {other:?}")) }
}

/// A whole answer becomes JSON or an error.
pub(crate) fn answer(input: &[u8]) -> Result<(), String> {
    let [chosen, wish, bytes @ ..] = input else { return Ok(()) };
    let way = way(*chosen);
    let Ok(answer) = whole(way, Bytes::copy_from_slice(bytes), &options(*wish)) else {
        return Ok(());
    };
    json(&answer.body).map_err(|why| format!("the answer of {way:?} {why}"))
}

/// A number that is passed on may be larger than one that is read.
pub(crate) fn json(body: &[u8]) -> Result<(), String> {
    let read = serde_json::from_slice::<IgnoredAny>(body);
    read.map(|_| ()).map_err(|why| format!("is no JSON: {why}"))
}

/// A request that a link can be asked is JSON, and the role's name is not in it.
pub(crate) fn request(input: &[u8]) -> Result<(), String> {
    let [chosen, facts, bytes @ ..] = input else { return Ok(()) };
    let way = way(*chosen);
    let body = Bytes::copy_from_slice(bytes);
    let Ok(request) = ClientRequest::parse(way.front, &HeaderMap::new(), body) else {
        return Ok(());
    };
    let (model, parameters) = (model(*facts), Parameters::default());
    let (limits, system) = Default::default();
    let target = Target { limits, model: &model, parameters: &parameters, system };
    let Ok(ask) = request.build(way, &target) else { return Ok(()) };
    let body = ask.request.body.concat();
    json(&body).map_err(|why| format!("what {way:?} sends {why}"))?;
    let sent: Sent = serde_json::from_slice(&body).map_err(|why| format!("{way:?}: {why}"))?;
    match sent.model {
        Some(name) if name != model.id => Err(format!("{way:?} asks for {name:?}")),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Sent {
    model: Option<String>,
}

fn model(facts: u8) -> Model {
    let mut model = serde_json::json!({"id": "the-model", "provider": "p"});
    let members = [
        ("prefill", serde_json::json!(true)),
        ("efforts", serde_json::json!(["low", "high"])),
        ("output_tokens", serde_json::json!(9000)),
        ("thinking_budget_min", serde_json::json!(1024)),
        ("accepts", serde_json::json!(["image", "tools"])),
        ("sampling", serde_json::json!("refused")),
        ("stop_sequences", serde_json::json!(4)),
        ("system_role", serde_json::json!("developer")),
    ];
    for (bit, (name, value)) in members.into_iter().enumerate() {
        if facts >> bit & 1 == 1 {
            model[name] = value;
        }
    }
    serde_json::from_value(model).expect("a model of the map")
}
