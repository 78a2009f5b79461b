//! The demo's answers, whole, in both protocols. It asserts what clients read; the words are tested
//! beside [`super::reply`].

use std::time::Duration;

use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, Body, Stamp, answer, start};

const STAMP: Stamp = Stamp { created: 1_700_000_000, serial: 7 };

fn post(path: &str, body: &[u8]) -> Answer {
    let request = Request::post(path)
        .header("authorization", "Bearer k")
        .header("x-api-key", "k")
        .header("anthropic-version", "2023-06-01");
    let (head, ()) = request.body(()).unwrap().into_parts();
    answer(&head, body, STAMP)
}

fn openai(body: &Value) -> Answer {
    post("/openai/v1/chat/completions", body.to_string().as_bytes())
}

fn anthropic(body: &Value) -> Answer {
    post("/anthropic/v1/messages", body.to_string().as_bytes())
}

fn whole(answer: &Answer) -> Value {
    match &answer.body {
        Body::Whole(bytes) => serde_json::from_slice(bytes).unwrap(),
        Body::Events(_) => panic!("a stream"),
    }
}

/// The data of each event; `null` for `[DONE]`.
fn stream(answer: &Answer) -> Vec<Value> {
    let Body::Events(events) = &answer.body else { panic!("no stream: {}", whole(answer)) };
    let data = |event: &super::Event| {
        let text = std::str::from_utf8(&event.bytes).unwrap();
        assert!(text.ends_with("\n\n"), "{text:?}");
        let line = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        if line == "[DONE]" { Value::Null } else { serde_json::from_str(line).unwrap() }
    };
    events.iter().map(data).collect()
}

fn refusal(answer: &Answer) -> (u16, String) {
    let value = whole(answer);
    (answer.status.as_u16(), value["error"]["message"].as_str().unwrap().to_owned())
}

fn openai_tools() -> Value {
    let tool = |name| json!({"type": "function", "function": {"name": name, "parameters": {}}});
    json!([tool("read"), tool("now")])
}

fn anthropic_tools() -> Value {
    let tool = |name| json!({"name": name, "input_schema": {"type": "object"}});
    json!([tool("read"), tool("now")])
}

const CALLS: &str = "call read {\"path\":\"a.txt\"}\ncall now";

#[test]
fn openai_streams_role_text_finish_usage_and_done() {
    let request = json!({
        "model": "gpt-x", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    });
    let chunks = stream(&openai(&request));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[0]["usage"], Value::Null);
    let text: String =
        chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(text.contains("answering as gpt-x"), "{text}");
    assert!(text.contains("“Hi” The system prompt has 9 characters."), "{text}");
    let [finish, usage, done] = chunks.last_chunk().unwrap();
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], chunks.len() as u64 - 4);
    assert_eq!(*done, Value::Null);
    let mut plain = request;
    plain.as_object_mut().unwrap().retain(|key, _| key != "stream" && key != "stream_options");
    assert_eq!(whole(&openai(&plain))["choices"][0]["message"]["content"], text.as_str());
}

#[test]
fn openai_calls_tools_in_pieces_and_whole() {
    let messages = json!([{"role": "user", "content": CALLS}]);
    let request =
        json!({"model": "m", "stream": true, "messages": messages, "tools": openai_tools()});
    let chunks = stream(&openai(&request));
    let mut joined = [String::new(), String::new()];
    for call in chunks.iter().filter_map(|c| c["choices"][0]["delta"]["tool_calls"][0].as_object())
    {
        let index = call["index"].as_u64().unwrap() as usize;
        joined[index].push_str(call["function"]["arguments"].as_str().unwrap());
        assert_eq!(call.contains_key("id"), call["function"].get("name").is_some());
    }
    assert_eq!(joined, [r#"{"path":"a.txt"}"#, "{}"]);
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
    let whole =
        whole(&openai(&json!({"model": "m", "messages": messages, "tools": openai_tools()})));
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"], json!({"name": "read", "arguments": joined[0]}));
    assert_eq!(calls[1]["function"], json!({"name": "now", "arguments": "{}"}));
}

#[test]
fn anthropic_streams_its_sequence_of_events() {
    let request = json!({
        "model": "claude-x", "max_tokens": 100, "stream": true, "system": "Be brief.",
        "messages": [{"role": "user", "content": CALLS}], "tools": anthropic_tools(),
    });
    let events = stream(&anthropic(&request));
    let mut kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let mut expected = vec!["message_start", block[0], "ping", block[1], block[2]];
    expected.extend(block);
    expected.extend(block);
    expected.extend(["message_delta", "message_stop"]);
    assert_eq!(kinds, expected);
    let joined: String = events
        .iter()
        .filter(|event| event["index"] == 1)
        .filter_map(|event| event["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(joined, r#"{"path":"a.txt"}"#);
    let delta = &events[events.len() - 2];
    assert_eq!(delta["delta"]["stop_reason"], "tool_use");
    assert!(delta["usage"]["output_tokens"].as_u64().unwrap() > 1);
}

#[test]
fn anthropic_answers_whole() {
    let request = json!({
        "model": "claude-x", "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": CALLS}]}],
        "tools": anthropic_tools(),
    });
    let message = whole(&anthropic(&request));
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["content"][0]["type"], "text");
    assert_eq!(message["content"][1]["input"], json!({"path": "a.txt"}));
    assert_eq!(message["content"][2]["input"], json!({}));
    assert_ne!(message["content"][1]["id"], message["content"][2]["id"]);
}

#[test]
fn tool_results_are_quoted_in_both_protocols() {
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42 apples"},
    ]);
    let text = whole(&openai(&json!({"model": "m", "messages": messages})));
    let text = text["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(text.contains("“42 apples”"), "{text}");
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": "42 apples"});
    let messages = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {}}]},
        {"role": "user", "content": [result]},
    ]);
    let text = whole(&anthropic(&json!({"model": "m", "max_tokens": 99, "messages": messages})));
    assert!(text["content"][0]["text"].as_str().unwrap().contains("“42 apples”"), "{text}");
}

#[test]
fn the_limit_is_a_stop_reason() {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let cut =
        whole(&openai(&json!({"model": "m", "messages": messages, "max_completion_tokens": 2})));
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    let cut = whole(&anthropic(&json!({"model": "m", "messages": messages, "max_tokens": 2})));
    assert_eq!(cut["stop_reason"], "max_tokens");
}

#[test]
fn openai_refuses_what_openai_refuses() {
    let user = json!({"role": "user", "content": "Hi"});
    let tool = json!({"role": "tool", "tool_call_id": "x", "content": "1"});
    let call = json!({"role": "assistant", "tool_calls": [{"id": "x"}]});
    let cases = [
        (json!({"messages": [user]}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": []}), "empty array"),
        (json!({"model": "m", "messages": [{"role": "robot"}]}), "robot"),
        (json!({"model": "m", "messages": [user, tool]}), "preceeding message"),
        (json!({"model": "m", "messages": [user, call]}), "did not have response messages: x"),
        (json!({"model": "m", "messages": [user, call, user]}), "did not have response"),
        (json!({"model": "m", "messages": [user], "stream": "yes"}), "stream"),
        (json!({"model": "m", "messages": [user], "stream_options": {}}), "stream_options"),
        (json!({"model": "gpt-5.4", "messages": [user], "max_tokens": 9}), "max_completion_tokens"),
        (json!({"model": "gpt-5.4", "messages": [user], "temperature": 1}), "temperature"),
        (json!({"model": "m", "messages": [user], "max_tokens": 0}), "max_tokens"),
        (json!({"model": "m", "messages": [user], "tools": [{}]}), "tools[0].function.name"),
        (json!([1]), "JSON object"),
    ];
    for (request, words) in cases {
        let (status, message) = refusal(&openai(&request));
        assert_eq!(status, 400, "{request}");
        assert!(message.contains(words), "{request}: {message}");
    }
}

#[test]
fn anthropic_refuses_what_anthropic_refuses() {
    let user = json!({"role": "user", "content": "Hi"});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]});
    let tool_use = json!({"type": "tool_use", "id": "x", "name": "n", "input": {}});
    let call = json!({"role": "assistant", "content": [tool_use]});
    let of = |messages: Value| json!({"model": "m", "max_tokens": 9, "messages": messages});
    let cases = [
        (json!({"model": "m", "messages": [user]}), "max_tokens: Field required"),
        (json!({"max_tokens": 9, "messages": [user]}), "model: Field required"),
        (of(json!([])), "at least one message"),
        (of(json!([call])), "first message must use the \"user\" role"),
        (of(json!([user, user])), "multiple \"user\" roles in a row"),
        (of(json!([{"role": "system", "content": "x"}, user])), "Unexpected role \"system\""),
        (of(json!([result])), "unexpected `tool_use_id`"),
        (of(json!([user, call, user])), "without `tool_result` blocks immediately after: x"),
        (of(json!([user, call])), "without `tool_result`"),
        (of(json!([{"role": "user", "content": " "}])), "messages.0.content: text content"),
        (of(json!([{"role": "user", "content": []}])), "non-empty content"),
        (of(json!([{"role": "user", "content": [{"type": "hologram"}]}])), "hologram"),
        (of(json!([{"role": "user", "content": [{"type": "image"}]}])), "source: Field required"),
        (
            json!({"model": "m", "max_tokens": 9, "messages": [user], "temperature": 1.5}),
            "temperature",
        ),
        (
            json!({"model": "m", "max_tokens": 9, "messages": [user], "tools": [{"name": "a b"}]}),
            "name",
        ),
        (
            json!({"model": "m", "max_tokens": 9, "messages": [user], "tools": [{"name": "a"}]}),
            "input_schema",
        ),
    ];
    for (request, words) in cases {
        let (status, message) = refusal(&anthropic(&request));
        assert_eq!(status, 400, "{request}");
        assert!(message.contains(words), "{request}: {message}");
    }
}

#[test]
fn keys_versions_methods_and_paths_are_checked() {
    let ask = |request: http::request::Builder| {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let answer = answer(&head, b"{", STAMP);
        let value = whole(&answer);
        (answer.status.as_u16(), value["error"]["type"].as_str().unwrap().to_owned())
    };
    let messages = || Request::post("/v1/messages");
    let version = "anthropic-version";
    let cases = [
        (Request::post("/chat/completions"), 401, "invalid_request_error"),
        (
            Request::post("/chat/completions").header("authorization", "Bearer  "),
            401,
            "invalid_request_error",
        ),
        (
            Request::post("/chat/completions").header("authorization", "Bearer k"),
            400,
            "invalid_request_error",
        ),
        (Request::get("/chat/completions"), 405, "invalid_request_error"),
        (messages().header(version, "2023-06-01"), 401, "authentication_error"),
        (messages().header("x-api-key", "k"), 400, "invalid_request_error"),
        (Request::post("/v1/other").header(version, "2023-06-01"), 404, "not_found_error"),
        (Request::post("/v1/other"), 404, "invalid_request_error"),
    ];
    for (request, status, kind) in cases {
        let seen = format!("{request:?}");
        assert_eq!(ask(request), (status, kind.to_owned()), "{seen}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let words =
        ["user", "assistant", "tool", "text", "tool_use", "tool_result", "call now", "m", ""];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let keys = [
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "id",
        "tool_use_id",
        "model",
        "messages",
        "tools",
        "function",
        "name",
        "system",
        "stream",
        "max_tokens",
        "input_schema",
        "tool_call_id",
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(keys.to_vec()), inner, 0..6)
                .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever comes, an answer goes, and a refusal has a message.
    #[test]
    fn hostile_requests_are_answered(messages in any_json(), more in any_json()) {
        for answer_to in [openai as fn(&Value) -> Answer, anthropic] {
            let request = json!({"model": "m", "max_tokens": 5, "messages": messages, "tools": more, "system": more});
            for request in [request, json!({"model": "m", "max_tokens": 5, "messages": [messages]}), more.clone()] {
                let answer = answer_to(&request);
                if answer.status != 200 {
                    prop_assert!(!refusal(&answer).1.is_empty());
                }
            }
        }
    }

    #[test]
    fn hostile_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(post("/v1/messages", &body).status, 400);
        prop_assert_eq!(post("/chat/completions", &body).status, 400);
    }
}

#[tokio::test]
async fn it_serves_on_loopback_until_dropped() {
    let demo = start(Duration::from_millis(1)).unwrap();
    let mut stream = TcpStream::connect(demo.address).await.unwrap();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let head = format!(
        "POST /chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    assert!(text.contains("data: [DONE]\n\n"), "{text}");

    let mut open = TcpStream::connect(demo.address).await.unwrap();
    drop(demo);
    assert_eq!(open.read(&mut [0]).await.unwrap_or(0), 0, "its connections end with it");
}
