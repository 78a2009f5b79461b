//! Recorded streams, replayed through sockets: whole, cut at random places, one byte at a time.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::running::{self, MapBuilder, Running};

/// Random cuttings of each stream.
const CUTTINGS: usize = 3;

/// A recorded answer.
pub struct Case {
    pub name: String,
    pub facts: Value,
    pub features: Vec<String>,
    pub stream: Vec<u8>,
}

impl Case {
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|it| it == feature)
    }
}

/// The recorded streams of an API; none when the folder is absent.
pub fn cases(api: &str) -> Vec<Case> {
    recordings(api, true)
}

/// The recorded answers of an API, streamed or whole; errors are neither.
pub fn recordings(api: &str, streamed: bool) -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded");
    let Ok(index) = std::fs::read(folder.join("index.json")) else {
        println!("SKIPPED: there are no recorded exchanges beside this checkout");
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let answers = index.iter().filter(|it| it["api"] == api && it["kind"] == "response");
    let answers = answers.filter(|it| it["streaming"] == streamed);
    answers.map(|it| case(&folder, it)).collect()
}

fn case(folder: &Path, entry: &Value) -> Case {
    let file = entry["files"]["response"].as_str().unwrap();
    Case {
        name: format!("{}/{}", entry["group"].as_str().unwrap(), entry["case"].as_str().unwrap()),
        facts: entry["facts"].clone(),
        features: serde_json::from_value(entry["features"].clone()).unwrap(),
        stream: std::fs::read(folder.join(file)).unwrap(),
    }
}

/// The ways in which a stream is put on the wire.
pub fn wirings(stream: &[u8], random: &mut fastrand::Rng) -> Vec<Fault> {
    let mut wirings = vec![Fault::recorded(stream, &[])];
    for _ in 0..CUTTINGS {
        let count = random.usize(1..=stream.len().min(60));
        let cuts: Vec<usize> = (0..count).map(|_| random.usize(1..stream.len())).collect();
        wirings.push(Fault::recorded(stream, &cuts));
    }
    wirings.push(Fault::recorded_bytewise(stream));
    wirings
}

pub async fn setup(protocol: &str) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let link = format!("{protocol}/m");
    let map = MapBuilder::new(upstream.address).role("r", &[&link], patient());
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

/// A quarter of a million single bytes take their time on a busy machine; no timer is tested here.
pub fn patient() -> Value {
    json!({"timeouts": {"first_token_ms": 600_000, "idle_ms": 600_000, "total_ms": 900_000}})
}

async fn replay(router: &Running) -> (u16, String) {
    let mut question = running::question("r", true);
    question["stream_options"] = json!({"include_usage": true});
    let response = router.chat(&question).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn recorded_openai_streams_come_out_byte_for_byte() {
    let mut random = fastrand::Rng::with_seed(2);
    let (upstream, router) = setup("openai").await;
    let cases = cases("chat.completions");
    for case in &cases {
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = replay(&router).await;
            assert_eq!(status, 200, "{}: {text}", case.name);
            let expected = String::from_utf8_lossy(&case.stream);
            assert_eq!(text, expected, "{}", case.name);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

#[tokio::test]
async fn recorded_anthropic_streams_agree_with_their_facts() {
    let mut random = fastrand::Rng::with_seed(1);
    let (upstream, router) = setup("anthropic").await;
    let cases = cases("messages");
    for case in &cases {
        let mut first = None;
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = replay(&router).await;
            let answer = Accumulated::of(status, &text, &case.name);
            agree(case, &answer);
            let first = first.get_or_insert_with(|| answer.clone());
            assert_eq!(*first, answer, "{}: the cutting shows", case.name);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

/// What a client makes of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
struct Accumulated {
    status: u16,
    text: String,
    reasoning: String,
    refusal: String,
    /// Name and arguments.
    tools: Vec<(String, String)>,
    finish: Option<String>,
    usage: Option<Value>,
    error: Option<Value>,
}

impl Accumulated {
    /// Reads a stream, holding it against the invariants of every translated one.
    fn of(status: u16, text: &str, case: &str) -> Self {
        let mut all = Self { status, ..Self::default() };
        if status != 200 {
            all.error = Some(serde_json::from_str::<Value>(text).unwrap()["error"].clone());
            return all;
        }
        let mut id = None;
        let mut events: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let done = events.last() == Some(&"[DONE]");
        if done {
            events.pop();
        }
        for (number, event) in events.iter().enumerate() {
            let chunk: Value = serde_json::from_str(event).unwrap();
            if chunk["error"].is_object() {
                assert_eq!(number, events.len() - 1, "{case}: something follows the error");
                all.error = Some(chunk["error"].clone());
                continue;
            }
            let identity = (chunk["id"].clone(), chunk["model"].clone());
            assert_eq!(*id.get_or_insert_with(|| identity.clone()), identity, "{case}");
            let role = &chunk["choices"][0]["delta"]["role"];
            assert_eq!(role.is_string(), number == 0, "{case}: role once, on the first chunk");
            all.take(&chunk, case);
        }
        assert_eq!(done, all.error.is_none(), "{case}: [DONE] exactly where all is well");
        assert_eq!(all.finish.is_some(), all.error.is_none(), "{case}: one finish_reason");
        all
    }

    fn take(&mut self, chunk: &Value, case: &str) {
        if chunk["choices"].as_array().unwrap().is_empty() {
            assert!(self.finish.is_some() && self.usage.is_none(), "{case}: usage comes last");
            self.usage = Some(chunk["usage"].clone());
            return;
        }
        assert!(self.finish.is_none(), "{case}: a chunk after the finish");
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        let text = |key: &str| delta[key].as_str().unwrap_or_default();
        self.text += text("content");
        self.reasoning += text("reasoning_content");
        self.refusal += text("refusal");
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if let Some(name) = call["function"]["name"].as_str() {
                assert_eq!(index, self.tools.len(), "{case}: tools count from 0");
                assert!(call["id"].is_string() && call["type"] == "function", "{case}");
                self.tools.push((name.to_owned(), String::new()));
            }
            self.tools[index].1 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
    }
}

fn agree(case: &Case, answer: &Accumulated) {
    let (facts, name) = (&case.facts, &case.name);
    let whole = facts["message_stop"] == true;
    assert_eq!(answer.error.is_none(), whole, "{name}: {answer:?}");
    if answer.status != 200 {
        assert_eq!(facts["text_chars"], 0, "{name}: an error status after content");
        return;
    }
    assert_eq!(answer.text.chars().count() as u64, facts["text_chars"], "{name}: text");
    let thinking = answer.reasoning.chars().count() as u64;
    assert_eq!(thinking, facts["thinking_chars"], "{name}: thinking");
    if !whole {
        return;
    }
    let tools = facts["tool_inputs"].as_array().unwrap();
    let own: Vec<&Value> = tools.iter().filter(|tool| tool["type"] == "tool_use").collect();
    assert_eq!(answer.tools.len(), own.len(), "{name}: the client's own tools");
    for ((found, arguments), tool) in answer.tools.iter().zip(own) {
        assert_eq!(tool["name"], *found, "{name}");
        assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object(), "{name}");
        match tool["argument_chars"].as_u64().unwrap() {
            0 => assert_eq!(arguments, "{}", "{name}"),
            count => assert_eq!(arguments.chars().count() as u64, count, "{name}"),
        }
    }
    let finish = match facts["stop_reason"].as_str().unwrap() {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "stop",
    };
    assert_eq!(answer.finish.as_deref(), Some(finish), "{name}");
    let count = |key: &str| facts["usage"][key].as_u64().unwrap_or(0);
    let read = count("cache_read_input_tokens");
    let input = count("input_tokens") + count("cache_creation_input_tokens") + read;
    let usage = answer.usage.as_ref().unwrap();
    assert_eq!(usage["prompt_tokens"], input, "{name}");
    assert_eq!(usage["completion_tokens"], count("output_tokens"), "{name}");
    assert_eq!(usage["total_tokens"], input + count("output_tokens"), "{name}");
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], read, "{name}");
}
