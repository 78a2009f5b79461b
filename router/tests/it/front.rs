//! The front door: paths, methods, keys, errors, the map's swap.

use serde_json::{Value, json};
use sfai_router::config::{Reload, Upstreams};

use crate::running::{self, MapBuilder, client, question};

/// Nothing listens there: no test here reaches an upstream.
const NOWHERE: &str = "127.0.0.1:9";

fn map() -> MapBuilder {
    let about = json!({"about": "Writes code"});
    MapBuilder::new(NOWHERE.parse().unwrap()).role("coder", &["openai/m"], about)
}

async fn error(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (status, body["error"].clone())
}

#[tokio::test]
async fn health_needs_no_key_and_tells_of_the_map() {
    let router = running::start_with(&map().bytes(), "ada:0123456789abcdef", Upstreams::Real).await;
    for path in ["/health", "/ready"] {
        let response = client().get(router.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let digest = router.config.current().unwrap().map.digest.clone();
        assert_eq!(response.headers()["x-sfai-map"].to_str().unwrap(), digest);
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body["status"], "ok");
        assert_eq!(body["map"]["digest"], digest);
        assert_eq!(body["map"]["env"], "test");
    }
}

#[tokio::test]
async fn every_other_path_needs_a_key_on_every_spelling() {
    let router = running::start_with(&map().bytes(), "ada:0123456789abcdef", Upstreams::Real).await;
    for path in [
        "/",
        "/v1/models",
        "/v1/chat/completions",
        "//health",
        "/health/",
        "/HEALTH",
        "/%68ealth",
        "/x",
    ] {
        let response = client().get(router.url(path)).send().await.unwrap();
        let (status, error) = error(response).await;
        assert_eq!((status, &error["code"]), (401, &json!("invalid_api_key")), "{path}");
    }
    let with_key = client().get(router.url("/v1/models")).bearer_auth("0123456789abcdef");
    assert_eq!(with_key.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_roles_are_the_models() {
    let router = running::start(&map().bytes()).await;
    let response = client().get(router.url("/v1/models")).send().await.unwrap();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(body["object"], "list");
    assert_eq!(body["data"][0]["id"], "coder");
    assert_eq!(body["data"][0]["object"], "model");
    assert_eq!(body["data"][0]["about"], "Writes code");
}

#[tokio::test]
async fn what_cannot_be_served_says_so_in_openais_shape() {
    let router = running::start(&map().bytes()).await;
    let post = |path: &str, body: &'static str| client().post(router.url(path)).body(body).send();
    let cases = [
        (post("/v1/chat/completions", "{").await, 400, "not valid"),
        (post("/v1/chat/completions", "[]").await, 400, "object"),
        (post("/v1/chat/completions", "{}").await, 400, "model"),
        (post("/v1/chat/completions", r#"{"model":"coder"}"#).await, 400, "messages"),
        (post("/v1/nothing", "{}").await, 404, "/v1/chat/completions"),
        (client().get(router.url("/v1/chat/completions")).send().await, 405, "POST"),
        (post("/v1/models", "{}").await, 405, "GET"),
        (router_unknown(&router).await, 404, "coder"),
    ];
    for (response, status, says) in cases {
        let response = response.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        let (found, error) = error(response).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(found, status, "{message}");
        assert!(message.contains(says), "{message}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["code"].is_string() || status == 400, "{error}");
    }
}

async fn router_unknown(router: &running::Running) -> reqwest::Result<reqwest::Response> {
    Ok(router.ask("nobody", false).await)
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused() {
    let router = running::start(&map().bytes()).await;
    let body = vec![b' '; 16 * 1024 * 1024 + 1];
    let response = client().post(router.url("/v1/chat/completions")).body(body).send().await;
    let (status, error) = error(response.unwrap()).await;
    assert_eq!((status, &error["code"]), (413, &json!("request_too_large")));
}

#[tokio::test]
async fn no_upstream_is_a_502_that_names_what_was_tried() {
    let map = map().role("two", &["openai/m", "anthropic/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    for stream in [false, true] {
        let response = router.ask("two", stream).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-sfai-role"), "two");
        assert_eq!(header("x-sfai-rule"), "test.sfr:2");
        assert_eq!(header("x-sfai-attempts"), "openai/m=network, anthropic/m=network");
        assert_eq!(header("x-should-retry"), "false");
        assert!(header("server-timing").starts_with("total;dur="));
        let (status, error) = error(response).await;
        assert_eq!((status, &error["code"]), (502, &json!("network")));
        assert!(error["message"].as_str().unwrap().contains("openai/m=network"));
    }
}

#[tokio::test]
async fn a_missing_provider_key_is_told_by_class_alone() {
    let keyed = json!({"providers": {"openai": {"api_key": {"env": "SFAI_TEST_NO_SUCH_KEY"}}}});
    let router = running::start(&map().with(keyed).bytes()).await;
    let missing: Vec<_> = router.config.current().unwrap().missing().collect();
    assert!(missing[0].contains("SFAI_TEST_NO_SUCH_KEY"), "{missing:?}");
    let response = router.ask("coder", false).await;
    assert_eq!(response.headers()["x-sfai-attempts"], "openai/m=auth");
    assert_eq!(response.status(), 502);
}

#[tokio::test]
async fn a_new_map_is_swapped_in_and_a_bad_one_is_refused() {
    let router = running::start(&map().bytes()).await;
    let now = std::time::SystemTime::now();
    assert_eq!(router.config.reload(&map().bytes(), now), Reload::Unchanged);
    let next = map().role("writer", &["openai/m"], json!({})).bytes();
    let Reload::Refused(why) = router.config.reload(&next[..next.len() / 2], now) else {
        panic!("half a map was taken")
    };
    assert!(why.contains("not whole JSON"), "{why}");
    assert_eq!(router.ask("writer", false).await.status(), 404, "the last good map stays");
    let health = client().get(router.url("/health")).send().await.unwrap();
    let health: Value = serde_json::from_slice(&health.bytes().await.unwrap()).unwrap();
    assert!(health["map"]["refused"].as_str().unwrap().contains("not whole JSON"));

    assert!(matches!(router.config.reload(&next, now), Reload::Swapped(_)));
    assert_eq!(router.ask("writer", false).await.status(), 502, "known, though nothing answers");
    assert_eq!(router.config.refused(), None);
}

#[tokio::test]
async fn a_request_with_several_keys_that_differ_is_refused() {
    let keys = "ada:0123456789abcdef,bob:fedcba9876543210";
    let router = running::start_with(&map().bytes(), keys, Upstreams::Real).await;
    let request = client()
        .post(router.url("/"))
        .bearer_auth("0123456789abcdef")
        .header("x-api-key", "fedcba9876543210")
        .body(question("coder", false).to_string());
    assert_eq!(request.send().await.unwrap().status(), 401);
}
