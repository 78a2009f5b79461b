//! `POST /v1/messages` through sockets: recordings of either protocol, errors, and what a link is
//! sent.

use serde_json::{Value, json};
use sfai_router::config::Upstreams;

use crate::faults::{At, Fault, Missing, Upstream};
use crate::message_events::{Heard, blocks, hear, text};
use crate::replay::{Case, cases, patient, recordings, setup, wirings};
use crate::running::{self, MapBuilder, Running, client};

/// A request that wants to see reasoning.
fn question(stream: bool) -> Value {
    json!({"model": "r", "stream": stream, "max_tokens": 1000,
        "thinking": {"type": "adaptive"}, "messages": [{"role": "user", "content": "Say hello."}]})
}

async fn post(router: &Running, path: &str, body: &Value) -> reqwest::Response {
    let request = client().post(router.url(path)).header("anthropic-version", "2023-06-01");
    request.body(body.to_string()).send().await.unwrap()
}

async fn ask(router: &Running, body: &Value) -> (u16, String) {
    let response = post(router, "/v1/messages", body).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn recorded_messages_streams_come_out_byte_for_byte() {
    let mut random = fastrand::Rng::with_seed(3);
    let (upstream, router) = setup("anthropic").await;
    let cases = cases("messages");
    let (mut refused, mut cut) = (0, 0);
    for case in &cases {
        let recorded = String::from_utf8_lossy(&case.stream).into_owned();
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = ask(&router, &question(true)).await;
            if case.facts["text_chars"] == 0 && !case.facts["stream_errors"].is_null() {
                refused += 1;
                assert_ne!(status, 200, "{}", case.name);
                let error: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(error["type"], "error", "{text}");
                continue;
            }
            assert_eq!(status, 200, "{}: {text}", case.name);
            if case.facts["message_stop"] == true {
                assert_eq!(text, recorded, "{}", case.name);
            } else {
                cut += 1;
                let (rest, event) = text.trim_end().rsplit_once("\n\n").unwrap();
                assert!(event.starts_with("event: error\ndata: {\"type\":\"error\""), "{event}");
                assert!(recorded.starts_with(rest), "{}", case.name);
            }
        }
    }
    let total = cases.len();
    println!("{total} cases, {total} agree; {refused} runs failed unseen, {cut} were cut");
}

#[tokio::test]
async fn recorded_whole_messages_come_out_byte_for_byte() {
    let (upstream, router) = setup("anthropic").await;
    let cases = recordings("messages", false);
    for case in &cases {
        upstream.push("", [whole(&case.stream)]);
        let (status, text) = ask(&router, &question(false)).await;
        assert_eq!(status, 200, "{}: {text}", case.name);
        assert_eq!(text.as_bytes(), case.stream, "{}", case.name);
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

fn whole(body: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(body).into_owned();
    Fault::status(200).with_body(&text)
}

#[tokio::test]
async fn recorded_chat_streams_agree_with_their_facts() {
    let mut random = fastrand::Rng::with_seed(4);
    let (upstream, router) = setup("openai").await;
    let cases = cases("chat.completions");
    for case in &cases {
        let mut first = None;
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = ask(&router, &question(true)).await;
            assert_eq!(status, 200, "{}: {text}", case.name);
            let heard = hear(&text, &case.name);
            let first = first.get_or_insert_with(|| heard.clone());
            assert_eq!(*first, heard, "{}: the cutting shows", case.name);
        }
        if let Some(heard) = first {
            agree(case, &heard);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

/// The finish reasons of the first choice: the only one that a message has room for.
fn finish(case: &Case) -> Option<&str> {
    let reasons = case.facts["finish_reasons"].as_array().unwrap();
    let of_first = |reason: &&Value| reason.is_string() || reason[0] == 0;
    let last = reasons.iter().rfind(of_first)?;
    last.as_str().or_else(|| last[1].as_str())
}

fn agree(case: &Case, heard: &Heard) {
    let (name, facts, message) = (&case.name, &case.facts, &heard.message);
    let is_error = !facts["error_chunks"].is_null() && finish(case).is_none();
    assert_eq!(heard.error.is_some(), is_error, "{name}");
    if is_error {
        return;
    }
    let count = |text: String| text.chars().count() as u64;
    // The accounting counts no text in lists, and of three recordings looks for reasoning elsewhere.
    let in_lists = case.has("content-is-array");
    let (said, known) = (count(text(message, "text")), facts["text_chars"].as_u64().unwrap());
    assert!(case.has("n>1") || said == known || (in_lists && said > known), "{name}: text");
    let elsewhere = in_lists || case.has("reasoning_details");
    let thinking = count(text(message, "thinking"));
    assert!(elsewhere || facts["reasoning_chars"] == thinking, "{name}: thinking");
    assert!(!elsewhere || thinking > 0, "{name}: thinking");
    check_calls(case, message);
    let expected = match finish(case) {
        Some("length") => "max_tokens",
        Some("content_filter") => "refusal",
        _ if !blocks(message, "tool_use").is_empty() => "tool_use",
        _ => "end_turn",
    };
    assert_eq!(message["stop_reason"], expected, "{name}");
    check_usage(case, &message["usage"]);
}

fn check_calls(case: &Case, message: &Value) {
    let calls = blocks(message, "tool_use");
    let of_first = |call: &&Value| call["choice/index"].as_str().unwrap().starts_with("0/");
    let known = case.facts["tool_calls"].as_array().unwrap();
    let known: Vec<&Value> = known.iter().filter(of_first).collect();
    assert_eq!(calls.len(), known.len(), "{}", case.name);
    for (call, known) in calls.into_iter().zip(known) {
        assert_eq!(call["name"], known["name"], "{}", case.name);
        assert!(call["input"].is_object() && call["id"].is_string(), "{}", case.name);
        let has_input = !call["input"].as_object().unwrap().is_empty();
        assert_eq!(has_input, known["argument_chars"].as_u64().unwrap() > 2, "{}", case.name);
    }
}

fn check_usage(case: &Case, usage: &Value) {
    let known = &case.facts["usage"];
    let Some(input) = known["prompt_tokens"].as_u64() else { return };
    let sum = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let sum: u64 = sum.iter().map(|name| usage[name].as_u64().unwrap()).sum();
    // One server counts more as cached than it counts at all.
    let cached = known["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
    assert_eq!(sum, input.max(cached), "{}", case.name);
    assert_eq!(usage["output_tokens"], known["completion_tokens"], "{}", case.name);
    assert_eq!(usage["cache_read_input_tokens"], cached, "{}", case.name);
}

/// What a message cannot hold.
const LEFT_OUT: [(&str, &str); 2] = [
    ("openai/audio-out", "an answer of sound: no client of messages can ask for one"),
    ("openai/custom-tool", "a call of a tool without a schema: no client of messages has such"),
];

#[tokio::test]
async fn recorded_chat_answers_agree_with_their_facts() {
    let (upstream, router) = setup("openai").await;
    let cases = recordings("chat.completions", false);
    let mut agreed = 0;
    for case in &cases {
        if let Some((name, why)) = LEFT_OUT.iter().find(|(name, _)| *name == case.name) {
            println!("left out: {name}, {why}");
            continue;
        }
        upstream.push("", [whole(&case.stream)]);
        let (status, body) = ask(&router, &question(false)).await;
        assert_eq!(status, 200, "{}: {body}", case.name);
        let message: Value = serde_json::from_str(&body).unwrap();
        let refusal = message["stop_details"]["explanation"].as_str().unwrap_or_default();
        let shown = text(&message, "text").chars().count() - refusal.chars().count();
        assert_eq!(shown as u64, case.facts["text_chars"], "{}", case.name);
        assert_eq!(case.has("refusal"), !refusal.is_empty(), "{}", case.name);
        let called: Vec<&Value> =
            blocks(&message, "tool_use").iter().map(|call| &call["name"]).collect();
        let known: Vec<&Value> = case.facts["tool_calls"].as_array().unwrap().iter().collect();
        // The accounting does not count the call of a time when there was one at most.
        assert!(case.has("function_call-legacy") || called == known, "{}", case.name);
        check_usage(case, &message["usage"]);
        agreed += 1;
    }
    println!("{} cases, {agreed} agree", cases.len());
}

#[tokio::test]
async fn errors_have_anthropics_shape_status_and_type() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("own", &["anthropic/m"], json!({})).role(
        "other",
        &["openai/m"],
        json!({}),
    );
    let router = running::start(&map.bytes()).await;
    let cases = [
        (400, 400, "invalid_request_error"),
        (401, 502, "api_error"),
        (413, 413, "request_too_large"),
        (429, 429, "rate_limit_error"),
        (500, 502, "api_error"),
        (529, 529, "overloaded_error"),
    ];
    for role in ["own", "other"] {
        for (upstreams, status, kind) in cases {
            for stream in [false, true] {
                upstream.push("", [Fault::status(upstreams)]);
                let mut body = question(stream);
                body["model"] = json!(role);
                let response = post(&router, "/v1/messages", &body).await;
                assert_eq!(response.status(), status, "{role} {upstreams}");
                assert_eq!(response.headers()["x-should-retry"], "false");
                let id = response.headers()["request-id"].to_str().unwrap().to_owned();
                let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
                assert_eq!(
                    (&body["type"], &body["error"]["type"]),
                    (&json!("error"), &json!(kind))
                );
                assert_eq!(body["request_id"], id);
                assert!(body["error"]["message"].as_str().unwrap().contains(role), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn the_routers_own_refusals_have_it_too() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["anthropic/m"], json!({}));
    let keys = "ada:0123456789abcdef";
    let router = running::start_with(&map.bytes(), keys, Upstreams::Real).await;
    let send = async |path: &str, key: &str, body: String| {
        let request = client().post(router.url(path)).header("x-api-key", key);
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["type"], "error", "{body}");
        (status, body["error"]["type"].as_str().unwrap().to_owned())
    };
    let key = "0123456789abcdef";
    let good = question(false).to_string();
    let unknown = good.replace("\"r\"", "\"nobody\"");
    let cases = [
        (send("/v1/messages", "wrong", good.clone()).await, 401, "authentication_error"),
        (send("/v1/messages", key, "{".into()).await, 400, "invalid_request_error"),
        (send("/v1/messages", key, r#"{"model":"r"}"#.into()).await, 400, "invalid_request_error"),
        (send("/v1/messages", key, unknown).await, 404, "not_found_error"),
        (send("/v1/messages/batches", key, good).await, 404, "not_found_error"),
        (send("/v1/messages", key, " ".repeat(16 << 20 | 1)).await, 413, "request_too_large"),
    ];
    for ((status, kind), expected, expected_kind) in cases {
        assert_eq!((status, kind.as_str()), (expected, expected_kind));
    }
    let response = client().get(router.url("/v1/messages")).header("x-api-key", key).send().await;
    assert_eq!(response.unwrap().status(), 405);
}

#[tokio::test]
async fn what_breaks_after_the_first_token_is_told_in_the_stream() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("own", &["anthropic/m"], patient()).role(
        "other",
        &["openai/m"],
        patient(),
    );
    let router = running::start(&map.bytes()).await;
    for role in ["own", "other"] {
        let mut body = question(true);
        body["model"] = json!(role);
        for fault in [
            Fault::Cut(At::AfterFirstToken),
            Fault::Reset(At::AfterFirstToken),
            Fault::ErrorEvent(At::AfterFirstToken),
            Fault::Missing(Missing::Both),
        ] {
            upstream.push("", [fault.clone()]);
            let (status, text) = ask(&router, &body).await;
            assert_eq!(status, 200, "{role} {fault:?}");
            let last = text.trim_end().rsplit("\n\n").next().unwrap();
            assert!(last.starts_with("event: error\n"), "{role} {fault:?}: {last}");
            assert!(!text.contains("message_stop"), "{role} {fault:?}");
        }
        for fault in [Fault::Cut(At::BeforeFirstToken), Fault::ErrorEvent(At::BeforeFirstToken)] {
            upstream.push("", [fault.clone()]);
            let (status, text) = ask(&router, &body).await;
            assert!(status >= 500, "{role} {fault:?}: {text}");
        }
    }
}

/// What the upstream got last.
fn received(upstream: &Upstream) -> Value {
    upstream.arrivals().last().unwrap().json()
}

#[tokio::test]
async fn a_request_falls_over_from_one_protocol_to_the_other() {
    let upstream = Upstream::start().await;
    let role = json!({"parameters": {"temperature": 0.5},
        "system": {"prompts": [model_map::prompt_id("Be kind.")]}});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["anthropic/m", "openai/m"], role)
        .with(json!({"prompts": {(model_map::prompt_id("Be kind.")): "Be kind."}}));
    let router = running::start(&map.bytes()).await;
    upstream.push("/anthropic/", [Fault::status(529)]);
    let mut body = question(false);
    body["system"] =
        json!([{"type": "text", "text": "own", "cache_control": {"type": "ephemeral"}}]);
    body["thinking"] = json!({"type": "disabled"});
    body["top_k"] = json!(5);
    let response = client()
        .post(router.url("/v1/messages"))
        .header("anthropic-beta", "context-management-2025-06-27")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-sfai-attempts"], "anthropic/m=overloaded, openai/m=ok");
    assert_eq!(response.headers()["x-sfai-dropped"], "top_k");
    let message: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(
        (&message["type"], &message["stop_reason"]),
        (&json!("message"), &json!("end_turn"))
    );
    let arrivals = upstream.arrivals();
    let (first, second) = (&arrivals[0], &arrivals[1]);
    assert_eq!(first.path, "/anthropic/v1/messages");
    assert_eq!(first.header("anthropic-beta"), Some("context-management-2025-06-27"));
    assert_eq!(second.header("anthropic-beta"), None, "meant for the other alone");
    let first = first.json();
    assert_eq!((&first["top_k"], &first["temperature"]), (&json!(5), &json!(0.5)));
    assert_eq!(first["system"][0]["text"], "Be kind.");
    assert_eq!(first["system"][1], body["system"][0]);
    let expected = json!({"model": "m", "max_tokens": 1000, "temperature": 0.5, "messages": [
        {"role": "system", "content": "Be kind."}, {"role": "system", "content": "own"},
        {"role": "user", "content": "Say hello."}]});
    assert_eq!(second.json(), expected);
}

#[tokio::test]
async fn a_conversation_is_told_to_the_other_protocol_in_full() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], json!({}))
        .with(json!({"models": {"openai/m": {"efforts": ["low", "high"]}}}));
    let router = running::start(&map.bytes()).await;
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
    let body = json!({"model": "r", "max_tokens": 9, "stream": false,
    "stop_sequences": ["END"], "metadata": {"user_id": "u"},
    "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema":
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "sig"},
            {"type": "text", "text": "I "}, {"type": "text", "text": "look"},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "\"it\""}},
            {"type": "tool_use", "id": "t2", "name": "look", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "seen"}, image]},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": "blind"},
            {"type": "text", "text": "and now?"}]},
    ]});
    let (status, text) = ask(&router, &body).await;
    assert_eq!(status, 200, "{text}");
    let sent = received(&upstream);
    let url = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let part = |text: &str| json!({"type": "text", "text": text});
    let call = |id: &str, arguments: &str| {
        json!({"id": id, "type": "function",
        "function": {"name": "look", "arguments": arguments}})
    };
    let expected = json!([
        {"role": "user", "content": [part("see"), url]},
        {"role": "assistant", "content": "I look",
            "tool_calls": [call("t1", r#"{"at":"\"it\""}"#), call("t2", "{}")]},
        {"role": "tool", "tool_call_id": "t1", "content": "seen"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: blind"},
        {"role": "user", "content": [part("From the result of t1:"), url, part("and now?")]},
    ]);
    assert_eq!(sent["messages"], expected);
    assert_eq!((&sent["stop"], &sent["user"]), (&json!(["END"]), &json!("u")));
    assert_eq!(
        (&sent["tool_choice"], &sent["parallel_tool_calls"]),
        (&json!("required"), &json!(false))
    );
    assert_eq!(sent["tools"][0]["function"]["parameters"], json!({"type": "object"}));
    assert_eq!(sent["reasoning_effort"], "low");
    assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
}

#[tokio::test]
async fn tokens_are_counted_by_a_provider_or_estimated() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("own", &["anthropic/m"], json!({})).role(
        "other",
        &["openai/m"],
        json!({}),
    );
    let router = running::start(&map.bytes()).await;
    let count = async |role: &str| {
        let body = json!({"model": role, "messages": [{"role": "user", "content": "four"}],
            "system": "eight ch"});
        let response = post(&router, "/v1/messages/count_tokens?beta=true", &body).await;
        assert_eq!(response.status(), 200);
        let is_estimate = response.headers().get("x-sfai-count").is_some();
        let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
        assert_eq!(tried == "openai/m=unsupported", role == "other", "{tried}");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (body, is_estimate)
    };
    upstream.push("", [Fault::status(200).with_body(r#"{"input_tokens":17}"#)]);
    assert_eq!(count("own").await, (json!({"input_tokens": 17}), false));
    let arrival = upstream.arrivals().pop().unwrap();
    assert_eq!(arrival.path, "/anthropic/v1/messages/count_tokens");
    let expected = json!({"model": "m", "system": "eight ch",
        "messages": [{"role": "user", "content": "four"}]});
    assert_eq!(arrival.json(), expected);
    upstream.push("", [Fault::status(500)]);
    assert_eq!(count("own").await, (json!({"input_tokens": 3}), true));
    assert_eq!(count("other").await, (json!({"input_tokens": 3}), true));
    assert_eq!(upstream.arrivals().len(), 2, "who cannot count is not asked");
}

#[tokio::test]
async fn a_tools_long_name_is_short_upstream_and_the_clients_own_in_the_answer() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    let long = format!("mcp__a-plugin__{}", "n".repeat(64));
    let body = |stream: bool| {
        let call = json!({"type": "tool_use", "id": "t", "name": long, "input": {}});
        json!({"model": "r", "max_tokens": 9, "stream": stream,
            "tools": [{"name": long, "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": long},
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]})
    };
    assert_eq!(post(&router, "/v1/messages", &body(false)).await.status(), 200);
    let sent = received(&upstream);
    let short = sent["tools"][0]["function"]["name"].as_str().unwrap().to_owned();
    assert_eq!(short.len(), 64);
    assert_eq!(sent["tool_choice"]["function"]["name"], short);
    assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["name"], short);
    let call = json!({"index": 0, "id": "c", "type": "function",
        "function": {"name": short, "arguments": "{}"}});
    let choice = |said: &str| {
        json!({"id": "x", "object": "o", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls", said: {"role": "assistant", "tool_calls": [call]}}]})
    };
    let streamed = format!("data: {}\n\ndata: [DONE]\n\n", choice("delta"));
    for (stream, answer) in [(false, choice("message").to_string()), (true, streamed)] {
        upstream.push(
            "",
            [match stream {
                true => Fault::recorded(answer.as_bytes(), &[]),
                false => Fault::status(200).with_body(&answer),
            }],
        );
        let text = post(&router, "/v1/messages", &body(stream)).await.text().await.unwrap();
        assert!(text.contains(&format!("\"{long}\"")) && !text.contains(&short), "{text}");
    }
}
