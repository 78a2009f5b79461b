//! What clients may use: limits, budgets, and what they are told of them.

use serde_json::{Value, json};
use sfai_router::config::Upstreams;

use crate::faults::{At, Fault, Upstream};
use crate::running::{self, MapBuilder, Running, client, question};

const ADA: &str = "0123456789abcdef";
const BOB: &str = "fedcba9876543210";

/// A router with a client `ada` of these terms and one, `bob`, without any.
async fn setup(ada: Value) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let price = json!({"price": {"input": 1_000_000, "output": 1_000_000}});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m", "second/m"], json!({}))
        .role("other", &["openai/m"], json!({}))
        .with(json!({"clients": {"ada": ada, "bob": {}}}))
        .with(json!({"models": {"openai/m": price, "second/m": price, "anthropic/m": price}}));
    let keys = format!("ada:{ADA},bob:{BOB}");
    let router = running::start_with(&map.bytes(), &keys, Upstreams::Real).await;
    (upstream, router)
}

fn limit(count: u64, of: &str) -> Value {
    json!({"limits": [{"count": count, "of": of, "per_ms": 3_600_000}]})
}

async fn ask_as(router: &Running, key: &str, body: &Value) -> reqwest::Response {
    let request = client().post(router.url("/v1/chat/completions")).bearer_auth(key);
    request.body(body.to_string()).send().await.unwrap()
}

fn number(response: &reqwest::Response, name: &str) -> Option<u64> {
    response.headers().get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

/// What is left of the hour's tokens after what was used so far is settled.
async fn tokens_left(router: &Running) -> u64 {
    let mut body = question("r", false);
    body["max_tokens"] = json!(1);
    // Asked of an endpoint that uses none.
    let request = client().post(router.url("/v1/messages/count_tokens")).bearer_auth(ADA);
    let response = request.body(body.to_string()).send().await.unwrap();
    number(&response, "anthropic-ratelimit-tokens-remaining").unwrap()
}

#[tokio::test]
async fn exactly_the_limit_passes_however_many_come_at_once() {
    let (upstream, router) = setup(limit(7, "requests")).await;
    let ask = || async { ask_as(&router, ADA, &question("r", false)).await };
    let all = futures_util::future::join_all((0..40).map(|_| ask())).await;
    let passed = all.iter().filter(|response| response.status() == 200).count();
    let refused = all.iter().filter(|response| response.status() == 429).count();
    assert_eq!((passed, refused), (7, 33));
    assert_eq!(upstream.arrivals().len(), 7);
    assert_eq!(ask_as(&router, BOB, &question("r", false)).await.status(), 200);
}

#[tokio::test]
async fn a_client_is_told_how_it_stands() {
    let (_upstream, router) = setup(limit(2, "requests")).await;
    for left in [1, 0] {
        let response = ask_as(&router, ADA, &question("r", true)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(number(&response, "x-ratelimit-limit-requests"), Some(2));
        assert_eq!(number(&response, "x-ratelimit-remaining-requests"), Some(left));
        let reset = response.headers()["x-ratelimit-reset-requests"].to_str().unwrap();
        assert!(reset.starts_with("1h"), "{reset}");
        assert!(!response.headers().contains_key("x-ratelimit-limit-tokens"));
    }
    let refused = ask_as(&router, ADA, &question("r", true)).await;
    assert_eq!(refused.status(), 429);
    let wait = number(&refused, "retry-after").unwrap();
    assert!((3_590..=3_901).contains(&wait), "{wait}");
    assert_eq!(refused.headers()["x-should-retry"], "false", "an hour is not waited for");
    let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("`ada`") && message.contains("2 requests in 1h"), "{message}");
}

#[tokio::test]
async fn clients_of_anthropics_are_told_in_their_words() {
    let (_upstream, router) = setup(limit(1, "requests")).await;
    let ask = async || {
        let request = client().post(router.url("/v1/messages")).header("x-api-key", ADA);
        request.body(question("r", false).to_string()).send().await.unwrap()
    };
    let response = ask().await;
    assert_eq!(response.status(), 200);
    assert_eq!(number(&response, "anthropic-ratelimit-requests-remaining"), Some(0));
    let reset = response.headers()["anthropic-ratelimit-requests-reset"].to_str().unwrap();
    assert!(reset.ends_with('Z'), "{reset}");
    assert!(!response.headers().contains_key("x-ratelimit-limit-requests"));
    let refused = ask().await;
    assert_eq!(refused.status(), 429);
    let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(error["error"]["type"], "rate_limit_error");
}

#[tokio::test]
async fn tokens_are_settled_by_what_was_used() {
    let (upstream, router) = setup(limit(10_000, "tokens")).await;
    let used = |usage: Value| {
        let answer = json!({"choices": [{"index": 0, "message": {"content": "a"},
            "finish_reason": "stop"}], "usage": usage});
        Fault::status(200).with_body(&answer.to_string())
    };
    upstream.push("", [used(json!({"prompt_tokens": 1_200, "completion_tokens": 34}))]);
    let mut body = question("r", false);
    body["max_tokens"] = json!(900);
    let response = ask_as(&router, ADA, &body).await;
    let reserved = 10_000 - number(&response, "x-ratelimit-remaining-tokens").unwrap();
    assert!((900..1_000).contains(&reserved), "{reserved}");
    response.text().await.unwrap();
    assert_eq!(tokens_left(&router).await, 8_766);
    // A failure of all uses what was told: nothing.
    upstream.push("", [Fault::status(500), Fault::status(503)]);
    assert_eq!(ask_as(&router, ADA, &body).await.status(), 503);
    assert_eq!(tokens_left(&router).await, 8_766);
}

#[tokio::test]
async fn a_stream_is_settled_at_its_end_although_its_client_asks_for_no_usage() {
    let (upstream, router) = setup(limit(10_000, "tokens")).await;
    let text = ask_as(&router, ADA, &question("r", true)).await.text().await.unwrap();
    assert!(!text.contains("prompt_tokens"), "it was not asked for: {text}");
    let options = upstream.arrivals().pop().unwrap().json()["stream_options"].clone();
    assert_eq!(options["include_usage"], json!(true));
    let used = 10_000 - tokens_left(&router).await;
    assert!(used > 0 && used < 100, "not what was reserved: {used}");
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_it_asked_for() {
    let (upstream, router) = setup(limit(10_000, "tokens")).await;
    upstream.push("", [Fault::Hang(At::AfterFirstToken)]);
    let mut body = question("r", true);
    body["max_tokens"] = json!(500);
    let mut response = ask_as(&router, ADA, &body).await;
    response.chunk().await.unwrap().unwrap();
    drop(response);
    upstream.ended(0).await;
    // The input and the event that it has seen, though 500 more were reserved.
    let used = 10_000 - tokens_left(&router).await;
    assert!((2..30).contains(&used), "{used}");
}

#[tokio::test]
async fn an_attempt_that_was_given_up_in_the_middle_pays_for_its_input() {
    let (upstream, router) = setup(limit(10_000, "tokens")).await;
    let used = async || {
        let before = tokens_left(&router).await;
        ask_as(&router, ADA, &question("r", true)).await.text().await.unwrap();
        before - tokens_left(&router).await
    };
    upstream.push("/openai/", [Fault::status(500)]);
    let refused = used().await;
    upstream.push("/openai/", [Fault::Cut(At::BeforeFirstToken)]);
    let cut = used().await;
    assert!(cut > refused, "{cut} and {refused}");
}

#[tokio::test]
async fn a_budget_ends_with_what_it_allows() {
    // A token costs a millionth of a dollar in and out.
    let (upstream, router) = setup(json!({"budget": {"micro_dollars": 1_000, "per": "day"}})).await;
    let answer = json!({"choices": [{"index": 0, "message": {"content": "a"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 300, "completion_tokens": 100}});
    upstream.always("", Fault::status(200).with_body(&answer.to_string()));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let response = ask_as(&router, ADA, &question("r", false)).await;
        statuses.push(response.status().as_u16());
        response.text().await.unwrap();
    }
    // 400 each; what the third would cost is estimated at 100 and more.
    assert_eq!(statuses, [200, 200, 200]);
    let refused = ask_as(&router, ADA, &question("r", false)).await;
    assert_eq!(refused.status(), 429);
    assert!(number(&refused, "retry-after").unwrap() <= 86_400);
    let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "insufficient_quota");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("$0.001 for this day"), "{message}");
}

#[tokio::test]
async fn a_budget_that_cannot_count_a_model_says_so() {
    let map = |price: Value| {
        MapBuilder::new("127.0.0.1:9".parse().unwrap())
            .role("r", &["openai/m", "second/m"], json!({}))
            .role("other", &["anthropic/m"], json!({}))
            .with(json!({"clients": {"ada": {"allow": ["r"],
                "budget": {"micro_dollars": 1, "per": "day"}}}}))
            .with(json!({"models": {"openai/m": {"price": price}}}))
            .bytes()
    };
    let missing = async |price: Value| {
        let keys = format!("ada:{ADA}");
        let router = running::start_with(&map(price), &keys, Upstreams::Real).await;
        router.config.current().unwrap().missing().collect::<Vec<_>>()
    };
    let said = missing(json!({"input": 1, "output": 1})).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`ada`") && said[0].ends_with("price: second/m"), "{said:?}");
    assert!(missing(json!({"input": 1})).await[0].ends_with("openai/m, second/m"));
}

#[tokio::test]
async fn a_role_that_a_client_may_not_use_is_not_there_for_it() {
    let (upstream, router) = setup(json!({"allow": ["r"]})).await;
    let refused = ask_as(&router, ADA, &question("other", false)).await;
    assert_eq!(refused.status(), 404);
    let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "model_not_found");
    assert!(upstream.arrivals().is_empty());
    assert_eq!(ask_as(&router, BOB, &question("other", false)).await.status(), 200);
}

#[tokio::test]
async fn a_fallback_stays_within_what_the_client_may_use() {
    let upstream = Upstream::start().await;
    let is_ada = json!({"text": {"fact": "client", "is": {"one_of": ["ada"]}}});
    let chain =
        |models: &[&str]| models.iter().map(|model| json!({"model": model})).collect::<Vec<_>>();
    let arms = json!([
        {"when": is_ada, "chain": chain(&["openai/m"])},
        {"chain": chain(&["openai/m", "second/m"])},
    ]);
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], json!({"arms": arms}))
        .with(json!({"clients": {"ada": {"allow": ["r"]}, "bob": {}}}));
    let keys = format!("ada:{ADA},bob:{BOB}");
    let router = running::start_with(&map.bytes(), &keys, Upstreams::Real).await;
    upstream.always("openai", Fault::status(503));
    assert_eq!(ask_as(&router, ADA, &question("r", false)).await.status(), 503);
    assert!(upstream.arrivals().iter().all(|arrival| arrival.path.starts_with("/openai")));
    assert_eq!(ask_as(&router, BOB, &question("r", false)).await.status(), 200);
}

#[tokio::test]
async fn a_refused_request_leaves_no_trace_but_its_refusal() {
    let (upstream, router) = setup(limit(1, "requests")).await;
    ask_as(&router, ADA, &question("r", false)).await;
    for _ in 0..3 {
        assert_eq!(ask_as(&router, ADA, &question("r", false)).await.status(), 429);
    }
    assert_eq!(upstream.arrivals().len(), 1);
    let health = client().get(router.url("/health")).send().await.unwrap().text().await.unwrap();
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["limits"], json!({"counted": "in_process"}));
    assert_eq!(health["status"], "ok");
}
