//! Every feature, for each protocol that clients speak with each that providers speak, asked for
//! through sockets: what comes of it is the table in `docs/compatibility.md`.
//!
//! Owns the questions and how an outcome is told; `SFAI_UPDATE_GOLDEN=1` writes the page anew.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::bedrock::{streamed as bedrock_stream, whole as bedrock_whole};
use crate::faults::{Fault, Raw, Upstream};
use crate::running::{self, MapBuilder, Running, client};
use crate::{message_events, response_events};

const CLIENTS: [&str; 3] = ["chat", "messages", "responses"];
const PROVIDERS: [&str; 3] = ["openai", "anthropic", "bedrock"];

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

/// What is asked for, and in whose words.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    System,
    Image,
    ImageByUrl,
    Pdf,
    Schema,
    Stop,
    Effort,
    Cache,
}

const REQUESTS: [(Asked, &str); 8] = [
    (Asked::System, "system prompt"),
    (Asked::Image, "picture, inline"),
    (Asked::ImageByUrl, "picture by URL"),
    (Asked::Pdf, "PDF, inline"),
    (Asked::Schema, "schema of the answer"),
    (Asked::Stop, "stop sequences"),
    (Asked::Effort, "effort or thinking budget"),
    (Asked::Cache, "breakpoints of a role with `cache`"),
];

/// A question of this client's, with or without the feature; none where it has no words for it.
fn question(client: &str, asked: Asked, stream: bool) -> Option<Value> {
    let data = |kind: &str| format!("data:{kind};base64,{MARK}");
    let source = |kind: &str| json!({"type": "base64", "media_type": kind, "data": MARK});
    let url = format!("https://example.org/{MARK}.png");
    let schema = json!({"type": "object", "properties": {MARK: {"type": "string"}}, "required": [MARK],
        "additionalProperties": false});
    let part = match (asked, client) {
        (Asked::Image, "chat") => {
            json!({"type": "image_url", "image_url": {"url": data("image/png")}})
        }
        (Asked::Image, "messages") => json!({"type": "image", "source": source("image/png")}),
        (Asked::Image, _) => json!({"type": "input_image", "image_url": data("image/png")}),
        (Asked::ImageByUrl, "chat") => json!({"type": "image_url", "image_url": {"url": url}}),
        (Asked::ImageByUrl, "messages") => {
            json!({"type": "image", "source": {"type": "url", "url": url}})
        }
        (Asked::ImageByUrl, _) => json!({"type": "input_image", "image_url": url}),
        (Asked::Pdf, "chat") => {
            json!({"type": "file", "file": {"filename": "f.pdf", "file_data": data("application/pdf")}})
        }
        (Asked::Pdf, "messages") => {
            json!({"type": "document", "source": source("application/pdf")})
        }
        (Asked::Pdf, _) => {
            json!({"type": "input_file", "filename": "f.pdf", "file_data": data("application/pdf")})
        }
        (_, "responses") => json!({"type": "input_text", "text": "q"}),
        _ => json!({"type": "text", "text": "q"}),
    };
    let said = json!([{"role": "user", "content": [part]}]);
    let mut body = match client {
        "responses" => json!({"model": "r", "max_output_tokens": 4000, "input": said}),
        _ => json!({"model": "r", "max_tokens": 4000, "messages": said}),
    };
    body["stream"] = json!(stream);
    let format = json!({"type": "json_schema", "name": "a", "schema": schema, "strict": true});
    match (asked, client) {
        (Asked::System, "chat") => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": MARK}));
        }
        (Asked::System, "messages") => body["system"] = json!(MARK),
        (Asked::System, _) => body["instructions"] = json!(MARK),
        (Asked::Schema, "chat") => {
            let inner = json!({"name": "a", "schema": schema, "strict": true});
            body["response_format"] = json!({"type": "json_schema", "json_schema": inner});
        }
        (Asked::Schema, "messages") => {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
        }
        (Asked::Schema, _) => body["text"] = json!({ "format": format }),
        (Asked::Stop, "chat") => body["stop"] = json!([MARK]),
        (Asked::Stop, "messages") => body["stop_sequences"] = json!([MARK]),
        (Asked::Stop, _) => return None,
        (Asked::Effort, "chat") => body["reasoning_effort"] = json!("low"),
        (Asked::Effort, "messages") => {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
        }
        (Asked::Effort, _) => body["reasoning"] = json!({"effort": "low"}),
        (Asked::Cache, "chat") => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": "Be brief."}));
        }
        (Asked::Cache, "messages") => body["system"] = json!("Be brief."),
        (Asked::Cache, _) => body["instructions"] = json!("Be brief."),
        _ => (),
    }
    Some(body)
}

/// Whether a request to a provider has what was asked for.
fn arrived(asked: Asked, sent: &Value) -> bool {
    let text = sent.to_string();
    match asked {
        Asked::Effort => text.contains("effort\"") || text.contains("budget_tokens"),
        Asked::Cache => text.contains("cache_control") || text.contains("cachePoint"),
        _ => text.contains(MARK),
    }
}

/// The same answer in the words of each provider: thinking, a text, two calls, and what it used.
fn answer(provider: &str, stream: bool) -> Fault {
    let (body, kind) = match (provider, stream) {
        ("bedrock", true) => (bedrock_stream(), "application/vnd.amazon.eventstream"),
        ("bedrock", false) => (bedrock_whole(), "application/json"),
        ("anthropic", true) => (anthropic_stream(), "text/event-stream"),
        ("anthropic", false) => (anthropic_whole(), "application/json"),
        (_, true) => (openai_stream(), "text/event-stream"),
        (_, false) => (openai_whole(), "application/json"),
    };
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    Fault::Raw(Raw { body, cuts: Vec::new(), headers, status: 200 })
}

fn events(events: &[Value], named: bool) -> Vec<u8> {
    let mut text = String::new();
    for event in events {
        if named {
            writeln!(text, "event: {}", event["type"].as_str().unwrap()).unwrap();
        }
        write!(text, "data: {event}\n\n").unwrap();
    }
    text.into_bytes()
}

fn anthropic_blocks() -> [Value; 4] {
    [
        json!({"type": "thinking", "thinking": "Let me see.", "signature": "sig"}),
        json!({"type": "text", "text": "Größe two."}),
        json!({"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}}),
        json!({"type": "tool_use", "id": "t2", "name": "list", "input": {}}),
    ]
}

fn anthropic_usage() -> Value {
    json!({"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4,
        "output_tokens": 20})
}

fn anthropic_whole() -> Vec<u8> {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": anthropic_blocks(), "stop_reason": "tool_use", "stop_sequence": null,
        "usage": anthropic_usage()})
    .to_string()
    .into_bytes()
}

fn anthropic_stream() -> Vec<u8> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": anthropic_usage()});
    let mut all = vec![json!({"type": "message_start", "message": message})];
    for (index, block) in anthropic_blocks().into_iter().enumerate() {
        let (empty, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": block["thinking"]}),
                    json!({"type": "signature_delta", "signature": block["signature"]}),
                ],
            ),
            "text" => (
                json!({"type": "text", "text": ""}),
                vec![json!({"type": "text_delta", "text": block["text"]})],
            ),
            _ => (
                json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
                vec![
                    json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
                ],
            ),
        };
        all.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        all.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        all.push(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": "tool_use", "stop_sequence": null});
    all.push(json!({"type": "message_delta", "delta": delta, "usage": anthropic_usage()}));
    all.push(json!({"type": "message_stop"}));
    events(&all, true)
}

fn openai_calls() -> Value {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    json!([call(0, "t1", "read", "{\"path\":\"a\"}"), call(1, "t2", "list", "{}")])
}

fn openai_usage() -> Value {
    json!({"prompt_tokens": 17, "completion_tokens": 20, "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 4}})
}

fn openai_whole() -> Vec<u8> {
    let message = json!({"role": "assistant", "content": "Größe two.",
        "reasoning_content": "Let me see.", "tool_calls": openai_calls()});
    json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": openai_usage()})
    .to_string()
    .into_bytes()
}

fn openai_stream() -> Vec<u8> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let null = Value::Null;
    let mut text = events(
        &[
            chunk(json!({"role": "assistant", "content": ""}), null.clone()),
            chunk(json!({"reasoning_content": "Let me see."}), null.clone()),
            chunk(json!({"content": "Größe two."}), null.clone()),
            chunk(json!({"tool_calls": openai_calls()}), null),
            chunk(json!({}), json!("tool_calls")),
            json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [], "usage": openai_usage()}),
        ],
        false,
    );
    text.extend(b"data: [DONE]\n\n");
    text
}

/// What a client makes of an answer.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: String,
    thinking: String,
    signed: bool,
    calls: Vec<(String, Value)>,
    /// Input, read from a cache, output.
    usage: [u64; 3],
    calls_end_it: bool,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn object(arguments: &Value) -> Value {
    serde_json::from_str(&string(arguments)).unwrap_or_default()
}

fn seen(client: &str, text: &str, stream: bool) -> Seen {
    let whole = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    match (client, stream) {
        ("chat", false) => {
            let body = whole(text);
            chat_seen(
                &body["choices"][0]["message"],
                &body["choices"][0]["finish_reason"],
                &body["usage"],
            )
        }
        ("chat", true) => {
            let kept = crate::turns::kept(text).unwrap_or_default();
            let chunks: Vec<Value> = text
                .lines()
                .filter_map(|it| serde_json::from_str(it.strip_prefix("data: ")?).ok())
                .collect();
            let finish = chunks
                .iter()
                .map(|it| &it["choices"][0]["finish_reason"])
                .find(|it| it.is_string());
            let usage = chunks.last().map(|it| it["usage"].clone()).unwrap_or_default();
            let thinking =
                chunks.iter().map(|it| string(&it["choices"][0]["delta"]["reasoning_content"]));
            let thinking = thinking.collect();
            Seen { thinking, ..chat_seen(&kept, finish.unwrap_or(&Value::Null), &usage) }
        }
        ("messages", false) => message_seen(&whole(text)),
        ("messages", true) => message_seen(&message_events::hear(text, client).message),
        (_, false) => response_seen(&whole(text)),
        (_, true) => response_seen(&response_events::hear(text, client).response),
    }
}

fn chat_seen(message: &Value, finish: &Value, usage: &Value) -> Seen {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let details = message["reasoning_details"].as_array().into_iter().flatten();
    Seen {
        text: string(&message["content"]),
        thinking: string(&message["reasoning_content"]),
        signed: details.into_iter().any(|it| it["signature"] == "sig"),
        calls: calls
            .map(|it| (string(&it["function"]["name"]), object(&it["function"]["arguments"])))
            .collect(),
        usage: [
            number(&usage["prompt_tokens"]),
            number(&usage["prompt_tokens_details"]["cached_tokens"]),
            number(&usage["completion_tokens"]),
        ],
        calls_end_it: finish == "tool_calls",
    }
}

fn message_seen(message: &Value) -> Seen {
    let usage = &message["usage"];
    let calls = message_events::blocks(message, "tool_use");
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    Seen {
        text: message_events::text(message, "text"),
        thinking: message_events::text(message, "thinking"),
        signed: message_events::blocks(message, "thinking")
            .iter()
            .any(|it| it["signature"] == "sig"),
        calls: calls.iter().map(|it| (string(&it["name"]), it["input"].clone())).collect(),
        usage: [
            input.iter().map(|key| number(&usage[*key])).sum(),
            number(&usage["cache_read_input_tokens"]),
            number(&usage["output_tokens"]),
        ],
        calls_end_it: message["stop_reason"] == "tool_use",
    }
}

fn response_seen(response: &Value) -> Seen {
    let usage = &response["usage"];
    let reasoning = response_events::items(response, "reasoning");
    let summaries = reasoning.iter().flat_map(|it| it["summary"].as_array().into_iter().flatten());
    Seen {
        text: response_events::text(response),
        thinking: summaries.map(|it| string(&it["text"])).collect(),
        signed: reasoning.iter().any(|it| it["encrypted_content"].is_string()),
        calls: response_events::items(response, "function_call")
            .iter()
            .map(|it| (string(&it["name"]), object(&it["arguments"])))
            .collect(),
        usage: [
            number(&usage["input_tokens"]),
            number(&usage["input_tokens_details"]["cached_tokens"]),
            number(&usage["output_tokens"]),
        ],
        calls_end_it: response["status"] == "completed",
    }
}

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
        .role("r", &[&format!("{provider}/m")], json!({"cache": "conversation"}));
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
                200 if asked == Asked::Cache && provider == "openai" => "–",
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
    cells
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
    page.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    if std::env::var_os("SFAI_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(page, there, "SFAI_UPDATE_GOLDEN=1 writes what is new; read it");
}
