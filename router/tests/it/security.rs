//! What a request, a provider or a map must not be able to do: the list of `docs/security.md`.
//! Shapes of requests that are refused before they are read are in `security_wire`, and what is
//! written anywhere is in `security_canary`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::SystemTime;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sfai_router::config::{Reload, Upstreams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::faults::{Fault, Upstream};
use crate::running::{self, MapBuilder, Running, client, question};

const KEY: &str = "0123456789abcdef";

async fn setup(keys: &str) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({})).role(
        "claude",
        &["anthropic/m"],
        json!({}),
    );
    let router = running::start_with(&map.bytes(), keys, Upstreams::Real).await;
    (upstream, router)
}

/// A request that tries to be answered from elsewhere.
fn misleading(router: &Running, elsewhere: &Upstream) -> reqwest::RequestBuilder {
    let mut body = question("r", false);
    for name in ["api_base", "base_url", "apiBase", "url", "proxy"] {
        body[name] = json!(elsewhere.url());
    }
    body["provider"] = json!("second");
    body["mock_response"] = json!("mocked");
    body["extra_headers"] = json!({"host": "elsewhere"});
    let host = elsewhere.address.to_string();
    let mut request = client().post(router.url("/v1/chat/completions?base_url=http://elsewhere"));
    for name in ["x-forwarded-host", "x-original-url", "x-rewrite-url", "forwarded", "x-base-url"] {
        request = request.header(name, &host);
    }
    let mocks = ["x-mock", "x-mock-response", "x-portkey-config", "x-sfai-model", "x-sfai-mock"];
    for name in mocks {
        request = request.header(name, "mocked");
    }
    request.header("host", &host).body(body.to_string())
}

#[tokio::test]
async fn nothing_in_a_request_chooses_a_host_a_path_or_a_mock() {
    let (upstream, router) = setup("").await;
    let elsewhere = Upstream::start().await;
    let response = misleading(&router, &elsewhere).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-sfai-model"], "openai/m");
    assert!(!response.text().await.unwrap().contains("mocked"));
    let arrival = upstream.arrivals().pop().unwrap();
    assert_eq!(arrival.path, "/openai/chat/completions");
    assert_eq!(arrival.header("host"), Some(upstream.address.to_string().as_str()));
    assert!(elsewhere.arrivals().is_empty());
    // The target of a request to a proxy names a host, too.
    let target = format!("POST http://{}/v1/chat/completions HTTP/1.1\r\n", elsewhere.address);
    let body = question("r", false).to_string();
    let sent = format!(
        "{target}host: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        elsewhere.address,
        body.len()
    );
    let answer = raw(router.address, sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(elsewhere.arrivals().is_empty());
    assert_eq!(upstream.arrivals().len(), 2);
}

/// Sends bytes and reads to the end of the connection.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let reading = tokio::time::timeout(std::time::Duration::from_secs(20), reading).await;
    // A connection that is reset after its answer has said what it had to say.
    let _ = reading.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn only_our_own_headers_go_upstream() {
    let (upstream, router) = setup(&format!("ada:{KEY}")).await;
    for (path, role) in [("/v1/chat/completions", "r"), ("/v1/messages", "claude")] {
        let mut request = client().post(router.url(path)).bearer_auth(KEY);
        for name in [
            "cookie",
            "proxy-authorization",
            "x-forwarded-for",
            "x-api-key-2",
            "origin",
            "referer",
            "openai-organization",
            "traceparent",
            "te",
            "via",
            "x-amz-security-token",
        ] {
            request = request.header(name, "client-value");
        }
        let response = request.body(question(role, true).to_string()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let arrival = upstream.arrivals().pop().unwrap();
        let names: BTreeSet<&str> = arrival.headers.iter().map(|(name, _)| name.as_str()).collect();
        let known =
            ["accept", "anthropic-version", "content-length", "content-type", "host", "user-agent"];
        let others: Vec<&&str> = names.iter().filter(|name| !known.contains(name)).collect();
        assert!(others.is_empty(), "{path}: {others:?}");
        let all = format!("{:?}", arrival.headers);
        assert!(!all.contains("client-value") && !all.contains(KEY), "{all}");
    }
}

#[tokio::test]
async fn only_known_headers_of_a_provider_reach_the_client() {
    let (upstream, router) = setup("").await;
    let foreign = [
        "set-cookie",
        "location",
        "x-internal",
        "server",
        "www-authenticate",
        "link",
        "access-control-allow-origin",
        "x-amzn-remapped-date",
        "strict-transport-security",
    ];
    let spoiled =
        |fault: Fault| foreign.iter().fold(fault, |it, name| it.with_header(name, "upstream"));
    let answer = json!({"choices": [{"index": 0, "message": {"content": "a"},
        "finish_reason": "stop"}]});
    for fault in
        [Fault::status(200).with_body(&answer.to_string()), Fault::status(500), Fault::status(400)]
    {
        upstream.push("", [spoiled(fault)]);
        let response = router.ask("r", false).await;
        for name in foreign {
            assert!(!response.headers().contains_key(name), "{name}");
        }
        assert!(!format!("{:?}", response.headers()).contains("upstream"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (upstream, router) = setup("").await;
    let elsewhere = Upstream::start().await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/v1/chat/completions", elsewhere.url());
        upstream.push("", [Fault::status(status).with_header("location", &to)]);
        let response = router.ask("r", status % 2 == 0).await;
        assert_eq!(response.status(), 502, "{status}");
        assert_eq!(response.headers()["x-sfai-attempts"], "openai/m=server_error");
    }
    assert!(elsewhere.arrivals().is_empty());
}

#[tokio::test]
async fn a_provider_that_is_no_url_of_a_known_kind_is_refused_with_its_map() {
    let (_upstream, router) = setup("").await;
    for url in [
        "file:///etc/passwd",
        "http://user:password@127.0.0.1:1/v1",
        "ftp://127.0.0.1/",
        "http://169.254.169.254/latest",
        "http://192.0.2.1/v1",
        "https://",
        "127.0.0.1:80",
        "http://127.0.0.1:1/v1\r\nx: y",
    ] {
        let map = MapBuilder::new("127.0.0.1:9".parse().unwrap())
            .with(json!({"providers": {"openai": {"base_url": url}}}));
        let reload = router.config.reload(&map.bytes(), SystemTime::now());
        assert!(matches!(reload, Reload::Refused(_)), "{url}: {reload:?}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_path_asks_for_the_key() {
    let (upstream, router) = setup(&format!("ada:{KEY}")).await;
    for path in [
        "/v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat/completions/",
        "/v1/./chat/completions",
        "/health/../v1/models",
        "/%76%31/models",
        "/v1/models;x=/health",
        "/V1/MODELS",
        "/v1/models?/health",
        "/health%2f",
        "/ready/..",
        "//health",
        "/health//",
        "/v1/models/health",
        "*",
    ] {
        for method in ["GET", "POST", "PUT", "OPTIONS", "TRACE", "HEAD"] {
            let answer = raw(
                router.address,
                format!("{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .await;
            let refused = ["HTTP/1.1 401", "HTTP/1.1 400"].iter().any(|it| answer.starts_with(it));
            assert!(refused, "{method} {path}: {answer}");
        }
    }
    assert!(upstream.arrivals().is_empty());
}

#[tokio::test]
async fn what_is_nearly_a_key_is_none() {
    let (_upstream, router) = setup(&format!("ada:{KEY}")).await;
    let status = async |key: &str| {
        let request = client().get(router.url("/v1/models")).header("x-api-key", key);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(KEY).await, 200);
    for key in [
        KEY.get(..15).unwrap(),
        &format!("{KEY}0"),
        &KEY.to_uppercase(),
        "",
        "*",
        "ada",
        "null",
        &format!("ada:{KEY}"),
        &sfai_router::auth::hashed(KEY),
    ] {
        assert_eq!(status(key).await, 401, "{key}");
    }
}

#[tokio::test]
async fn credentials_that_come_twice_or_differ_are_refused() {
    let (_upstream, router) = setup(&format!("ada:{KEY},bob:fedcba9876543210")).await;
    let bearer = format!("Bearer {KEY}");
    let status = async |headers: &[(&str, &str)]| {
        let mut request = client().get(router.url("/v1/models"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    // Continue sends its key in two headers.
    assert_eq!(status(&[("authorization", &bearer), ("api-key", KEY)]).await, 200);
    for headers in [
        &[("authorization", bearer.as_str()), ("authorization", bearer.as_str())][..],
        &[("x-api-key", KEY), ("x-api-key", KEY)],
        &[("authorization", bearer.as_str()), ("x-api-key", "fedcba9876543210")],
        &[("x-api-key", KEY), ("api-key", "fedcba9876543210")],
        &[("authorization", bearer.as_str()), ("authorization", "Basic eA==")],
    ] {
        assert_eq!(status(headers).await, 401, "{headers:?}");
    }
}

#[tokio::test]
async fn json_that_two_readers_read_differently_or_that_is_too_deep_is_refused() {
    let (upstream, router) = setup("").await;
    let messages = r#""messages":[{"role":"user","content":"q"}]"#;
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for body in [
        format!(r#"{{"model":"claude","model":"r",{messages}}}"#),
        format!(r#"{{"model":"claude","\u006dodel":"r",{messages}}}"#),
        format!(r#"{{"model":"r",{messages},"metadata":{{"a":"1","a":"2"}}}}"#),
        format!(r#"{{"model":"r",{messages},"x":{}}}"#, deep(128)),
        format!(r#"{{"model":"r",{messages},"x":{}}}"#, deep(1_000_000)),
        format!(r#"{{"model":"r\u0000",{messages}}}"#),
        format!(r#"{{"model":"r",{messages},"metadata":{{"a":"1\r\nx: y"}}}}"#),
        format!(r#"{{"model":"r",{messages},"metadata":{{"a":[{{"b":"1\r\nx: y"}}]}}}}"#),
        format!(r#"{{"model":"r",{messages},"metadata":{{"a":{{"b\u0000":1}}}}}}"#),
        format!(r#"{{"model":"r",{messages},"user":"\u001b[2J"}}"#),
        format!(r#"{{"model":"r",{messages}}} {{}}"#),
        format!("\u{feff}{{\"model\":\"r\",{messages}}}"),
        format!(r#"{{"model":"r","messages":[{{"role":"user","content":"{}"}}]}}"#, '\u{1}'),
    ] {
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
            let response = client().post(router.url(path)).body(body.clone()).send().await.unwrap();
            let shown: String = body.chars().take(90).collect();
            assert_eq!(response.status(), 400, "{path}: {shown}");
        }
    }
    assert!(upstream.arrivals().is_empty());
    let body = format!(r#"{{"model":"r",{messages},"x":{}}}"#, deep(127));
    let response = client().post(router.url("/")).body(body).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(
        !text.contains("deeper"),
        "so deep is allowed, whatever a provider makes of it: {text}"
    );
}

/// A provider that never ends the line that it has begun, and how much of it was taken.
async fn endless_line() -> (SocketAddr, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ";
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 64 * 1024];
        let mut sent = 0;
        while sent < (1 << 30) && stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    (address, sent)
}

#[tokio::test]
async fn a_line_that_never_ends_is_given_up() {
    let (address, sent) = endless_line().await;
    let map = MapBuilder::new(address).role("r", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    let response = router.ask("r", true).await;
    assert_eq!(response.status(), 502);
    let sent = sent.await.unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_map_that_was_altered_is_refused() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({})).bytes();
    let router = running::start(&map).await;
    let text = String::from_utf8(map).unwrap();
    let port = upstream.address.port();
    for (from, to) in [
        (format!(":{port}/openai"), ":1/openai".to_owned()),
        ("\"connect_ms\": 1000".into(), "\"connect_ms\": 9000".into()),
        ("\"r\": {".into(), "\"s\": {".into()),
        ("\"format\": 1".into(), "\"format\": 2".into()),
    ] {
        assert!(text.contains(&from), "{from}: {text}");
        let altered = text.replacen(&from, &to, 1);
        let reload = router.config.reload(altered.as_bytes(), SystemTime::now());
        assert!(matches!(reload, Reload::Refused(_)), "{from}: {reload:?}");
    }
    for length in [0, 1, text.len() / 2, text.len() - 2] {
        let cut = &text.as_bytes()[..length];
        let reload = router.config.reload(cut, SystemTime::now());
        assert!(matches!(reload, Reload::Refused(_)), "{length}: {reload:?}");
    }
    assert_eq!(router.ask("r", false).await.status(), 200, "the last good one is in force");
}

#[tokio::test]
async fn nothing_of_one_request_is_in_another() {
    let (upstream, router) = setup(&format!("ada:{KEY},bob:fedcba9876543210")).await;
    let http = client();
    let ask = |number: usize| {
        let (http, url) = (http.clone(), router.url("/v1/chat/completions"));
        async move {
            let mut body = question("r", number.is_multiple_of(2));
            body["messages"][0]["content"] = json!(format!("marker-{number}-"));
            body["user"] = json!(format!("user-{number}-"));
            let key = if number.is_multiple_of(3) { KEY } else { "fedcba9876543210" };
            let request = http.post(url).bearer_auth(key).header("x-marker", number.to_string());
            let response = request.body(body.to_string()).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            response.text().await.unwrap();
            id
        }
    };
    let ids: BTreeSet<String> = join_all((0..60).map(ask)).await.into_iter().collect();
    assert_eq!(ids.len(), 60, "every request has an id of its own");
    let mut seen = BTreeSet::new();
    for arrival in upstream.arrivals() {
        let body = String::from_utf8(arrival.body).unwrap();
        let markers: Vec<&str> = body.split_inclusive("marker-").skip(1).collect();
        assert_eq!(markers.len(), 1, "{body}");
        let number = markers[0].split('-').next().unwrap().to_owned();
        assert!(body.contains(&format!("user-{number}-")), "{body}");
        assert!(seen.insert(number));
    }
    assert_eq!(seen.len(), 60);
}

#[tokio::test]
async fn a_key_that_is_sent_is_in_no_answer() {
    let (_upstream, router) = setup(&format!("ada:{KEY}")).await;
    let secret = "sk-client-secret-0123456789";
    for path in ["/v1/models", "/health", "/nothing", "/v1/models/x"] {
        let request = client().get(router.url(path)).bearer_auth(secret);
        let response = request.send().await.unwrap();
        let all = format!("{:?} {}", response.headers().clone(), response.text().await.unwrap());
        assert!(!all.contains(secret) && !all.contains(KEY), "{path}: {all}");
    }
}

/// What a provider answers can be anything; the answer to the client is an answer or an error.
#[tokio::test]
async fn a_provider_cannot_break_the_answer_apart() {
    let (upstream, router) = setup("").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [deep.as_str(), "{\"choices\":[", "\u{0}", "{\"choices\": 5}"] {
        for status in [200, 400, 500] {
            upstream.push("", [Fault::status(status).with_body(body)]);
            let response = router.ask("r", false).await;
            assert!(response.status().as_u16() >= 400, "{status}");
            let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert!(error["error"]["message"].is_string());
        }
    }
}

/// The list names tests that are there.
#[test]
fn the_list_of_guards_names_tests_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("../docs/security.md")).unwrap();
    let mut named = 0;
    for name in list.split('`').skip(1).step_by(2) {
        let Some((module, test)) = name.split_once("::") else { continue };
        let file = root.join(format!("tests/it/{module}.rs"));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}()")), "{name} is not there");
        named += 1;
    }
    assert!(named > 30, "{named}");
}
