//! Each failure, before the first token and after it, on both protocols, streamed and not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::{At, End, Fault, Missing, Upstream};
use crate::running::{self, MapBuilder, Running, client, question};

const PROTOCOLS: [&str; 2] = ["openai", "anthropic"];

/// Short enough for a test that waits for it, long enough for a loaded machine's good answers.
const FIRST_TOKEN_MS: u64 = 400;

/// A role `openai` and a role `anthropic`, each with `second` to fall back on; `patient` timers
/// but for the first token of roles that a test makes wait.
async fn setup(change: Value) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let mut map = MapBuilder::new(upstream.address);
    for protocol in PROTOCOLS {
        map = map.role(protocol, &[&format!("{protocol}/m"), "second/m"], change.clone());
    }
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

fn attempts(response: &reqwest::Response) -> String {
    response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned()
}

/// The data of each event.
fn events(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
}

/// Holds a streamed answer against what every complete one must be, and gives its text.
fn complete(text: &str) -> String {
    let events = events(text);
    assert_eq!(events.last(), Some(&"[DONE]"), "{text}");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let choices: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]).collect();
    let finished = choices.iter().filter(|choice| !choice["finish_reason"].is_null());
    assert_eq!(finished.count(), 1, "{text}");
    choices.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect()
}

/// Holds a streamed answer against what a broken one must be, and gives its error.
fn broken(text: &str) -> Value {
    assert!(!text.contains("[DONE]"), "{text}");
    let chunks: Vec<Value> =
        events(text).iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let error = chunks.last().unwrap()["error"].clone();
    assert!(error["message"].is_string() && error["type"].is_string(), "{text}");
    for chunk in &chunks[..chunks.len() - 1] {
        assert!(chunk["choices"][0]["finish_reason"].is_null(), "{text}");
    }
    error
}

async fn text_of(response: reqwest::Response, stream: bool) -> String {
    let body = response.text().await.unwrap();
    if stream {
        return complete(&body);
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["choices"][0]["finish_reason"].is_string(), "{body}");
    body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// What fails before the commit, streamed or not, and its class.
fn early() -> Vec<(Fault, &'static str)> {
    let mut faults = vec![
        (Fault::status(429), "rate_limit"),
        (Fault::retry_after("3600"), "rate_limit"),
        (Fault::status(500), "server_error"),
        (Fault::status(502), "server_error"),
        (Fault::status(302).with_header("location", "http://127.0.0.1:9/"), "server_error"),
        (Fault::status(503), "overloaded"),
        (Fault::status(529), "overloaded"),
        (Fault::status(401), "auth"),
        (Fault::status(403), "auth"),
        (Fault::status(404), "not_found"),
        (Fault::status(408), "timeout"),
        (Fault::Empty, "empty"),
        (Fault::NotHttp, "network"),
    ];
    for at in [At::BeforeHeaders, At::AfterHeaders, At::BeforeFirstToken] {
        faults.push((Fault::Reset(at), "network"));
        faults.push((Fault::Cut(at), "network"));
    }
    faults
}

#[tokio::test]
async fn what_fails_before_the_first_token_is_rescued_unseen() {
    let (upstream, router) = setup(json!({})).await;
    let mut cases = 0;
    for protocol in PROTOCOLS {
        for stream in [true, false] {
            for (fault, class) in early() {
                let case = format!("{protocol}, stream {stream}, {fault:?}");
                upstream.push(&format!("/{protocol}/"), [fault]);
                let response = router.ask(protocol, stream).await;
                assert_eq!(response.status(), 200, "{case}");
                assert_eq!(
                    attempts(&response),
                    format!("{protocol}/m={class}, second/m=ok"),
                    "{case}"
                );
                assert_eq!(response.headers()["x-sfai-model"], "second/m", "{case}");
                assert!(text_of(response, stream).await.contains("demo"), "{case}");
                cases += 1;
            }
        }
    }
    println!("{cases} faults before the first token, all rescued");
}

#[tokio::test]
async fn a_link_that_is_silent_or_slow_is_left_for_the_next() {
    let short = json!({"timeouts": {"first_token_ms": FIRST_TOKEN_MS}});
    let (upstream, router) = setup(short).await;
    let slow = Fault::Pause(At::BeforeFirstToken, Duration::from_secs(60));
    let silences = [At::BeforeHeaders, At::AfterHeaders, At::BeforeFirstToken].map(Fault::Hang);
    for protocol in PROTOCOLS {
        for fault in silences.clone().into_iter().chain([slow.clone()]) {
            let case = format!("{protocol}, {fault:?}");
            let before = upstream.arrivals().len();
            upstream.push(&format!("/{protocol}/"), [fault]);
            let response = router.ask(protocol, true).await;
            assert_eq!(attempts(&response), format!("{protocol}/m=timeout, second/m=ok"), "{case}");
            complete(&response.text().await.unwrap());
            assert_eq!(upstream.ended(before).await, End::ClientLeft, "{case}: left at once");
        }
    }
}

#[tokio::test]
async fn a_silent_whole_answer_leaves_the_next_link_its_time() {
    let short =
        json!({"timeouts": {"first_token_ms": FIRST_TOKEN_MS, "total_ms": 2 * FIRST_TOKEN_MS}});
    let (upstream, router) = setup(short).await;
    for protocol in PROTOCOLS {
        upstream.push(&format!("/{protocol}/"), [Fault::Hang(At::BeforeHeaders)]);
        let response = router.ask(protocol, false).await;
        assert_eq!(attempts(&response), format!("{protocol}/m=timeout, second/m=ok"));
    }
}

#[tokio::test]
async fn an_error_event_before_the_first_token_is_a_failed_attempt() {
    let (upstream, router) = setup(json!({})).await;
    for protocol in PROTOCOLS {
        for at in [At::AfterHeaders, At::BeforeFirstToken] {
            upstream.push(&format!("/{protocol}/"), [Fault::ErrorEvent(at)]);
            let response = router.ask(protocol, true).await;
            assert_eq!(response.headers()["x-sfai-model"], "second/m", "{protocol}, {at:?}");
            complete(&response.text().await.unwrap());
        }
        upstream.push(&format!("/{protocol}/"), [Fault::ErrorEvent(At::AfterHeaders)]);
        let response = router.ask(protocol, false).await;
        assert_eq!(response.headers()["x-sfai-model"], "second/m", "{protocol}, whole");
    }
}

#[tokio::test]
async fn what_fails_after_the_first_token_is_told_in_the_stream() {
    let short = json!({"timeouts": {"idle_ms": FIRST_TOKEN_MS}});
    let (upstream, router) = setup(short).await;
    let mut cases = 0;
    for protocol in PROTOCOLS {
        for at in [At::AfterFirstToken, At::AfterLastToken] {
            let faults = [Fault::Reset(at), Fault::Cut(at), Fault::Hang(at), Fault::ErrorEvent(at)];
            for fault in faults {
                let case = format!("{protocol}, {fault:?}");
                let before = upstream.arrivals().len();
                upstream.push(&format!("/{protocol}/"), [fault.clone()]);
                let response = router.ask(protocol, true).await;
                assert_eq!(attempts(&response), format!("{protocol}/m=ok"), "{case}");
                let error = broken(&response.text().await.unwrap());
                if let Fault::Hang(_) = fault {
                    assert_eq!(error["code"], "timeout", "{case}");
                }
                assert_eq!(upstream.arrivals().len(), before + 1, "{case}: no other model");
                cases += 1;
            }
        }
        upstream.push(&format!("/{protocol}/"), [Fault::Missing(Missing::Both)]);
        broken(&router.ask(protocol, true).await.text().await.unwrap());
    }
    println!("{cases} faults after the first token, all told");
}

#[tokio::test]
async fn a_whole_answer_is_rescued_wherever_it_breaks() {
    let short = json!({"timeouts": {"idle_ms": FIRST_TOKEN_MS}});
    let (upstream, router) = setup(short).await;
    for protocol in PROTOCOLS {
        for at in [At::AfterFirstToken, At::AfterLastToken] {
            let faults = [Fault::Reset(at), Fault::Cut(at), Fault::Hang(at), Fault::Malformed(at)];
            for fault in faults {
                let case = format!("{protocol}, {fault:?}");
                upstream.push(&format!("/{protocol}/"), [fault]);
                let response = router.ask(protocol, false).await;
                assert_eq!(response.headers()["x-sfai-model"], "second/m", "{case}");
                text_of(response, false).await;
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_event_is_left_out() {
    let (upstream, router) = setup(json!({})).await;
    for protocol in PROTOCOLS {
        let good = complete(&router.ask(protocol, true).await.text().await.unwrap());
        for at in [At::BeforeFirstToken, At::AfterFirstToken, At::AfterLastToken] {
            upstream.push(&format!("/{protocol}/"), [Fault::Malformed(at)]);
            let response = router.ask(protocol, true).await;
            assert_eq!(attempts(&response), format!("{protocol}/m=ok"), "{at:?}");
            assert_eq!(complete(&response.text().await.unwrap()), good, "{protocol}, {at:?}");
        }
    }
}

#[tokio::test]
async fn an_end_mark_or_a_finish_reason_alone_is_an_end() {
    let (upstream, router) = setup(json!({})).await;
    for protocol in PROTOCOLS {
        for missing in [Missing::Mark, Missing::Finish] {
            upstream.push(&format!("/{protocol}/"), [Fault::Missing(missing)]);
            let text = router.ask(protocol, true).await.text().await.unwrap();
            assert!(!text.contains("\"error\""), "{protocol}, {missing:?}: {text}");
        }
    }
}

#[tokio::test]
async fn bytes_one_at_a_time_and_closed_connections_change_nothing() {
    let (upstream, router) = setup(json!({})).await;
    for protocol in PROTOCOLS {
        for stream in [true, false] {
            let good = text_of(router.ask(protocol, stream).await, stream).await;
            upstream.push(&format!("/{protocol}/"), [Fault::Bytewise, Fault::AnswerThenClose]);
            for _ in 0..3 {
                assert_eq!(text_of(router.ask(protocol, stream).await, stream).await, good);
            }
        }
    }
}

#[tokio::test]
async fn a_retry_calls_the_same_link_again() {
    let twice = json!({"retry": {"count": 2, "on": ["overloaded", "rate_limit", "network", "server_error"]}});
    let (upstream, router) = setup(twice).await;
    for protocol in PROTOCOLS {
        let faults = [Fault::status(529), Fault::Reset(At::BeforeHeaders)];
        upstream.push(&format!("/{protocol}/"), faults);
        let response = router.ask(protocol, true).await;
        let link = format!("{protocol}/m");
        assert_eq!(attempts(&response), format!("{link}=overloaded, {link}=network, {link}=ok"));
        complete(&response.text().await.unwrap());

        upstream
            .push(&format!("/{protocol}/"), [Fault::retry_after("0"), Fault::retry_after("3600")]);
        let response = router.ask(protocol, true).await;
        let tried = format!("{link}=rate_limit, {link}=rate_limit, second/m=ok");
        assert_eq!(attempts(&response), tried, "a wait that does not fit is not waited for");
    }
}

#[tokio::test]
async fn the_requests_own_fault_is_the_clients_and_goes_nowhere_else() {
    let (upstream, router) = setup(json!({})).await;
    let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"tools.0: bad name","code":"bad_name","param":"tools"}}"#;
    for protocol in PROTOCOLS {
        for stream in [true, false] {
            let before = upstream.arrivals().len();
            upstream.push(&format!("/{protocol}/"), [Fault::status(400).with_body(body)]);
            let response = router.ask(protocol, stream).await;
            assert_eq!(response.status(), 400);
            let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert!(error["error"]["message"].as_str().unwrap().contains("tools.0: bad name"));
            assert_eq!(error["error"]["type"], "invalid_request_error");
            assert_eq!(error["error"]["code"], "bad_name");
            assert_eq!(upstream.arrivals().len(), before + 1);
        }
    }
}

#[tokio::test]
async fn what_a_provider_says_of_our_key_reaches_no_client() {
    let (upstream, router) = setup(json!({})).await;
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-proj-abc","code":"invalid_api_key"}}"#;
    upstream.always("", Fault::status(401).with_body(body));
    let response = router.ask("openai", false).await;
    assert_eq!(response.status(), 502, "it is not the client's mistake");
    let headers = format!("{:?}", response.headers());
    let text = response.text().await.unwrap();
    assert!(!text.contains("sk-proj") && !headers.contains("sk-proj"), "{text} {headers}");
}

#[tokio::test]
async fn when_all_are_limited_the_client_is_told_when_to_come_back() {
    let (upstream, router) = setup(json!({})).await;
    upstream.push("/openai/", [Fault::retry_after("7")]);
    upstream.push("/second/", [Fault::retry_after("3")]);
    let response = router.ask("openai", true).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(response.headers()["x-should-retry"], "false");
}

#[tokio::test]
async fn total_ends_a_stream_that_hangs() {
    let short = json!({"timeouts": {"first_token_ms": 1000, "total_ms": 1000}});
    let (upstream, router) = setup(short).await;
    for protocol in PROTOCOLS {
        upstream.push(&format!("/{protocol}/"), [Fault::Hang(At::AfterFirstToken)]);
        let error = broken(&router.ask(protocol, true).await.text().await.unwrap());
        assert_eq!(error["code"], "timeout", "idle is longer here");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstream_request() {
    let (upstream, router) = setup(json!({})).await;
    let mut number = 0;
    for protocol in PROTOCOLS {
        for at in [At::BeforeHeaders, At::AfterHeaders, At::BeforeFirstToken] {
            upstream.push(&format!("/{protocol}/"), [Fault::Hang(at)]);
            let request = client().post(router.url("/")).body(question(protocol, true).to_string());
            let asking = tokio::spawn(request.send());
            upstream.arrived(number + 1).await;
            asking.abort();
            assert_eq!(upstream.ended(number).await, End::ClientLeft, "{protocol}, {at:?}");
            number += 1;
        }
        upstream.push(&format!("/{protocol}/"), [Fault::Hang(At::AfterFirstToken)]);
        let mut response = router.ask(protocol, true).await;
        assert!(response.chunk().await.unwrap().is_some());
        drop(response);
        assert_eq!(upstream.ended(number).await, End::ClientLeft, "{protocol}, streaming");
        number += 1;
    }
}

#[tokio::test]
async fn max_connections_sends_the_overflow_to_the_next_link() {
    let upstream = Upstream::start().await;
    let limits = json!({"providers": {"openai": {"max_connections": 1}}});
    let short = json!({"timeouts": {"connect_ms": 50}});
    let map = MapBuilder::new(upstream.address).role("openai", &["openai/m", "second/m"], short);
    let router = running::start(&map.with(limits).bytes()).await;
    upstream.push("/openai/", [Fault::Hang(At::AfterFirstToken)]);
    let mut first = router.ask("openai", true).await;
    assert!(first.chunk().await.unwrap().is_some());
    let overflow = router.ask("openai", true).await;
    assert_eq!(attempts(&overflow), "openai/m=overloaded, second/m=ok");
    drop(first);
    upstream.ended(0).await;
    assert_eq!(attempts(&router.ask("openai", true).await), "openai/m=ok");
}

#[tokio::test]
async fn requests_that_are_open_under_the_map_before_count_on() {
    let upstream = Upstream::start().await;
    let limits = json!({"providers": {"openai": {"max_connections": 1}}});
    let short = json!({"timeouts": {"connect_ms": 50}});
    let chain = ["openai/m", "second/m"];
    let map = MapBuilder::new(upstream.address).role("openai", &chain, short.clone());
    let map = map.with(limits);
    let router = running::start(&map.bytes()).await;
    upstream.push("/openai/", [Fault::Hang(At::AfterFirstToken)]);
    let mut first = router.ask("openai", true).await;
    assert!(first.chunk().await.unwrap().is_some());
    let map = map.role("other", &chain, short);
    router.config.reload(&map.bytes(), std::time::SystemTime::now());
    let overflow = router.ask("other", true).await;
    assert_eq!(attempts(&overflow), "openai/m=overloaded, second/m=ok");
    let more = map.with(json!({"providers": {"openai": {"max_connections": 2}}}));
    router.config.reload(&more.bytes(), std::time::SystemTime::now());
    assert_eq!(attempts(&router.ask("other", true).await), "openai/m=ok", "another limit");
}

#[tokio::test]
async fn what_one_model_cannot_take_goes_to_one_that_can() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("prefill", &["anthropic/m", "second/m"], json!({}))
        .role("alone", &["anthropic/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    let prefilled = |role: &str| {
        let mut body = question(role, false);
        let message = json!({"role": "assistant", "content": "Hello"});
        body["messages"].as_array_mut().unwrap().push(message);
        body
    };
    let response = router.chat(&prefilled("prefill")).await;
    assert_eq!(attempts(&response), "anthropic/m=unsupported, second/m=ok");
    let response = router.chat(&prefilled("alone")).await;
    assert_eq!(response.status(), 400);
    assert!(upstream.arrivals().iter().all(|it| it.path.starts_with("/second")));
}
