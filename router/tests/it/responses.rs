//! `POST /v1/responses` through sockets: recordings of either protocol, errors, and what a link is
//! sent.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sfai_router::front::{Front, Way, whole};
use sfai_router::wire::{AnswerOptions, Dialect, Ending, StreamReader};

use crate::accumulated::run;
use crate::faults::{At, Fault, Then, Upstream};
use crate::messages_random::{answer, stream};
use crate::replay::{Case, cases, patient, recordings, setup, wirings};
use crate::response_events::{Heard, hear, items, text};
use crate::running::{self, MapBuilder, Running, client};

fn question(stream: bool) -> Value {
    json!({"model": "r", "stream": stream, "input": "Say hello.", "store": false})
}

async fn ask(router: &Running, body: &Value) -> (u16, String) {
    let request = client().post(router.url("/v1/responses")).body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn recorded_responses_come_out_byte_for_byte() {
    let mut random = fastrand::Rng::with_seed(6);
    let (upstream, router) = setup("openai").await;
    let cases = cases("responses");
    for case in &cases {
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = ask(&router, &question(true)).await;
            if case.has("stream-error") {
                assert_eq!(status, 429, "{}: {text}", case.name);
                continue;
            }
            assert_eq!(status, 200, "{}: {text}", case.name);
            // What follows the last event is white space.
            let recorded = String::from_utf8_lossy(&case.stream);
            assert_eq!(text.trim_end(), recorded.trim_end(), "{}", case.name);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

#[tokio::test]
async fn a_whole_response_is_passed_on_and_a_failed_one_is_not() {
    let (upstream, router) = setup("openai").await;
    let good = r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"usage":{"input_tokens":1,"output_tokens":1}}"#;
    upstream.push("", [Fault::status(200).with_body(good)]);
    assert_eq!(ask(&router, &question(false)).await, (200, good.to_owned()));
    let failed = r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]}"#;
    upstream.push("", [Fault::status(200).with_body(failed)]);
    let (status, text) = ask(&router, &question(false)).await;
    assert_eq!(status, 429, "{text}");
}

#[tokio::test]
async fn recorded_messages_become_responses() {
    let mut random = fastrand::Rng::with_seed(7);
    let (upstream, router) = setup("anthropic").await;
    let cases = cases("messages");
    for case in &cases {
        let mut first = None;
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let (status, text) = ask(&router, &question(true)).await;
            if status != 200 {
                assert_eq!(case.facts["text_chars"], 0, "{}: {text}", case.name);
                continue;
            }
            let heard = hear(&text, &case.name);
            // The time of the answer is not the recording's.
            let heard = without_time(heard);
            let first = first.get_or_insert_with(|| heard.clone());
            assert_eq!(*first, heard, "{}: the cutting shows", case.name);
        }
        if let Some(heard) = first {
            agree(case, &heard);
        }
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

fn without_time(mut heard: Heard) -> Heard {
    if heard.response.is_object() {
        heard.response["created_at"] = json!(0);
    }
    heard
}

fn agree(case: &Case, heard: &Heard) {
    let (name, facts, response) = (&case.name, &case.facts, &heard.response);
    assert_eq!(heard.error.is_none(), facts["message_stop"] == true, "{name}");
    if heard.error.is_some() {
        return;
    }
    assert_eq!(text(response).chars().count() as u64, facts["text_chars"], "{name}");
    let tools = facts["tool_inputs"].as_array().unwrap();
    let own: Vec<&Value> = tools.iter().filter(|tool| tool["type"] == "tool_use").collect();
    let calls = items(response, "function_call");
    assert_eq!(calls.len(), own.len(), "{name}");
    for (call, tool) in calls.into_iter().zip(own) {
        assert_eq!(call["name"], tool["name"], "{name}");
        let arguments = call["arguments"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object(), "{name}");
    }
    let blocks = facts["blocks"].as_array().unwrap().iter();
    let thoughts = blocks.filter(|it| *it == "thinking" || *it == "redacted_thinking").count();
    assert_eq!(items(response, "reasoning").len(), thoughts, "{name}");
    let status = match facts["stop_reason"].as_str().unwrap() {
        "max_tokens" | "model_context_window_exceeded" | "refusal" => "incomplete",
        _ => "completed",
    };
    assert_eq!(response["status"], status, "{name}");
    let count = |key: &str| facts["usage"][key].as_u64().unwrap_or(0);
    let read = count("cache_read_input_tokens");
    let input = count("input_tokens") + count("cache_creation_input_tokens") + read;
    assert_eq!(response["usage"]["input_tokens"], input, "{name}");
    let details = &response["usage"]["input_tokens_details"];
    let written = count("cache_creation_input_tokens");
    assert_eq!(details, &json!({"cached_tokens": read, "cache_write_tokens": written}), "{name}");
    assert_eq!(response["usage"]["output_tokens"], count("output_tokens"), "{name}");
}

#[tokio::test]
async fn recorded_whole_messages_become_responses() {
    let (upstream, router) = setup("anthropic").await;
    let cases = recordings("messages", false);
    for case in &cases {
        let body = String::from_utf8_lossy(&case.stream).into_owned();
        upstream.push("", [Fault::status(200).with_body(&body)]);
        let (status, body) = ask(&router, &question(false)).await;
        assert_eq!(status, 200, "{}: {body}", case.name);
        let response: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            text(&response).chars().count() as u64,
            case.facts["text_chars"],
            "{}",
            case.name
        );
        let called: Vec<&Value> =
            items(&response, "function_call").iter().map(|call| &call["name"]).collect();
        let known: Vec<&Value> = case.facts["tool_calls"].as_array().unwrap().iter().collect();
        assert_eq!(called, known, "{}", case.name);
    }
    println!("{} cases, {} agree", cases.len(), cases.len());
}

#[tokio::test]
async fn an_agents_loop_reaches_the_other_protocol_and_comes_back_signed() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("r", &["anthropic/m"], json!({}))
        .role("own", &["openai/m"], json!({}))
        .with(json!({"models": {"anthropic/m": {"thinking_budget_min": 1024, "output_tokens": 64000}}}));
    let router = running::start(&map.bytes()).await;
    let message = json!({"type": "message", "id": "msg_1", "model": "m", "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2}, "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "secret"},
            {"type": "text", "text": "I look"},
            {"type": "tool_use", "id": "t1", "name": "shell", "input": {"command": ["ls"]}},
            {"type": "tool_use", "id": "t2", "name": "patch", "input": {"input": "*** Begin"}}]});
    upstream.push("/anthropic/", [Fault::status(200).with_body(&message.to_string())]);
    let user = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list"}]});
    let mut body = json!({"model": "r", "instructions": "Be brief.", "store": false,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "tool_choice": "auto",
        "parallel_tool_calls": true, "reasoning": {"effort": "high", "summary": "auto"},
        "tools": [
            {"type": "function", "name": "shell", "description": "d", "strict": false, "parameters": {"type": "object"}},
            {"type": "custom", "name": "patch", "description": "p", "format": {"type": "grammar"}},
            {"type": "web_search"}],
        "input": [{"role": "developer", "content": "dev"}, user]});
    let request = client().post(router.url("/v1/responses")).body(body.to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-sfai-dropped"], "tools.format, tools.web_search");
    let response: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let kinds: Vec<&str> = response["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["reasoning", "reasoning", "message", "function_call", "custom_tool_call"]);
    assert_eq!(response["output"][0]["summary"][0]["text"], "hm");
    assert_eq!(response["output"][4]["input"], "*** Begin");
    let sent = upstream.arrivals().pop().unwrap().json();
    assert_eq!(sent["system"][0]["text"], "Be brief.");
    assert_eq!(sent["thinking"]["type"], "enabled");

    // The client sends all of it back, with the results.
    let input = body["input"].as_array_mut().unwrap();
    input.extend(response["output"].as_array().unwrap().clone());
    input.push(json!({"type": "function_call_output", "call_id": "t1", "output": "a.txt"}));
    input.push(json!({"type": "custom_tool_call_output", "call_id": "t2", "output": "done"}));
    let (status, answer) = ask(&router, &body).await;
    assert_eq!(status, 200, "{answer}");
    let sent = upstream.arrivals().pop().unwrap().json();
    let said = &sent["messages"][1]["content"];
    assert_eq!(said[0], json!({"type": "thinking", "thinking": "hm", "signature": "sig"}));
    assert_eq!(said[1], json!({"type": "redacted_thinking", "data": "secret"}));
    assert_eq!(said[3]["input"], json!({"command": ["ls"]}));
    assert_eq!(said[4]["input"], json!({"input": "*** Begin"}));
    let results = sent["messages"][2]["content"].as_array().unwrap();
    assert_eq!(
        (&results[0]["tool_use_id"], &results[1]["tool_use_id"]),
        (&json!("t1"), &json!("t2"))
    );

    // Where the next model is OpenAI's, what it cannot read is left out.
    body["model"] = json!("own");
    let ok = r#"{"object":"response","status":"completed","output":[{"type":"function_call"}]}"#;
    upstream.push("/openai/", [Fault::status(200).with_body(ok)]);
    assert_eq!(ask(&router, &body).await.0, 200);
    let sent = upstream.arrivals().pop().unwrap();
    assert_eq!(sent.path, "/openai/responses");
    let kept = sent.json()["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].clone())
        .collect::<Vec<_>>();
    assert!(!kept.contains(&json!("reasoning")) && kept.len() == 7, "{kept:?}");
    assert_eq!(sent.json()["tools"], body["tools"]);
}

#[tokio::test]
async fn a_server_without_responses_is_asked_by_a_chat() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    // The upstream of these tests has no such path, and says 404.
    for stream in [false, true] {
        let (status, body) = ask(&router, &question(stream)).await;
        assert_eq!(status, 200, "{body}");
        if stream {
            let heard = hear(&body, "chat");
            assert!(!text(&heard.response).is_empty());
        }
    }
    let paths: Vec<String> = upstream.arrivals().into_iter().map(|it| it.path).collect();
    let chat = "/openai/chat/completions";
    assert_eq!(paths, ["/openai/responses", chat, chat]);
}

#[tokio::test]
async fn a_name_too_long_for_a_chat_is_a_short_one_there_and_the_clients_own_in_the_answer() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    // A response's tools have up to 128 characters, a chat's 64.
    let [own, text] = ["n", "t"].map(|letter| letter.repeat(128));
    let body = |stream: bool| {
        json!({"model": "r", "stream": stream,
            "tools": [{"type": "function", "name": own, "parameters": {"type": "object"}},
                {"type": "custom", "name": text}, {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": own},
            "input": [{"role": "user", "content": "q"},
                {"type": "function_call", "call_id": "t", "name": own, "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t", "output": "r"}]})
    };
    assert_eq!(ask(&router, &body(false)).await.0, 200);
    let sent = upstream.arrivals().pop().unwrap().json();
    assert_eq!(crate::rules::chat_parameters(&sent, false), Vec::<String>::new());
    let short = |tool: usize| sent["tools"][tool]["function"]["name"].as_str().unwrap();
    assert_eq!(sent["tool_choice"]["function"]["name"], short(0));
    assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["name"], short(0));
    let calls: Vec<Value> = (0..2)
        .map(|index| {
            let function = json!({"name": short(index), "arguments": "{\"input\":\"a\"}"});
            json!({"index": index, "id": format!("c{index}"), "type": "function", "function": function})
        })
        .collect();
    let choice = |said: &str| {
        json!({"id": "x", "object": "o", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "tool_calls", said: {"role": "assistant", "tool_calls": calls}}]})
    };
    let streamed = format!("data: {}\n\ndata: [DONE]\n\n", choice("delta"));
    for (stream, fault) in [
        (false, Fault::status(200).with_body(&choice("message").to_string())),
        (true, Fault::recorded(streamed.as_bytes(), &[])),
    ] {
        upstream.push("", [fault]);
        let (_, answer) = ask(&router, &body(stream)).await;
        let response = match stream {
            true => hear(&answer, "calls").response,
            false => serde_json::from_str(&answer).unwrap(),
        };
        let output = &response["output"];
        assert_eq!(
            (&output[0]["type"], &output[0]["name"]),
            (&json!("function_call"), &json!(own))
        );
        assert_eq!(
            (&output[1]["type"], &output[1]["name"]),
            (&json!("custom_tool_call"), &json!(text))
        );
        assert!(!answer.contains(short(0)) && !answer.contains(short(1)), "{answer}");
    }
}

#[tokio::test]
async fn what_cannot_be_served_says_so() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["anthropic/m"], patient());
    let router = running::start(&map.bytes()).await;
    let cases = [
        (json!({"model": "r"}), "input"),
        (
            json!({"model": "r", "input": "a", "previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (json!({"model": "r", "input": [{"type": "item_reference", "id": "x"}]}), "input[0]"),
    ];
    for (body, param) in cases {
        let (status, text) = ask(&router, &body).await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{text}");
    }
    upstream.push("", [Fault::Cut(At::AfterFirstToken)]);
    let (status, text) = ask(&router, &question(true)).await;
    assert_eq!(status, 200);
    let heard = hear(&text, "cut");
    assert!(heard.error.is_some() && text.contains("event: response.failed"), "{text}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_to_its_end_in_order() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["anthropic/m"], patient());
    let router = running::start(&map.bytes()).await;
    let event =
        |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let block = |index: u64, block: Value, delta: Value| {
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
        event(start) + &event(delta)
    };
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
        "model": "m", "stop_reason": null, "usage": {"input_tokens": 3, "output_tokens": 1}});
    let start = event(json!({"type": "message_start", "message": message}));
    let stop = |index: u64| event(json!({"type": "content_block_stop", "index": index}));
    let thought = block(
        0,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
        json!({"type": "thinking_delta", "thinking": "Hm"}),
    );
    let text =
        block(1, json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": "Hel"}));
    let call = block(
        2,
        json!({"type": "tool_use", "id": "t", "name": "look", "input": {}}),
        json!({"type": "input_json_delta", "partial_json": "{\"at\": "}),
    );
    let in_text = [start.clone(), thought.clone(), stop(0), text.clone()].concat();
    let in_call = [in_text.clone(), stop(1), call].concat();
    for (part, statuses) in [(in_text, ["", "incomplete"]), (in_call, ["", "completed"])] {
        for then in [Then::End, Then::Reset] {
            upstream.push("", [Fault::Part(vec![part.clone().into_bytes()], then)]);
            let (status, text) = ask(&router, &question(true)).await;
            assert_eq!(status, 200);
            assert!(hear(&text, "broken").error.is_some());
            let mut data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let last: Value = serde_json::from_str(data.next_back().unwrap()).unwrap();
            let output = last["response"]["output"].as_array().unwrap();
            let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
            assert_eq!(kinds, ["reasoning", "message"]);
            let said: Vec<&str> =
                output.iter().map(|item| item["status"].as_str().unwrap_or_default()).collect();
            assert_eq!(said, statuses);
            assert_eq!(output[1]["content"][0]["text"], "Hel");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_forms_of_an_answer_become_the_same_response(
        (message, finish, usage) in answer(),
        length in 1usize..9,
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let way = Way::by_chat(Front::Responses, Dialect::Openai);
        let options = || AnswerOptions { model: "m".into(), include_usage: true, ..AnswerOptions::default() };
        let text = stream(&message, finish, &usage, length);
        let cuts: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
        let run = run(StreamReader::of(way, options()), text.as_bytes(), &cuts);
        let body = json!({"id": "c", "model": "m", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}]});
        match whole(way, Bytes::from(body.to_string()), &options()) {
            Ok(answer) => {
                let heard = hear(std::str::from_utf8(&run.out).unwrap(), "random");
                let response: Value = serde_json::from_slice(&answer.body).unwrap();
                prop_assert_eq!(heard.response, response);
                prop_assert_eq!(run.end.ending, Ending::Complete);
            }
            Err(_) => prop_assert_eq!(run.end.ending, Ending::Empty),
        }
    }
}
