//! Requests that are refused by their shape alone, sent byte by byte as no client library would.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::faults::Upstream;
use crate::running::{self, MapBuilder, Running, question};
use crate::security::raw;

async fn setup() -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// How many responses a connection was given.
fn responses(answer: &str) -> usize {
    answer.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn a_request_whose_end_is_ambiguous_is_refused_and_its_connection_closed() {
    let (upstream, router) = setup().await;
    let body = question("r", false).to_string();
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (headers, sent) in [
        // The front proxy ends it by one, we by the other.
        (format!("content-length: {}\r\ntransfer-encoding: chunked", 5), chunked.clone()),
        (format!("transfer-encoding: chunked\r\ncontent-length: {length}"), body.clone()),
        (format!("content-length: {length}\r\ncontent-length: {length}"), body.clone()),
        (format!("content-length: {length}\r\ncontent-length: {}", length - 1), body.clone()),
        (format!("content-length: {length}, {length}"), body.clone()),
        (format!("content-length: +{length}"), body.clone()),
        (format!("content-length: {length} "), format!("{body}{smuggled}")),
        ("content-length: -1".into(), body.clone()),
        ("content-length: 0x10".into(), body.clone()),
        ("content-length: 99999999999999999999".into(), body.clone()),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked".into(), chunked.clone()),
        ("transfer-encoding: gzip, chunked".into(), chunked.clone()),
        ("transfer-encoding: chunked, identity".into(), chunked.clone()),
        ("transfer-encoding: xchunked".into(), chunked.clone()),
        ("transfer-encoding : chunked".into(), chunked.clone()),
        ("transfer-encoding:\r\n chunked".into(), chunked.clone()),
        (format!("x: a\r\n b\r\ncontent-length: {length}"), body.clone()),
        (format!("x: a\nx-b: c\r\ncontent-length: {length}"), body.clone()),
        (format!("x: a\rb\r\ncontent-length: {length}"), body.clone()),
        (format!("x: a\0b\r\ncontent-length: {length}"), body.clone()),
        (format!("x y: a\r\ncontent-length: {length}"), body.clone()),
        (format!("host: other\r\ncontent-length: {length}"), body.clone()),
    ] {
        // Whatever follows must not be served: where this request ends is not certain.
        let request =
            format!("POST / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n{sent}{smuggled}");
        let answer = raw(router.address, request.as_bytes()).await;
        let is_blank_after_length = headers.ends_with(' ');
        if !is_blank_after_length {
            assert_eq!(status(&answer), "400", "{headers:?}: {answer}");
            assert_eq!(responses(&answer), 1, "{headers:?}: {answer}");
        }
        assert!(!answer.contains("\"object\":\"list\""), "{headers:?}: {answer}");
    }
    assert!(upstream.arrivals().len() <= 1, "{:?}", upstream.arrivals().len());
}

#[tokio::test]
async fn chunks_whose_sizes_lie_end_the_connection() {
    let (upstream, router) = setup().await;
    let body = question("r", false).to_string();
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for chunks in [
        format!("-1\r\n{body}\r\n0\r\n\r\n"),
        format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        format!("{:x} ;\n{body}\r\n0\r\n\r\n", body.len() + 1),
        format!("{:x}\r\n{body}0\r\n\r\n", body.len()),
        format!("zz\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = raw(router.address, format!("{head}{chunks}{smuggled}").as_bytes()).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{chunks:?}: {answer}");
    }
    assert!(upstream.arrivals().is_empty());
}

#[tokio::test]
async fn a_request_before_its_turn_is_not_served() {
    let (_upstream, router) = setup().await;
    let one = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let answer = raw(router.address, format!("{one}{one}").as_bytes()).await;
    assert_eq!(responses(&answer), 2, "{answer}");
    assert!(answer.contains("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let (_upstream, router) = setup().await;
    let mut stream = TcpStream::connect(router.address).await.unwrap();
    let body = question("r", false).to_string();
    for round in 0..5 {
        let request = match round % 2 {
            0 => format!(
                "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            _ => format!(
                "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
        };
        // In two pieces, in the middle of the head and of the body in turn.
        let (first, second) = request.split_at(if round < 3 { 20 } else { request.len() - 9 });
        stream.write_all(first.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(second.as_bytes()).await.unwrap();
        let answer = one_response(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{round}: {answer}");
    }
}

/// Reads one response by its `content-length`.
async fn one_response(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= wanted.parse::<usize>().unwrap() {
            return text;
        }
    }
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let (_upstream, router) = setup().await;
    let many: String = (0..101).map(|n| format!("x-{n}: v\r\n")).collect();
    let long = format!("x: {}\r\n", "v".repeat(66 * 1024));
    let path = "a".repeat(70 * 1024);
    for (head, statuses) in [
        (format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"), &["431"][..]),
        (format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{long}\r\n"), &["431"]),
        (format!("GET /{path} HTTP/1.1\r\nhost: localhost\r\n\r\n"), &["414", "431"]),
    ] {
        let answer = raw(router.address, head.as_bytes()).await;
        assert!(statuses.contains(&status(&answer)), "{}: {answer}", head.get(..60).unwrap());
    }
    let fits = format!("x: {}\r\n", "v".repeat(60 * 1024));
    let head =
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{fits}\r\n");
    assert_eq!(status(&raw(router.address, head.as_bytes()).await), "200");
}

#[tokio::test]
async fn control_characters_in_a_path_are_refused() {
    let (_upstream, router) = setup().await;
    for path in ["/v1/models/%00", "/v1/models/%0d%0ax:%20y", "/%1b[2J", "/a\u{1}b", "/a\tb"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = raw(router.address, head.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{path:?}: {answer}");
    }
}

#[tokio::test]
async fn other_protocols_are_not_spoken() {
    let (_upstream, router) = setup().await;
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health HTTP/0.9\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET  /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ] {
        let answer = raw(router.address, bytes).await;
        assert!(!answer.contains(" 200 "), "{bytes:?}: {answer}");
    }
    let upgrade = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close, upgrade\r\nupgrade: h2c\r\n\r\n";
    let answer = raw(router.address, upgrade.as_bytes()).await;
    assert_eq!(status(&answer), "200", "an upgrade is not taken up: {answer}");
}

/// Nothing of this takes as long as the guard of the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_slowly_is_given_up() {
    let (_upstream, router) = slow_setup().await;
    for sent in
        ["GET /hea", "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"mod"]
    {
        let answer = raw(router, sent.as_bytes()).await;
        let is_answered = sent.contains("POST");
        assert_eq!(status(&answer) == "408", is_answered, "{sent}: {answer}");
    }
}

/// A router that waits for a fraction of a second alone.
async fn slow_setup() -> (tokio::sync::oneshot::Sender<()>, SocketAddr) {
    let short = Duration::from_millis(200);
    let patience =
        sfai_router::server::Patience { headers: short, body: short, ..Default::default() };
    let map = MapBuilder::new("127.0.0.1:9".parse().unwrap()).role("r", &["openai/m"], json!({}));
    running::start_patiently(&map.bytes(), patience, sfai_router::load::Load::default()).await
}

#[tokio::test]
async fn what_is_refused_before_it_is_read_is_told_in_full() {
    let (_upstream, router) = setup().await;
    let many: String = (0..101).map(|n| format!("x-{n}: v\r\n")).collect();
    let long = format!("x: {}\r\n", "v".repeat(66 * 1024));
    for (path, headers, wanted) in [
        ("/", many.as_str(), "431"),
        ("/", &long, "431"),
        ("/", "content-length: x\r\n", "400"),
        ("/", "content-length: 1\r\ncontent-length: 2\r\n", "400"),
        ("/", "transfer-encoding: chunked, identity\r\n", "400"),
        ("/", "x: a\0b\r\n", "400"),
        ("/a\u{1}b", "", "400"),
        ("/v1/messages", "x: a\0b\r\n", "400"),
        ("/v1/messages?beta=true", &many, "431"),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let answer = raw(router.address, request.as_bytes()).await;
        let shown = headers.get(..headers.len().min(40)).unwrap();
        assert_eq!(status(&answer), wanted, "{path} {shown:?}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/json"), "{answer}");
        assert!(head.contains("x-request-id: req_"), "{answer}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{answer}");
        assert_eq!(body["type"] == "error", path.starts_with("/v1/messages"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let (_upstream, router) = setup().await;
    let answer = raw(router.address, b"GET /v1/models HTTP/1.1\r\n\r\n").await;
    assert_eq!(status(&answer), "400", "{answer}");
    assert!(answer.contains("it has no Host"), "{answer}");
    let answer = raw(router.address, b"GET /v1/models HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&answer), "200", "the older version has none: {answer}");
}

/// Serves with these times.
async fn patient(
    headers: Duration,
    idle: Duration,
) -> (tokio::sync::oneshot::Sender<()>, SocketAddr) {
    let patience = sfai_router::server::Patience { headers, idle, ..Default::default() };
    let map = MapBuilder::new("127.0.0.1:9".parse().unwrap()).role("r", &["openai/m"], json!({}));
    running::start_patiently(&map.bytes(), patience, sfai_router::load::Load::default()).await
}

#[tokio::test]
async fn a_connection_is_kept_for_longer_than_a_head_may_take() {
    let (_stop, router) = patient(Duration::from_millis(100), Duration::from_secs(600)).await;
    let mut stream = TcpStream::connect(router).await.unwrap();
    for _ in 0..3 {
        // Longer than it would be kept if a head were waited for.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        let answer = one_response(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // The rest of a head is not waited for as long.
    stream.write_all(b"GET /hea").await.unwrap();
    let mut rest = Vec::new();
    let over = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
    assert!(over.is_ok() && rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let (_stop, router) = patient(Duration::from_secs(600), Duration::from_millis(100)).await;
    assert_eq!(raw(router, b"").await, "");
    let answer = raw(router, b"GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(responses(&answer), 1, "{answer}");
    // Empty lines are no head.
    assert_eq!(raw(router, b"\r\n\r\n").await, "");
}
