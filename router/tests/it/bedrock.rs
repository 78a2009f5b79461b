//! Bedrock's Converse as an upstream, for clients of every protocol: recorded and written answers
//! through sockets.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

use sfai_router::breakers::Breakers;
use sfai_router::config::Upstreams;

use crate::faults::{Fault, Raw, Upstream};
use crate::process::RouterProcess;
use crate::replay::{patient, recordings, wirings};
use crate::running::{self, MapBuilder, Running, client, question};

const CLAUDE: &str = "anthropic.claude-sonnet-4-6-v1:0";
const KEY: &str = "a-key-of-bedrock";

pub fn frame(kind: &str, name: &str, payload: &Value) -> Vec<u8> {
    let typed = if kind == "event" { ":event-type" } else { ":exception-type" };
    let header = |name: &str, value: &str| {
        Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into()))
    };
    let message = Message::new(payload.to_string())
        .add_header(header(":message-type", kind))
        .add_header(header(typed, name));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

pub fn event(name: &str, payload: Value) -> Vec<u8> {
    frame("event", name, &payload)
}

pub fn delta(index: u64, delta: Value) -> Vec<u8> {
    event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}))
}

fn call(index: u64, id: &str, name: &str, input: &[&str]) -> Vec<u8> {
    let start = json!({"toolUse": {"toolUseId": id, "name": name}});
    let mut bytes = event("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
    for piece in input {
        bytes.extend(delta(index, json!({"toolUse": {"input": piece}})));
    }
    bytes.extend(event("contentBlockStop", json!({"contentBlockIndex": index})));
    bytes
}

/// Thinking, a text and two calls.
pub fn streamed() -> Vec<u8> {
    [
        event("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "Let me see."}})),
        delta(0, json!({"reasoningContent": {"signature": "sig"}})),
        event("contentBlockStop", json!({"contentBlockIndex": 0})),
        delta(1, json!({"text": "Größe"})),
        delta(1, json!({"text": " two."})),
        event("contentBlockStop", json!({"contentBlockIndex": 1})),
        call(2, "t1", "read", &["{\"path\":", "\"a\"}"]),
        call(3, "t2", "list", &[]),
        event("messageStop", json!({"stopReason": "tool_use"})),
        event("metadata", json!({"usage": usage(), "metrics": {"latencyMs": 5}})),
    ]
    .concat()
}

fn usage() -> Value {
    json!({"inputTokens": 10, "outputTokens": 20, "totalTokens": 37,
        "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3})
}

/// The same as a whole.
pub fn whole() -> Vec<u8> {
    let text = json!({"reasoningText": {"text": "Let me see.", "signature": "sig"}});
    json!({"output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": text}, {"text": "Größe two."},
        {"toolUse": {"toolUseId": "t1", "name": "read", "input": {"path": "a"}}},
        {"toolUse": {"toolUseId": "t2", "name": "list", "input": {}}}]}},
        "stopReason": "tool_use", "usage": usage(), "metrics": {"latencyMs": 5}})
    .to_string()
    .into_bytes()
}

fn raw(body: Vec<u8>, content_type: &str) -> Fault {
    let headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("x-amzn-requestid".to_owned(), "8dfd-77".to_owned()),
    ];
    Fault::Raw(Raw { body, cuts: Vec::new(), headers, status: 200 })
}

fn map(upstream: &Upstream, role: Value) -> MapBuilder {
    // A Bedrock key needs no signature: so no test reads this machine's credentials.
    let provider = json!({"protocol": "bedrock", "base_url": format!("{}/aws", upstream.url())});
    MapBuilder::new(upstream.address)
        .with(json!({
            "providers": {"bedrock": provider},
            "models": {"bedrock/c": {"provider": "bedrock", "id": CLAUDE, "output_tokens": 8000,
                "accepts": ["image", "json", "pdf", "tools"], "thinking_budget_min": 1024}},
        }))
        .role("r", &["bedrock/c"], role)
}

async fn serve(upstream: &Upstream, role: Value) -> Running {
    let key =
        json!({"providers": {"bedrock": {"headers": {"authorization": format!("Bearer {KEY}")}}}});
    running::start(&map(upstream, role).with(key).bytes()).await
}

async fn post(router: &Running, path: &str, body: &Value) -> (u16, String) {
    let response = client().post(router.url(path)).body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn data(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_chat_gets_thinking_text_calls_and_usage_streamed_or_whole() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, json!({})).await;
    upstream.push("", [raw(whole(), "application/json")]);
    let (status, text) = post(&router, "/", &question("r", false)).await;
    assert_eq!(status, 200, "{text}");
    let chat: Value = serde_json::from_str(&text).unwrap();
    let message = &chat["choices"][0]["message"];
    assert_eq!(chat["id"], "msg_8dfd77");
    assert_eq!(message["content"], "Größe two.");
    assert_eq!(message["reasoning_content"], "Let me see.");
    assert_eq!(message["reasoning_details"][0]["signature"], "sig");
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{\"path\":\"a\"}");
    assert_eq!(message["tool_calls"][1]["function"]["arguments"], "{}");
    assert_eq!(chat["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chat["usage"]["prompt_tokens"], 17);
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 4);

    let mut asked = question("r", true);
    asked["stream_options"] = json!({"include_usage": true});
    let mut random = fastrand::Rng::with_seed(5);
    for wiring in wirings(&streamed(), &mut random) {
        upstream.push("", [wiring]);
        let (status, text) = post(&router, "/", &asked).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        let chunks = data(&text);
        let joined = |key: &str| -> String {
            let pieces = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"][key]);
            pieces.filter_map(Value::as_str).collect()
        };
        assert_eq!(joined("content"), "Größe two.");
        assert_eq!(joined("reasoning_content"), "Let me see.");
        let finishes: Vec<_> =
            chunks.iter().filter_map(|it| it["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!(finishes, ["tool_calls"]);
        let mut calls = vec![String::new(); 2];
        for piece in chunks.iter().flat_map(|it| {
            it["choices"][0]["delta"]["tool_calls"].as_array().cloned().unwrap_or_default()
        }) {
            let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            calls[index] += piece["function"]["arguments"].as_str().unwrap_or_default();
        }
        assert_eq!(calls, ["{\"path\":\"a\"}", "{}"]);
        assert_eq!(chunks.last().unwrap()["usage"], chat["usage"]);
    }
}

#[tokio::test]
async fn messages_and_responses_clients_get_the_same() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, json!({})).await;
    let asked =
        json!({"model": "r", "max_tokens": 50, "messages": [{"role": "user", "content": "q"}]});
    upstream.push("", [raw(whole(), "application/json")]);
    let (_, text) = post(&router, "/v1/messages", &asked).await;
    let message: Value = serde_json::from_str(&text).unwrap();
    let kinds: Vec<_> = message["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"], "{text}");
    assert_eq!(message["usage"]["cache_read_input_tokens"], 4);

    let mut streaming = asked.clone();
    streaming["stream"] = json!(true);
    upstream.push("", [raw(streamed(), "application/vnd.amazon.eventstream")]);
    let (_, text) = post(&router, "/v1/messages", &streaming).await;
    let events = data(&text);
    let end = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
    assert_eq!(end["usage"], message["usage"]);
    assert_eq!(events.last().unwrap()["type"], "message_stop");

    let asked = json!({"model": "r", "input": "q", "stream": true});
    upstream.push("", [raw(streamed(), "application/vnd.amazon.eventstream")]);
    let (_, text) = post(&router, "/v1/responses", &asked).await;
    let events = data(&text);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed", "{text}");
    let calls = last["response"]["output"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["type"] == "function_call");
    let calls: Vec<_> = calls.map(|call| (&call["name"], &call["arguments"])).collect();
    assert_eq!(
        calls,
        [(&json!("read"), &json!("{\"path\":\"a\"}")), (&json!("list"), &json!("{}"))]
    );
}

#[tokio::test]
async fn tokens_are_counted_by_the_model_or_estimated() {
    let upstream = Upstream::start().await;
    let key = json!({"providers": {"bedrock": {"headers": {"authorization": format!("Bearer {KEY}")}}},
        "models": {"bedrock/c": {"id": format!("eu.{CLAUDE}")}}});
    let router = running::start(&map(&upstream, json!({})).with(key).bytes()).await;
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let question = json!({"model": "r", "system": "s", "tools": [tool],
        "messages": [{"role": "user", "content": "Count me."}]});
    let count = async || {
        let url = router.url("/v1/messages/count_tokens");
        let response = client().post(url).body(question.to_string()).send().await.unwrap();
        let mark = response.headers().get("x-sfai-count").cloned();
        let is_estimate = mark.is_some_and(|mark| mark == "estimated");
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, is_estimate, serde_json::from_str::<Value>(&text).unwrap())
    };
    upstream.push("", [Fault::status(200).with_body(r#"{"inputTokens":77}"#)]);
    assert_eq!(count().await, (200, false, json!({"input_tokens": 77})));
    let arrival = &upstream.arrivals()[0];
    assert_eq!(arrival.path, "/aws/model/anthropic.claude-sonnet-4-6-v1%3A0/count-tokens");
    let spec = json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}});
    let asked = json!({"messages": [{"role": "user", "content": [{"text": "Count me."}]}],
        "system": [{"text": "s"}], "toolConfig": {"tools": [spec]}});
    assert_eq!(arrival.json(), json!({"input": {"converse": asked}}));

    // A request that is wrong is told so.
    let exception = |status: u16, kind: &str, message: &str| {
        Fault::status(status)
            .with_body(&json!({ "message": message }).to_string())
            .with_header("x-amzn-errortype", kind)
    };
    upstream.push("", [exception(400, "ValidationException", "bad")]);
    assert_eq!(count().await.0, 400);
    // A model that does not count is not asked again.
    let message = "The provided model doesn't support counting tokens.";
    upstream.push("", [exception(400, "ValidationException", message)]);
    let (status, is_estimate, body) = count().await;
    assert!(status == 200 && is_estimate && body["input_tokens"].as_u64() > Some(2), "{body}");
    assert!(count().await.1);
    assert_eq!(upstream.arrivals().len(), 3);
}

#[tokio::test]
async fn a_role_that_may_not_count_still_answers() {
    let upstream = Upstream::start().await;
    let key =
        json!({"providers": {"bedrock": {"headers": {"authorization": format!("Bearer {KEY}")}}}});
    let map = map(&upstream, json!({})).with(key).bytes();
    let router = running::start_guarded(&map, Breakers::default()).await;
    let question = json!({"model": "r", "messages": [{"role": "user", "content": "q"}]});
    for _ in 0..20 {
        let refused = Fault::status(403)
            .with_body(r#"{"message":"not authorized to perform: bedrock:CountTokens"}"#)
            .with_header("x-amzn-errortype", "AccessDeniedException");
        upstream.always("/aws/", refused);
        let (status, text) = post(&router, "/v1/messages/count_tokens", &question).await;
        assert_eq!(status, 200, "{text}");
    }
    assert_eq!(upstream.arrivals().len(), 1, "it is asked once");
    upstream.always("/aws/", raw(whole(), "application/json"));
    assert_eq!(router.ask("r", false).await.status(), 200, "no breaker opened");
}

#[tokio::test]
async fn the_demo_stands_in_for_it() {
    let demo = sfai_router::demo::start(std::time::Duration::ZERO).unwrap();
    let upstream = Upstream::start().await;
    let provider = json!({"providers": {"bedrock": {"base_url": null}}});
    let map = map(&upstream, json!({})).with(provider).bytes();
    let router = running::start_with(&map, "", Upstreams::Demo(demo.address)).await;
    let tool = json!({"type": "function", "function": {"name": "read", "parameters": {}}});
    let mut asked = json!({"model": "r", "tools": [tool],
        "messages": [{"role": "user", "content": "call read {\"path\":\"a\"}"}]});
    for stream in [false, true] {
        asked["stream"] = json!(stream);
        let (status, text) = post(&router, "/", &asked).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(CLAUDE) && text.contains("tooluse_demo_"), "{text}");
        assert!(!stream || text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    let count = json!({"model": "r", "messages": [{"role": "user", "content": "q"}]});
    let (status, text) = post(&router, "/v1/messages/count_tokens", &count).await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn a_request_says_in_converse_what_the_chat_said() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, json!({"cache": "conversation"})).await;
    let tool =
        json!({"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}});
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "read", "arguments": "{\"a\":1}"}});
    let thought = json!({"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0});
    let body = json!({
    "model": "r", "max_tokens": 4000, "stop": ["x"], "user": "u", "tools": [tool], "reasoning_effort": "low",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"role": "assistant", "content": "", "tool_calls": [call("t1"), call("t2")], "reasoning_details": [thought]},
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": "two"},
    ]});
    upstream.push("", [raw(whole(), "application/json")]);
    let response = router.chat(&body).await;
    assert_eq!(response.headers()["x-sfai-dropped"], "user");
    let arrival = &upstream.arrivals()[0];
    assert_eq!(arrival.path, "/aws/model/anthropic.claude-sonnet-4-6-v1%3A0/converse");
    assert_eq!(arrival.header("authorization"), Some(&*format!("Bearer {KEY}")));
    let point = json!({"cachePoint": {"type": "default"}});
    let input = json!({"a": 1});
    let expected = json!([
        {"role": "user", "content": [{"text": "look"},
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}}, point]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"toolUse": {"toolUseId": "t1", "name": "read", "input": input}},
            {"toolUse": {"toolUseId": "t2", "name": "read", "input": input}}]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t1", "content": [{"text": "one"}]}},
            {"toolResult": {"toolUseId": "t2", "content": [{"text": "two"}]}}, point]},
    ]);
    let sent = arrival.json();
    assert_eq!(sent["messages"], expected);
    assert_eq!(sent["system"], json!([{"text": "Be brief."}, point]));
    assert_eq!(sent["inferenceConfig"]["stopSequences"], json!(["x"]));
    assert_eq!(sent["additionalModelRequestFields"]["thinking"]["type"], "enabled");
    upstream.push("", [raw(streamed(), "application/vnd.amazon.eventstream")]);
    router.ask("r", true).await.text().await.unwrap();
    assert!(upstream.arrivals()[1].path.ends_with("/converse-stream"));
}

#[tokio::test]
async fn each_exception_is_a_failure_of_its_class() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, json!({})).await;
    for (status, exception, message, class) in [
        (400, "ValidationException", "Input is too long for requested model.", "context_length"),
        (400, "ValidationException", "The provided model identifier is invalid.", "not_found"),
        (400, "ValidationException", "bad", "invalid_request"),
        (403, "AccessDeniedException", "no", "auth"),
        (404, "ResourceNotFoundException", "no", "not_found"),
        (408, "ModelTimeoutException", "slow", "timeout"),
        (424, "ModelErrorException", "broken", "server_error"),
        (429, "ThrottlingException", "busy", "rate_limit"),
        (429, "ModelNotReadyException", "warming", "overloaded"),
        (400, "ServiceQuotaExceededException", "much", "rate_limit"),
        (500, "InternalServerException", "oops", "server_error"),
        (503, "ServiceUnavailableException", "busy", "overloaded"),
    ] {
        let fault = Fault::status(status)
            .with_body(&json!({ "message": message }).to_string())
            .with_header("x-amzn-errortype", &format!("{exception}:http://internal/"));
        upstream.push("", [fault]);
        let response = router.ask("r", true).await;
        let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
        assert_eq!(tried, format!("bedrock/c={class}"), "{exception}");
    }
    // Before the first token it is a failure like these, after it an error in the stream.
    let thrown = frame("exception", "throttlingException", &json!({"message": "busy"}));
    let start = event("messageStart", json!({"role": "assistant"}));
    let early = [start.clone(), thrown.clone()].concat();
    upstream.push("", [raw(early, "application/vnd.amazon.eventstream")]);
    let response = router.ask("r", true).await;
    assert_eq!(response.status(), 429);
    let late = [start, delta(0, json!({"text": "a"})), thrown].concat();
    upstream.push("", [raw(late, "application/vnd.amazon.eventstream")]);
    let response = router.ask("r", true).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    assert!(data(&text).last().unwrap()["error"]["message"].is_string(), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    // A stream that ends too early is cut.
    let cut = [event("messageStart", json!({})), delta(0, json!({"text": "a"}))].concat();
    upstream.push("", [raw(cut, "application/vnd.amazon.eventstream")]);
    let text = router.ask("r", true).await.text().await.unwrap();
    assert!(data(&text).last().unwrap()["error"].is_object(), "{text}");
}

#[tokio::test]
async fn recorded_streams_come_out_however_they_are_cut() {
    let mut random = fastrand::Rng::with_seed(3);
    let upstream = Upstream::start().await;
    let router = serve(&upstream, patient()).await;
    let cases = recordings("converse", true);
    for case in &cases {
        let mut first = None;
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let mut asked = question("r", true);
            asked["stream_options"] = json!({"include_usage": true});
            let (status, text) = post(&router, "/", &asked).await;
            assert_eq!(status, 200, "{}: {text}", case.name);
            let chunks = data(&text);
            let said: String = chunks
                .iter()
                .filter_map(|it| it["choices"][0]["delta"]["content"].as_str())
                .collect();
            let calls: String = chunks
                .iter()
                .filter_map(|it| {
                    it["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
                })
                .collect();
            let finish =
                chunks.iter().find_map(|it| it["choices"][0]["finish_reason"].as_str()).unwrap();
            let total = chunks.last().unwrap()["usage"]["total_tokens"].as_u64().unwrap();
            let is_tool = case.has("tool");
            let expected = match is_tool {
                true => {
                    ("", "{\"latitude\":\"52.5200\",\"longitude\":\"13.4050\"}", "tool_calls", 1028)
                }
                false => ("Ruby was created by Yukihiro Matsumoto in 1993.", "", "stop", 698),
            };
            assert_eq!((&*said, &*calls, finish, total), expected, "{}", case.name);
            assert_eq!(*first.get_or_insert_with(|| said.clone()), said);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

#[tokio::test]
async fn without_a_key_the_process_signs_with_its_own_credentials() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.json");
    std::fs::write(&file, map(&upstream, json!({})).bytes()).unwrap();
    let env = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
        ("AWS_SESSION_TOKEN", "a-session"),
        ("AWS_REGION", "ap-northeast-1"),
    ];
    let router = RouterProcess::start(&["--map", file.to_str().unwrap()], &env).await;
    upstream.push("", [raw(whole(), "application/json")]);
    let url = format!("http://{}/", router.address);
    let response = client().post(url).body(question("r", false).to_string()).send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    let arrival = &upstream.arrivals()[0];
    let signature = arrival.header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signature}");
    assert!(signature.contains("/ap-northeast-1/bedrock/aws4_request"), "{signature}");
    assert!(signature.contains("host;"), "{signature}");
    assert_eq!(arrival.header("x-amz-security-token"), Some("a-session"));
    assert!(arrival.header("x-amz-date").is_some());
}

/// A request of each client's protocol that offers a tool, names it and has called it before.
fn offering(path: &str, name: &str, stream: bool) -> Value {
    let mut body = match path {
        "/" => {
            let function = json!({"name": name, "parameters": {"type": "object"}});
            let call = json!({"id": "t", "type": "function", "function": {"name": name, "arguments": "{}"}});
            json!({"tools": [{"type": "function", "function": function}],
                "tool_choice": {"type": "function", "function": {"name": name}},
                "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "t", "content": "r"}]})
        }
        "/v1/messages" => {
            let call = json!({"type": "tool_use", "id": "t", "name": name, "input": {}});
            json!({"max_tokens": 9, "tools": [{"name": name, "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": name},
                "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]})
        }
        _ => {
            json!({"tools": [{"type": "function", "name": name, "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": name},
            "input": [{"role": "user", "content": "q"},
                {"type": "function_call", "call_id": "t", "name": name, "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t", "output": "r"}]})
        }
    };
    (body["model"], body["stream"]) = (json!("r"), json!(stream));
    body
}

#[tokio::test]
async fn a_name_that_bedrock_refuses_is_another_there_and_the_clients_own_in_the_answer() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, json!({})).await;
    for path in ["/", "/v1/messages", "/v1/responses"] {
        for own in [format!("mcp__a-plugin__{}", "n".repeat(70)), "server.tool/é".to_owned()] {
            upstream.push("", [raw(whole(), "application/json")]);
            let (status, text) = post(&router, path, &offering(path, &own, false)).await;
            assert_eq!(status, 200, "{text}");
            let sent = upstream.arrivals().pop().unwrap().json();
            assert_eq!(crate::rules::converse(&sent), Vec::<String>::new(), "{path} {own}");
            let name = sent["toolConfig"]["tools"][0]["toolSpec"]["name"].as_str().unwrap();
            assert_eq!(sent["toolConfig"]["toolChoice"]["tool"]["name"], name);
            assert_eq!(sent["messages"][1]["content"][0]["toolUse"]["name"], name);
            let input = json!({"toolUse": {"toolUseId": "u", "name": name, "input": {"a": 1}}});
            let answer = json!({"output": {"message": {"role": "assistant", "content": [input]}},
                "stopReason": "tool_use", "usage": usage()});
            let stream = [
                event("messageStart", json!({"role": "assistant"})),
                call(0, "u", name, &["{\"a\":1}"]),
                event("messageStop", json!({"stopReason": "tool_use"})),
                event("metadata", json!({"usage": usage()})),
            ];
            for (stream, fault) in [
                (false, raw(answer.to_string().into_bytes(), "application/json")),
                (true, raw(stream.concat(), "application/vnd.amazon.eventstream")),
            ] {
                upstream.push("", [fault]);
                let (status, text) = post(&router, path, &offering(path, &own, stream)).await;
                assert_eq!(status, 200, "{text}");
                assert!(text.contains(&json!(own).to_string()), "{path} {own}: {text}");
                assert!(!text.contains(name), "{path} {own}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn the_demo_calls_a_tool_by_the_clients_own_name() {
    let demo = sfai_router::demo::start(std::time::Duration::ZERO).unwrap();
    let upstream = Upstream::start().await;
    let provider = json!({"providers": {"bedrock": {"base_url": null}}});
    let map = map(&upstream, json!({})).with(provider).bytes();
    let router = running::start_with(&map, "", Upstreams::Demo(demo.address)).await;
    let own = format!("mcp__a.plugin__{}", "n".repeat(70));
    for path in ["/", "/v1/messages", "/v1/responses"] {
        for stream in [false, true] {
            let (status, text) = post(&router, path, &offering(path, &own, stream)).await;
            assert!(status == 200 && text.contains(&json!(own).to_string()), "{path}: {text}");
        }
    }
}
