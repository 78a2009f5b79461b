//! `resume` through sockets: an answer that breaks off is continued by another link, joined to the
//! character, in both protocols of clients, whatever providers speak.

use serde_json::{Value, json};

use crate::faults::{At, End, Fault, Upstream};
use crate::response_events;
use crate::running::{self, MapBuilder, Running, client};

const CLIENTS: [&str; 2] = ["chat", "messages"];
/// The first link; `second/m`, the second, speaks OpenAI's protocol, and `third/m` Anthropic's.
const FIRST: [&str; 2] = ["openai", "anthropic"];
const TEXT: [&str; 4] = ["The quick brown fox ", "jumps over", " the lazy ", "dog, twice."];

async fn setup(chain: &[&str], change: Value) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let third = json!({
        "providers": {"third": {"protocol": "anthropic",
            "base_url": format!("http://{}/third", upstream.address)}},
        "models": {
            "third/m": {"provider": "third", "id": "m", "output_tokens": 1000},
            "third/p": {"provider": "third", "id": "p", "output_tokens": 1000, "prefill": true},
            "second/p": {"provider": "second", "id": "p", "output_tokens": 1000, "prefill": true},
        },
    });
    let mut role = json!({"resume": true, "timeouts": {"idle_ms": 2000}});
    for (key, value) in change.as_object().unwrap() {
        role[key] = value.clone();
    }
    let map = MapBuilder::new(upstream.address).with(third).role("r", chain, role);
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

fn anthropic(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

/// A stream of text in a protocol; one without an end is cut.
fn stream(protocol: &str, id: &str, parts: &[&str], ends: bool) -> Fault {
    Fault::recorded(events(protocol, id, parts, ends).as_bytes(), &[])
}

fn events(protocol: &str, id: &str, parts: &[&str], ends: bool) -> String {
    match protocol {
        "anthropic" => {
            let usage = json!({"input_tokens": 9, "output_tokens": 1});
            let message = json!({"id": id, "type": "message", "role": "assistant", "content": [],
                "model": id, "stop_reason": null, "stop_sequence": null, "usage": usage});
            let mut events = vec![
                json!({"type": "message_start", "message": message}),
                json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}}),
            ];
            events.extend(parts.iter().map(|text| {
                json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "text_delta", "text": text}})
            }));
            if ends {
                events.push(json!({"type": "content_block_stop", "index": 0}));
                events.push(json!({"type": "message_delta", "usage": {"output_tokens": 5},
                    "delta": {"stop_reason": "end_turn", "stop_sequence": null}}));
                events.push(json!({"type": "message_stop"}));
            }
            events.iter().map(anthropic).collect::<String>()
        }
        _ => {
            let chunk = |delta: Value, finish: Value| {
                let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 7,
                    "model": id, "choices": [choice]});
                format!("data: {chunk}\n\n")
            };
            let mut body = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
            for text in parts {
                body += &chunk(json!({"content": text}), Value::Null);
            }
            if ends {
                body += &chunk(json!({}), json!("stop"));
                body += "data: [DONE]\n\n";
            }
            body
        }
    }
}

async fn ask(router: &Running, front: &str, more: Value) -> reqwest::Response {
    let path = if front == "chat" { "/v1/chat/completions" } else { "/v1/messages" };
    let mut body = running::question("r", true);
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    client().post(router.url(path)).body(body.to_string()).send().await.unwrap()
}

/// What a client's stream comes to.
#[derive(Debug, Default)]
struct Got {
    text: String,
    ids: Vec<String>,
    roles: usize,
    finishes: usize,
    blocks: Vec<(u64, &'static str)>,
    marks: usize,
    error: Option<Value>,
}

fn read(body: &str) -> Got {
    let mut got = Got::default();
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        assert_eq!(got.marks, 0, "something follows the end: {body}");
        assert!(got.error.is_none(), "something follows the error: {body}");
        if data == "[DONE]" {
            got.marks += 1;
            continue;
        }
        let event: Value = serde_json::from_str(data).unwrap();
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str() {
            Some("message_start") => {
                got.ids.push(event["message"]["id"].as_str().unwrap().to_owned());
                got.roles += 1;
            }
            Some("content_block_start") => got.blocks.push((index, "start")),
            Some("content_block_stop") => got.blocks.push((index, "stop")),
            Some("content_block_delta") => {
                assert_eq!(got.blocks.last(), Some(&(index, "start")), "{body}");
                got.text += event["delta"]["text"].as_str().unwrap_or_default();
            }
            Some("message_delta") => got.finishes += 1,
            Some("message_stop") => got.marks += 1,
            Some("error") => got.error = Some(event["error"].clone()),
            _ if event["error"].is_object() => got.error = Some(event["error"].clone()),
            _ => {
                let id = event["id"].as_str().unwrap().to_owned();
                if got.ids.last() != Some(&id) {
                    got.ids.push(id);
                }
                let choice = &event["choices"][0];
                got.roles += usize::from(choice["delta"]["role"].is_string());
                got.finishes += usize::from(!choice["finish_reason"].is_null());
                got.text += choice["delta"]["content"].as_str().unwrap_or_default();
            }
        }
    }
    got
}

/// The last messages of a request, as text.
fn last_messages(request: &Value) -> Vec<(String, String)> {
    let messages = request["messages"].as_array().unwrap();
    let text = |content: &Value| match content {
        Value::String(text) => text.clone(),
        parts => parts[0]["text"].as_str().unwrap().to_owned(),
    };
    let message = |it: &Value| (it["role"].as_str().unwrap().to_owned(), text(&it["content"]));
    messages.iter().skip(1).map(message).collect()
}

/// The last words that a link was told to begin with.
fn anchor(request: &Value) -> String {
    let (role, told) = last_messages(request).pop().unwrap();
    assert_eq!(role, "user");
    let anchor = told.strip_suffix("\n===").unwrap().rsplit_once("===\n").unwrap().1;
    anchor.to_owned()
}

#[tokio::test]
async fn an_answer_that_breaks_is_whole_in_the_end() {
    let whole = TEXT.concat();
    let mut cases = 0;
    for front in CLIENTS {
        for first in FIRST {
            for (then, prefill) in
                [("second/m", false), ("third/m", false), ("second/p", true), ("third/p", true)]
            {
                let case = format!("{front}, {first} then {then}");
                let (upstream, router) = setup(&[&format!("{first}/m"), then], json!({})).await;
                let (provider, _) = then.split_once('/').unwrap();
                let protocol = if provider == "third" { "anthropic" } else { "openai" };
                upstream.push(&format!("/{first}/"), [stream(first, "one", &TEXT[..3], false)]);
                let go_on = match prefill {
                    true => vec!["", " ", TEXT[3]],
                    false => vec!["brown fox jumps", " over the lazy", " ", TEXT[3]],
                };
                upstream.push(&format!("/{provider}/"), [stream(protocol, "two", &go_on, true)]);
                let response = ask(&router, front, json!({})).await;
                let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
                assert_eq!(tried, format!("{first}/m=ok"), "{case}");
                let body = response.text().await.unwrap();
                let got = read(&body);
                assert_eq!(got.text, whole, "{case}: {body}");
                assert!(got.error.is_none(), "{case}: {body}");
                assert_eq!((got.ids.len(), got.roles), (1, 1), "{case}: {body}");
                assert_eq!((got.finishes, got.marks), (1, 1), "{case}: {body}");
                if front == "messages" {
                    assert_eq!(got.blocks, [(0, "start"), (0, "stop")], "{case}: {body}");
                }
                let asked = upstream.arrivals()[1].json();
                let said = ("assistant".to_owned(), whole.split_at(39).0.trim_end().to_owned());
                let last = last_messages(&asked);
                assert_eq!(last[0], said, "{case}");
                assert_eq!(last.len(), if prefill { 1 } else { 2 }, "{case}");
                if !prefill {
                    assert_eq!(anchor(&asked), "brown fox jumps over the lazy", "{case}");
                }
                cases += 1;
            }
        }
    }
    println!("{cases} broken answers, all whole in the end");
}

#[tokio::test]
async fn every_kind_of_break_is_continued_and_a_continuation_may_break_in_turn() {
    let breaks = |protocol| {
        let text = events(protocol, "one", &TEXT[..2], false);
        let error = match protocol {
            "anthropic" => anthropic(&json!({"type": "error",
                "error": {"type": "overloaded_error", "message": "m"}})),
            _ => "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n".to_owned(),
        };
        [Fault::recorded(text.as_bytes(), &[]), Fault::recorded((text + &error).as_bytes(), &[])]
    };
    for front in CLIENTS {
        for first in FIRST {
            for fault in breaks(first) {
                let chain = [&format!("{first}/m"), "third/m", "second/m"];
                let (upstream, router) = setup(&chain, json!({})).await;
                upstream.push(&format!("/{first}/"), [fault]);
                let again = [TEXT[0], TEXT[1], TEXT[2]];
                upstream.push("/third/", [stream("anthropic", "two", &again, false)]);
                let last = ["brown fox jumps over the lazy", " dog, twice."];
                upstream.push("/second/", [stream("openai", "three", &last, true)]);
                let body = ask(&router, front, json!({})).await.text().await.unwrap();
                let got = read(&body);
                assert_eq!((got.text, got.ids.len()), (TEXT.concat(), 1), "{front}, {first}");
                assert!(got.error.is_none(), "{body}");
                assert_eq!(upstream.arrivals().len(), 3, "each link once");
            }
        }
    }
}

#[tokio::test]
async fn a_link_that_refuses_or_does_not_go_on_hides_nothing_of_the_first_error() {
    for front in CLIENTS {
        for (second, attempts) in [
            (Fault::status(400), 2),
            (Fault::status(500), 3),
            (Fault::Reset(At::AfterHeaders), 3),
            (stream("openai", "two", &["Hello! How can I help?"], true), 3),
        ] {
            let (upstream, router) = setup(&["openai/m", "second/m", "third/m"], json!({})).await;
            upstream.push("/openai/", [stream("openai", "one", &TEXT[..2], false)]);
            upstream.push("/second/", [second.clone()]);
            upstream.push("/third/", [Fault::status(529)]);
            let body = ask(&router, front, json!({})).await.text().await.unwrap();
            let got = read(&body);
            assert_eq!(got.text, TEXT[..2].concat(), "{front}, {second:?}");
            let error = got.error.unwrap().to_string();
            assert!(error.contains("the provider cut the stream"), "{error}");
            assert_eq!((got.finishes, got.marks), (0, 0), "{body}");
            assert_eq!(upstream.arrivals().len(), attempts, "{front}, {second:?}");
        }
    }
}

#[tokio::test]
async fn tool_calls_documents_and_several_answers_are_not_continued() {
    let call = json!({"index": 0, "id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{\"a\":"}});
    let chunk = json!({"id": "x", "model": "m", "choices": [{"index": 0,
        "delta": {"tool_calls": [call]}}]});
    let tool = Fault::recorded(format!("data: {chunk}\n\n").as_bytes(), &[]);
    let text = || stream("openai", "one", &TEXT[..2], false);
    let format = json!({"response_format": {"type": "json_object"}});
    for (fault, more) in [(tool, json!({})), (text(), json!({"n": 2})), (text(), format)] {
        let (upstream, router) = setup(&["openai/m", "second/m"], json!({})).await;
        upstream.push("/openai/", [fault]);
        let body = ask(&router, "chat", more.clone()).await.text().await.unwrap();
        assert!(read(&body).error.is_some(), "{more}: {body}");
        assert_eq!(upstream.arrivals().len(), 1, "{more}");
    }
    let (upstream, router) = setup(&["openai/m", "second/m"], json!({"resume": false})).await;
    upstream.push("/openai/", [text()]);
    let body = ask(&router, "chat", json!({})).await.text().await.unwrap();
    assert!(read(&body).error.is_some(), "only where the role says so: {body}");
    assert_eq!(upstream.arrivals().len(), 1);
}

#[tokio::test]
async fn a_continuation_stays_within_total_and_is_left_with_the_client() {
    let short = json!({"timeouts": {"idle_ms": 10_000, "first_token_ms": 700, "total_ms": 700}});
    let (upstream, router) = setup(&["openai/m", "second/m"], short).await;
    upstream.push("/openai/", [stream("openai", "one", &TEXT[..2], false)]);
    upstream.push("/second/", [Fault::Hang(At::AfterHeaders)]);
    let body = ask(&router, "chat", json!({})).await.text().await.unwrap();
    assert!(read(&body).error.unwrap().to_string().contains("cut the stream"), "{body}");
    assert_eq!(upstream.ended(1).await, End::ClientLeft);

    let (upstream, router) = setup(&["openai/m", "second/m"], json!({})).await;
    upstream.push("/openai/", [stream("openai", "one", &TEXT[..2], false)]);
    upstream.push("/second/", [Fault::Hang(At::AfterHeaders)]);
    let mut response = ask(&router, "chat", json!({})).await;
    assert!(response.chunk().await.unwrap().is_some());
    upstream.arrived(2).await;
    drop(response);
    assert_eq!(upstream.ended(1).await, End::ClientLeft);
}

/// The events of a response from a provider that has them, cut in the middle of its text.
fn response(parts: &[&str]) -> Fault {
    let whole = |status: &str| {
        json!({"id": "resp_one", "object": "response", "created_at": 7, "model": "one",
            "status": status, "output": []})
    };
    let thought = json!({"id": "rs_one", "type": "reasoning", "summary": []});
    let message = json!({"id": "msg_one", "type": "message", "role": "assistant",
        "status": "in_progress", "content": []});
    let part = json!({"type": "output_text", "annotations": [], "text": ""});
    let mut events = vec![
        json!({"type": "response.created", "response": whole("in_progress")}),
        json!({"type": "response.in_progress", "response": whole("in_progress")}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": thought}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": thought}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": message}),
        json!({"type": "response.content_part.added", "output_index": 1, "content_index": 0,
            "item_id": "msg_one", "part": part}),
    ];
    events.extend(parts.iter().map(|text| {
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0,
            "item_id": "msg_one", "logprobs": [], "delta": text})
    }));
    let event = |(number, mut event): (usize, Value)| {
        event["sequence_number"] = json!(number);
        anthropic(&event)
    };
    let all: String = events.into_iter().enumerate().map(event).collect();
    Fault::recorded(all.as_bytes(), &[])
}

async fn ask_for_a_response(router: &Running) -> String {
    let body = json!({"model": "r", "stream": true, "store": false, "input": "Tell me."});
    let request = client().post(router.url("/v1/responses")).body(body.to_string());
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_response_that_breaks_is_whole_in_the_end() {
    for (first, thoughts) in [("openai", 1), ("anthropic", 0)] {
        for (then, prefill) in [("second/m", false), ("third/m", false), ("third/p", true)] {
            let case = format!("{first} then {then}");
            let chain = [&format!("{first}/m"), then, "second/m"];
            let (upstream, router) = setup(&chain, json!({})).await;
            let (provider, _) = then.split_once('/').unwrap();
            let protocol = if provider == "third" { "anthropic" } else { "openai" };
            let begun = match first {
                "openai" => response(&TEXT[..2]),
                _ => stream(first, "one", &TEXT[..2], false),
            };
            upstream.push(&format!("/{first}/"), [begun]);
            // The second one breaks in turn, unless it is the last.
            let again =
                if prefill { vec![TEXT[2]] } else { vec!["quick brown fox jumps over", TEXT[2]] };
            let last = ["brown fox jumps over the lazy", " ", TEXT[3]];
            if provider == "second" {
                let go_on = ["quick brown fox jumps over", TEXT[2], TEXT[3]];
                upstream.push("/second/", [stream("openai", "two", &go_on, true)]);
            } else {
                upstream.push("/third/", [stream(protocol, "two", &again, false)]);
                upstream.push("/second/", [stream("openai", "three", &last, true)]);
            }
            let body = ask_for_a_response(&router).await;
            let heard = response_events::hear(&body, &case);
            assert_eq!(heard.error, None, "{case}: {body}");
            assert_eq!(response_events::text(&heard.response), TEXT.concat(), "{case}: {body}");
            assert_eq!(response_events::items(&heard.response, "message").len(), 1, "{case}");
            assert_eq!(response_events::items(&heard.response, "reasoning").len(), thoughts);
            let begun = body.lines().nth(1).and_then(|line| line.strip_prefix("data: ")).unwrap();
            let begun: Value = serde_json::from_str(begun).unwrap();
            for name in ["id", "model", "created_at"] {
                assert_eq!(heard.response[name], begun["response"][name], "{case}: {body}");
            }
            let arrivals = upstream.arrivals();
            assert_eq!(arrivals.len(), if provider == "second" { 2 } else { 3 }, "{case}");
            assert!(arrivals[arrivals.len() - 1].path.ends_with("/chat/completions"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_response_that_nobody_goes_on_with_ends_in_its_first_error() {
    for second in [Fault::status(500), stream("openai", "two", &["Hello! How can I help?"], true)] {
        let (upstream, router) = setup(&["openai/m", "second/m"], json!({})).await;
        upstream.push("/openai/", [response(&TEXT[..2])]);
        upstream.push("/second/", [second.clone()]);
        let body = ask_for_a_response(&router).await;
        let heard = response_events::hear(&body, "refused");
        assert!(heard.error.unwrap().to_string().contains("the provider cut the stream"), "{body}");
        assert!(!body.contains("response.completed") && !body.contains("Hello"), "{body}");
        assert_eq!(upstream.arrivals().len(), 2, "{second:?}");
    }
}
