//! Every feature, for each protocol that clients speak with each that providers speak, asked for
//! through sockets: what comes of it is the table in `docs/compatibility.md`.
//!
//! Owns how an outcome is told; `SFAI_UPDATE_GOLDEN=1` writes the page anew.

mod answers;
mod asked;
mod endpoints;
mod seen;

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::running::{self, MapBuilder, Running, client};
use answers::{ENDINGS, Ending, PAGE, answer, cut, ended, fault_found};
use asked::{Asked, REQUESTS, arrived, question};
use seen::{Seen, seen};

const CLIENTS: [&str; 3] = ["chat", "messages", "responses"];
const PROVIDERS: [&str; 3] = ["openai", "anthropic", "bedrock"];

const ENDPOINTS_HEAD: &str = "

The other endpoints, by what the role's model speaks. `by a chat`: a completion is asked for in a chat,
and what is not code is taken out. `estimated`: nobody is asked, and `x-sfai-count` says so. A model that
is known to lack an endpoint is not asked there.

";

/// What is looked for in a request to a provider; base64, too.
const MARK: &str = "MARKMARK";

const HEAD: &str = "# Compatibility

What a client's request and a provider's answer keep on the way through the router, by what each of
them speaks: `chat` is Chat Completions, `messages` Anthropic's Messages, `responses` OpenAI's
Responses. Written from what the router's own tests see (`router/tests/it/compatibility.rs`): a cell
is what came of asking, and a change of one fails them.

`yes`: it arrives. `dropped`: it does not, and `x-sfai-dropped` says so. `refused`: a clear 400, or
the next link. `no`: it does not arrive. `–`: the one has no such thing, or the other gives none.
";

/// The answer sent back with the results of its calls.
fn next_question(client: &str, body: &Value) -> Value {
    let user = json!({"role": "user", "content": "q"});
    match client {
        "chat" => {
            let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": format!("{MARK}-{id}")});
            let said = &body["choices"][0]["message"];
            json!({"model": "r", "max_tokens": 4000, "messages": [user, said, result("t1"), result("t2")]})
        }
        "messages" => {
            let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": format!("{MARK}-{id}")});
            let said = json!({"role": "assistant", "content": body["content"]});
            let results = json!({"role": "user", "content": [result("t1"), result("t2")]});
            json!({"model": "r", "max_tokens": 4000, "messages": [user, said, results]})
        }
        _ => {
            let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": format!("{MARK}-{id}")});
            let mut input = vec![user];
            input.extend(body["output"].as_array().cloned().unwrap_or_default());
            input.extend([result("t1"), result("t2")]);
            json!({"model": "r", "max_output_tokens": 4000, "input": input})
        }
    }
}

async fn post(router: &Running, protocol: &str, body: &Value) -> (u16, bool, String) {
    let path = match protocol {
        "chat" => "/v1/chat/completions",
        "messages" => "/v1/messages",
        _ => "/v1/responses",
    };
    let response = client().post(router.url(path)).body(body.to_string()).send().await.unwrap();
    let dropped = response.headers().contains_key("x-sfai-dropped");
    (response.status().as_u16(), dropped, response.text().await.unwrap())
}

async fn serve(upstream: &Upstream, provider: &str) -> Running {
    let url = |name: &str| format!("{}/{name}", upstream.url());
    let key = json!({"authorization": "Bearer of-bedrock"});
    let facts = |provider: &str, more: Value| {
        let mut facts = json!({"provider": provider, "id": "m", "output_tokens": 8000,
            "context_tokens": 200_000, "accepts": ["image", "json", "pdf", "tools"]});
        facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        facts
    };
    let map = MapBuilder::new(upstream.address)
        .with(json!({
            "providers": {"bedrock": {"protocol": "bedrock", "base_url": url("bedrock"), "headers": key}},
            "models": {
                "openai/m": facts("openai", json!({"efforts": ["low", "high"]})),
                "anthropic/m": facts("anthropic", json!({"thinking_budget_min": 1024})),
                "bedrock/m": facts("bedrock", json!({"thinking_budget_min": 1024, "id": "anthropic.m"})),
            },
        }))
        .role("r", &[&format!("{provider}/m")], json!({"cache": "conversation"}))
        .role("plain", &[&format!("{provider}/m")], json!({}));
    running::start(&map.bytes()).await
}

fn told(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

async fn begin(client: &str, provider: &str) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, provider).await;
    if (client, provider) == ("responses", "openai") {
        // It has no Responses of its own: what is asked is whether a chat can stand in.
        upstream.push("", [Fault::status(404), answer(provider, false)]);
        post(&router, client, &question(client, Asked::System, false).unwrap()).await;
    }
    (upstream, router)
}

/// What comes of each feature, in the order of the table.
async fn column(client: &str, provider: &str) -> Vec<(String, &'static str)> {
    let (upstream, router) = begin(client, provider).await;
    let mut cells = Vec::new();
    for (asked, name) in REQUESTS {
        let Some(body) = question(client, asked, false) else {
            cells.push((name.to_owned(), "–"));
            continue;
        };
        let before = upstream.arrivals().len();
        upstream.push("", [answer(provider, false)]);
        let (status, dropped, _) = post(&router, client, &body).await;
        let sent: Vec<Value> = upstream.arrivals()[before..].iter().map(|it| it.json()).collect();
        cells.push((
            name.to_owned(),
            match status {
                200 if sent.iter().any(|sent| arrived(asked, sent)) => "yes",
                200 if asked.is_of_a_cache() && provider == "openai" => "–",
                200 if dropped => "dropped",
                200 => "no",
                _ => "refused",
            },
        ));
    }
    // What was refused has left its answer behind.
    let (upstream, router) = begin(client, provider).await;
    let mut last = String::new();
    for stream in [false, true] {
        let mut body = question(client, Asked::System, stream).unwrap();
        if client == "chat" && stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        if client == "messages" {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
        }
        upstream.push("", [answer(provider, stream)]);
        let (status, _, text) = post(&router, client, &body).await;
        let seen = if status == 200 { seen(client, &text, stream) } else { Seen::default() };
        let how = if stream { "streamed" } else { "whole" };
        let calls = [("read".to_owned(), json!({"path": "a"})), ("list".to_owned(), json!({}))];
        let signed = if provider == "openai" { "–" } else { told(seen.signed) };
        cells.extend([
            (format!("text, {how}"), told(seen.text == "Größe two.")),
            (
                format!("parallel calls of tools, {how}"),
                told(seen.calls == calls && seen.calls_end_it),
            ),
            (format!("thinking, {how}"), told(seen.thinking == "Let me see.")),
            (format!("its signature, {how}"), signed),
            (format!("usage, {how}"), told([seen.usage[0], seen.usage[2]] == [17, 20])),
            (format!("usage of the cache, {how}"), told(seen.usage[1] == 4)),
        ]);
        if !stream {
            last = text;
        }
    }
    let body = next_question(client, &serde_json::from_str(&last).unwrap_or_default());
    upstream.push("", [answer(provider, false)]);
    post(&router, client, &body).await;
    let sent = upstream.arrivals().last().unwrap().json().to_string();
    let results = ["t1", "t2"].iter().all(|id| sent.contains(&format!("{MARK}-{id}")));
    cells.push(("results of parallel calls sent back".into(), told(results)));
    let thought = if provider == "openai" { "–" } else { told(sent.contains("\"sig\"")) };
    cells.push(("signed thinking sent back".into(), thought));
    cells.extend(endings(client, provider).await);
    cells
}

/// What comes of other endings, and of failures.
async fn endings(client: &str, provider: &str) -> Vec<(String, &'static str)> {
    let (upstream, router) = begin(client, provider).await;
    let mut cells = Vec::new();
    for (ending, name) in ENDINGS {
        let Some(answer) = ended(provider, ending) else {
            cells.push((name.to_owned(), "–"));
            continue;
        };
        upstream.push("", [answer]);
        let body = question(client, Asked::System, false).unwrap();
        let (_, _, text) = post(&router, client, &body).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        cells.push((name.to_owned(), told(is_ended(client, &body, ending))));
    }
    upstream.push("", [fault_found(provider)]);
    let body = question(client, Asked::System, false).unwrap();
    let (status, _, text) = post(&router, client, &body).await;
    let body: Value = serde_json::from_str(&text).unwrap();
    let message = body["error"]["message"].as_str().unwrap_or_default();
    let is_its_own = (client == "messages") == (body["type"] == "error");
    let holds = status == 400 && is_its_own && message.contains(MARK);
    cells.push(("what a provider says of a bad request".into(), told(holds)));
    upstream.push("", [cut(provider)]);
    let body = question(client, Asked::System, true).unwrap();
    let (_, _, text) = post(&router, client, &body).await;
    let holds = match client {
        "chat" => text.contains("\"error\"") && !text.contains("[DONE]"),
        "messages" => text.contains("event: error") && !text.contains("message_stop"),
        _ => text.contains("response.failed") && !text.contains("response.completed"),
    };
    cells.push(("a stream that breaks off is told".into(), told(holds)));
    cells
}

/// Whether a client sees that an answer ended so.
fn is_ended(client: &str, body: &Value, ending: Ending) -> bool {
    let reason = match client {
        "chat" => &body["choices"][0]["finish_reason"],
        "messages" => &body["stop_reason"],
        _ => &body["incomplete_details"]["reason"],
    };
    match (ending, client) {
        (Ending::Limit, "chat") => reason == "length",
        (Ending::Limit, "messages") => reason == "max_tokens",
        (Ending::Limit, _) => reason == "max_output_tokens",
        (Ending::Refused, "messages") => reason == "refusal",
        (Ending::Refused, _) => reason == "content_filter",
        (Ending::Cited, _) => body.to_string().contains(PAGE),
    }
}

#[tokio::test]
async fn the_table_of_the_docs_is_what_comes_of_asking() {
    let mut columns = Vec::new();
    for client in CLIENTS {
        for provider in PROVIDERS {
            columns.push((format!("{client} → {provider}"), column(client, provider).await));
        }
    }
    let mut page = format!("{HEAD}\n| |");
    let heads = columns.iter().map(|(head, _)| format!(" {head} |"));
    page.extend(heads);
    page += "\n| --- |";
    page.extend(columns.iter().map(|_| " --- |"));
    for row in 0..columns[0].1.len() {
        write!(page, "\n| {} |", columns[0].1[row].0).unwrap();
        page.extend(columns.iter().map(|(_, cells)| format!(" {} |", cells[row].1)));
    }
    page += ENDPOINTS_HEAD;
    page += &endpoints::table().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    if std::env::var_os("SFAI_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(page, there, "SFAI_UPDATE_GOLDEN=1 writes what is new; read it");
}
