//! Every short stream that a provider can send, in any order, to clients of each protocol: what
//! comes out ends once, and nothing follows its end.
//!
//! Owns the letters that streams are made of, and what holds of all of them. What becomes of each
//! failure at each point is the matrix's.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::faults::{Fault, Then, Upstream};
use crate::running::{self, MapBuilder, Running, client};

/// The most events of a stream, beside its end.
const LONGEST: usize = 3;
const WORKERS: usize = 16;
const CLIENTS: [(&str, &str); 3] = [
    ("chat", "/v1/chat/completions"),
    ("messages", "/v1/messages"),
    ("responses", "/v1/responses"),
];
/// Whether the events come together, and how the connection ends.
const ENDS: [(bool, Then); 4] =
    [(false, Then::End), (false, Then::Reset), (true, Then::End), (true, Then::Reset)];
const COMMITS: [&str; 2] = ["first_token", "headers"];

/// One event of a provider's, and what it is.
#[derive(Debug, Clone)]
struct Letter {
    name: &'static str,
    bytes: String,
}

#[derive(Debug, Clone)]
struct Case {
    provider: &'static str,
    client: (&'static str, &'static str),
    commit: &'static str,
    letters: Vec<Letter>,
    at_once: bool,
    then: Then,
}

fn letters(provider: &str) -> Vec<Letter> {
    let letter = |name, bytes: String| Letter { name, bytes };
    let mut all = vec![
        letter("comment", ": still there\n\n".into()),
        letter("malformed", "data: {\"choices\": [{\n\n".into()),
    ];
    all.extend(if provider == "openai" { chunks() } else { events() });
    all
}

fn chunks() -> Vec<Letter> {
    let chunk = |name, delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
            "model": "m", "choices": [choice]});
        Letter { name, bytes: format!("data: {chunk}\n\n") }
    };
    let call = json!([{"index": 0, "id": "t", "type": "function",
        "function": {"name": "look", "arguments": "{}"}}]);
    let error = json!({"error": {"message": "no", "type": "server_error", "code": null}});
    vec![
        chunk("thought", json!({"reasoning_content": "a"}), Value::Null),
        chunk("text", json!({"content": "a"}), Value::Null),
        chunk("call", json!({ "tool_calls": call }), Value::Null),
        chunk("finish", json!({}), json!("stop")),
        Letter { name: "error", bytes: format!("data: {error}\n\n") },
        Letter { name: "end", bytes: "data: [DONE]\n\n".into() },
    ]
}

fn events() -> Vec<Letter> {
    let event = |name, event: Value| {
        let kind = event["type"].as_str().unwrap();
        Letter { name, bytes: format!("event: {kind}\ndata: {event}\n\n") }
    };
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
        "model": "m", "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let start = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "text", "text": ""}});
    let delta = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": "a"}});
    let finish = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn",
        "stop_sequence": null}, "usage": {"output_tokens": 1}});
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "no"}});
    // A text begins with its block, and a thought has one of its own.
    let text = event("text", start).bytes + &event("text", delta).bytes;
    let thinks = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""}});
    let thought = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "a"}});
    let thought = event("thought", thinks).bytes + &event("thought", thought).bytes;
    vec![
        event("start", json!({"type": "message_start", "message": message})),
        Letter { name: "thought", bytes: thought },
        Letter { name: "text", bytes: text },
        event("finish", finish),
        event("error", error),
        event("end", json!({"type": "message_stop"})),
    ]
}

fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in ["openai", "anthropic"] {
        let letters = letters(provider);
        let (mut words, mut last) = (vec![Vec::new()], vec![Vec::new()]);
        for _ in 0..LONGEST {
            last = last
                .iter()
                .flat_map(|word: &Vec<Letter>| {
                    letters
                        .iter()
                        .map(|letter| [word.as_slice(), std::slice::from_ref(letter)].concat())
                })
                .collect();
            words.extend(last.clone());
        }
        for client in CLIENTS {
            for commit in COMMITS {
                for (at_once, then) in ENDS {
                    let case = |letters| Case { provider, client, commit, letters, at_once, then };
                    cases.extend(words.iter().cloned().map(case));
                }
            }
        }
    }
    cases
}

impl Case {
    fn names(&self) -> Vec<&'static str> {
        self.letters.iter().map(|letter| letter.name).collect()
    }

    fn body(&self) -> Value {
        let role = format!("{}-{}", self.provider, self.commit);
        match self.client.0 {
            "responses" => json!({"model": role, "stream": true, "input": "q"}),
            _ => json!({"model": role, "stream": true, "max_tokens": 50,
                "messages": [{"role": "user", "content": "q"}]}),
        }
    }

    /// Whether its client speaks as its provider does.
    fn is_passed_on(&self) -> bool {
        matches!((self.client.0, self.provider), ("chat", "openai") | ("messages", "anthropic"))
    }

    /// Whether these data end a stream well.
    fn ends(&self, data: &str) -> bool {
        match self.client.0 {
            "chat" => data == "[DONE]",
            "messages" => data.contains("\"message_stop\""),
            _ => {
                data.contains("\"response.completed\"") || data.contains("\"response.incomplete\"")
            }
        }
    }

    /// What does not hold of what its client got.
    fn wrong(&self, status: u16, body: &str) -> Option<&'static str> {
        if status != 200 {
            let error: Value = serde_json::from_str(body).unwrap_or_default();
            return (!error["error"]["message"].is_string())
                .then_some("a refusal without a message");
        }
        let data: Vec<&str> = body.lines().filter_map(|it| it.strip_prefix("data: ")).collect();
        let fails = |data: &str| {
            let told: Value = serde_json::from_str(data).unwrap_or_default();
            // To a Responses client an error is told twice, as an event and as the end.
            match self.client.0 {
                "responses" => told["type"] == "response.failed",
                _ => told["error"].is_object() || told["type"] == "error",
            }
        };
        let first = data.iter().position(|data| self.ends(data) || fails(data));
        let place = |name| self.names().iter().position(|it| *it == name);
        let Some(first) = first else {
            // A reason to end is an end, and what is passed on is not added to.
            let is_over = self.is_passed_on()
                && place("finish").is_some()
                && place("text").or(place("call")).is_some();
            return (!is_over).then_some("neither an end nor an error");
        };
        if first + 1 != data.len() {
            return Some("something follows the end");
        }
        let end = [place("finish"), place("end")].into_iter().flatten().min();
        // Reasoning alone is no answer.
        let is_answer = place("text").or(place("call")).is_some();
        let is_whole =
            is_answer && end.is_some_and(|end| place("error").is_none_or(|error| end < error));
        (self.ends(data[first]) && !is_whole).then_some("what is not whole looks complete")
    }
}

async fn worker() -> (Upstream, Running, reqwest::Client) {
    let upstream = Upstream::start().await;
    let mut map = MapBuilder::new(upstream.address);
    for provider in ["openai", "anthropic"] {
        for commit in COMMITS {
            let role = json!({"commit": commit});
            map = map.role(&format!("{provider}-{commit}"), &[&format!("{provider}/m")], role);
        }
    }
    let (router, client) = (running::start(&map.bytes()).await, client());
    // So that it is known that this upstream has no endpoint for responses.
    let body = json!({"model": "openai-headers", "input": "q"}).to_string();
    let request = client.post(router.url("/v1/responses")).body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    (upstream, router, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_short_stream_ends_once_and_nothing_follows() {
    let cases = all();
    let (count, queue) = (cases.len(), Arc::new(Mutex::new(cases)));
    let work = |_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let (upstream, router, client) = worker().await;
            let mut wrong = Vec::new();
            loop {
                let Some(case) = queue.lock().unwrap().pop() else { return wrong };
                let bytes = case.letters.iter().map(|it| it.bytes.clone().into_bytes());
                // Each by itself, or all at once.
                let pieces: Vec<Vec<u8>> = bytes.collect();
                let pieces = if case.at_once { vec![pieces.concat()] } else { pieces };
                upstream.always("", Fault::Part(pieces, case.then));
                let request = client.post(router.url(case.client.1)).body(case.body().to_string());
                let response = request.send().await.unwrap();
                let status = response.status().as_u16();
                let body = response.text().await.unwrap();
                wrong.extend(case.wrong(status, &body).map(|why| {
                    let Case { provider, client, commit, then, at_once, .. } = &case;
                    let names = case.names();
                    format!(
                        "{why}: {provider} {names:?} {at_once} {then:?} {client:?} {commit}: {body}"
                    )
                }));
            }
        })
    };
    let workers: Vec<_> = (0..WORKERS).map(work).collect();
    let mut wrong = Vec::new();
    for worker in workers {
        wrong.extend(worker.await.unwrap());
    }
    let shown = wrong.iter().take(12).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} of {count} streams: {shown:#?}", wrong.len());
    println!("{count} streams, each over once");
}
