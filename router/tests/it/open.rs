//! A router that asks for no key: who may call it, and what it costs to be called by others.

use serde_json::{Value, json};
use sfai_router::config::Upstreams;

use crate::faults::Upstream;
use crate::running::{self, MapBuilder, Running, client, question};
use crate::security::raw;

const KEY: &str = "0123456789abcdef";

async fn setup(keys: &str) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    (upstream, running::start_with(&map.bytes(), keys, Upstreams::Real).await)
}

/// Asks as a page would, without asking before whether it may.
async fn asked(router: &Running, keys: bool, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = client().post(router.url("/v1/chat/completions"));
    request = request.header("content-type", "text/plain");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if keys {
        request = request.bearer_auth(KEY);
    }
    let response = request.body(question("r", false).to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn another_machines_page_has_nothing_done_by_a_router_that_asks_for_no_key() {
    let (upstream, router) = setup("").await;
    for (headers, code, says) in [
        (&[("origin", "https://evil.example")][..], "origin_not_allowed", "SFAI_CORS_ORIGINS"),
        (&[("origin", "null")], "origin_not_allowed", "SFAI_CORS_ORIGINS"),
        (
            &[("origin", "http://localhost:1"), ("origin", "https://evil.example")],
            "origin_not_allowed",
            "SFAI_CORS_ORIGINS",
        ),
        (&[("host", "evil.example")], "host_not_allowed", "SFAI_ALLOWED_HOSTS"),
        (&[("host", "localhost.evil.example:8080")], "host_not_allowed", "SFAI_ALLOWED_HOSTS"),
        (&[("host", "192.168.1.1")], "host_not_allowed", "SFAI_ALLOWED_HOSTS"),
        // The page of a name that has come to mean this machine.
        (
            &[("host", "evil.example"), ("origin", "http://evil.example")],
            "origin_not_allowed",
            "SFAI_CORS_ORIGINS",
        ),
    ] {
        let (status, body) = asked(&router, false, headers).await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!(code)), "{headers:?}: {body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(says) && message.contains("SFAI_CLIENT_KEYS"), "{message}");
    }
    assert!(upstream.arrivals().is_empty());
    for headers in [
        &[("origin", "http://localhost:3000")][..],
        &[("origin", "vscode-webview://x"), ("host", "127.0.0.1:9")],
        &[("host", "app.localhost")],
        &[("host", "[::1]:8080")],
    ] {
        assert_eq!(asked(&router, false, headers).await.0, 200, "{headers:?}");
    }
    let models = client().get(router.url("/v1/models")).header("host", "evil.example");
    assert_eq!(models.send().await.unwrap().status(), 403);
    let health = client().get(router.url("/health")).header("host", "evil.example");
    assert_eq!(health.send().await.unwrap().status(), 200, "as where a key is asked for");
}

#[tokio::test]
async fn a_router_that_asks_for_a_key_may_be_called_by_any_name_and_page() {
    let (_upstream, router) = setup(&format!("ada:{KEY}")).await;
    let headers = [("origin", "https://app.example"), ("host", "router.example")];
    assert_eq!(asked(&router, true, &headers).await.0, 200);
    assert_eq!(asked(&router, false, &headers).await.0, 401);
}

#[tokio::test]
async fn who_has_no_key_is_told_so_before_the_body_is_read() {
    let (_upstream, router) = setup(&format!("ada:{KEY}")).await;
    // None of it comes, and who asks first is told at once.
    let head =
        "POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 15000000\r\n\r\n";
    let answer = raw(router.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("invalid_api_key") && answer.contains("x-request-id"), "{answer}");
    // Who sends it all the same can read the answer.
    let body = vec![b' '; 15_000_000];
    let response = client().post(router.url("/")).body(body).send().await.unwrap();
    assert_eq!(response.status(), 401);
}
