//! Browsers, packed bodies and large ones.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sfai_router::config::Upstreams;

use crate::faults::{Fault, Upstream};
use crate::running::{self, MapBuilder, Running, client, question};

const KEY: &str = "0123456789abcdef";

async fn setup(keys: &str) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({})).role(
        "strict",
        &["openai/m"],
        json!({"strict": true}),
    );
    let router = running::start_with(&map.bytes(), keys, Upstreams::Real).await;
    (upstream, router)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header<'r>(response: &'r reqwest::Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_may_ask_a_router_that_asks_for_a_key() {
    let (_upstream, router) = setup(&format!("ada:{KEY}")).await;
    let preflight = client()
        .request(reqwest::Method::OPTIONS, router.url("/v1/chat/completions"))
        .header("origin", "https://example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type, x-stainless-os")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert_eq!(header(&preflight, "access-control-allow-origin"), Some("*"));
    let allowed = header(&preflight, "access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("x-stainless-os"));
    let ask = async |key: &str| {
        let request = client().post(router.url("/")).header("origin", "https://example.com");
        request.bearer_auth(key).body(question("r", true).to_string()).send().await.unwrap()
    };
    for (key, status) in [(KEY, 200), ("wrong", 401)] {
        let response = ask(key).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get_all("access-control-allow-origin").iter().count(), 1);
        let exposed = header(&response, "access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-request-id"), "{exposed}");
    }
    let plain = client().request(reqwest::Method::OPTIONS, router.url("/")).send().await.unwrap();
    assert_eq!(plain.status(), 401, "no browser asks so");
}

#[tokio::test]
async fn an_open_router_is_for_pages_of_this_machine() {
    let (_upstream, router) = setup("").await;
    let allowed = async |origin: &str| {
        let request = client().get(router.url("/v1/models")).header("origin", origin);
        let response = request.send().await.unwrap();
        header(&response, "access-control-allow-origin").map(str::to_owned)
    };
    let own = "http://localhost:3000";
    assert_eq!(allowed(own).await.as_deref(), Some(own));
    assert_eq!(allowed("https://example.com").await, None);
    let response = client().get(router.url("/v1/models")).send().await.unwrap();
    assert_eq!(header(&response, "vary"), None, "who sends no origin is no page");
}

#[tokio::test]
async fn packed_requests_are_read_and_whole_answers_are_packed_for_those_who_ask() {
    let (upstream, router) = setup("").await;
    let long = "word ".repeat(2000);
    let answer =
        json!({"choices": [{"index": 0, "message": {"content": long}, "finish_reason": "stop"}]});
    for takes in ["gzip, br", "br"] {
        upstream.push("", [Fault::status(200).with_body(&answer.to_string())]);
        let mut body = question("r", false);
        body["messages"][0]["content"] = json!(long);
        let response = client()
            .post(router.url("/"))
            .header("content-encoding", "gzip")
            .header("accept-encoding", takes)
            .body(packed(body.to_string().as_bytes()))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(upstream.arrivals().pop().unwrap().json()["messages"], body["messages"]);
        let is_packed = header(&response, "content-encoding") == Some("gzip");
        assert_eq!(is_packed, takes.contains("gzip"));
        let bytes = response.bytes().await.unwrap();
        let mut text = String::new();
        if is_packed {
            assert!(bytes.len() < 1000);
            GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(bytes.to_vec()).unwrap();
        }
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), answer);
    }
    let stream = client()
        .post(router.url("/"))
        .header("accept-encoding", "gzip")
        .body(question("r", true).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(header(&stream, "content-encoding"), None, "a stream is read as it comes");
}

#[tokio::test]
async fn what_unpacks_to_too_much_or_to_nothing_is_refused() {
    let (upstream, router) = setup("").await;
    let send = async |coding: &str, body: Vec<u8>| {
        let request = client().post(router.url("/v1/messages")).header("content-encoding", coding);
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (status, body["error"]["type"].as_str().unwrap().to_owned())
    };
    let bomb = packed(&vec![b' '; 256 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(send("gzip", bomb).await, (413, "request_too_large".into()));
    assert_eq!(send("gzip", b"plain".to_vec()).await, (400, "invalid_request_error".into()));
    assert_eq!(send("br", b"x".to_vec()).await, (415, "invalid_request_error".into()));
    assert!(upstream.arrivals().is_empty());
}

#[tokio::test]
async fn large_bodies_are_served_and_larger_ones_refused_clearly() {
    let (upstream, router) = setup("").await;
    let image = format!("data:image/png;base64,{}", "A".repeat(4 << 20));
    let mut body = question("r", false);
    body["messages"][0]["content"] = json!([{"type": "image_url", "image_url": {"url": image}}]);
    let started = Instant::now();
    let response = router.chat(&body).await;
    assert_eq!(response.status(), 200);
    let took = started.elapsed();
    println!("a body of 4 MB: {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(upstream.arrivals().pop().unwrap().json()["messages"], body["messages"]);
    let huge = vec![b' '; 40 << 20];
    let response = client().post(router.url("/")).body(huge).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert!(response.headers().contains_key("x-request-id"));
    assert!(response.text().await.unwrap().contains("16 MB"));
}

#[tokio::test]
async fn a_strict_role_refuses_on_every_front() {
    let (upstream, router) = setup("").await;
    let messages = json!([{"role": "user", "content": "q"}]);
    upstream.push("/responses", [Fault::status(404)]);
    upstream.push("/openai/completions", [Fault::status(404)]);
    for (path, body, name) in [
        ("/v1/messages", json!({"max_tokens": 9, "messages": messages, "top_k": 3}), "top_k"),
        ("/v1/responses", json!({"input": "q", "max_tool_calls": 3}), "max_tool_calls"),
        ("/v1/completions", json!({"prompt": "q", "logprobs": 3}), "logprobs"),
    ] {
        let mut body = body;
        body["model"] = json!("strict");
        let request = client().post(router.url(path)).body(body.to_string());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let text = response.text().await.unwrap();
        assert!(text.contains(&format!("`{name}`")), "{path}: {text}");
    }
}
