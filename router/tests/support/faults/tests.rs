//! The fault upstream against a plain socket: each fault is what it says.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

fn request(path: &str, stream: bool) -> String {
    let body = format!(
        r#"{{"model":"m","stream":{stream},"max_tokens":99,"messages":[{{"role":"user","content":"Hi"}}]}}"#
    );
    format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer k\r\nanthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn ask(upstream: &Upstream, path: &str, stream: bool) -> TcpStream {
    let mut client = TcpStream::connect(upstream.address).await.unwrap();
    client.write_all(request(path, stream).as_bytes()).await.unwrap();
    client
}

/// What came until the server ended the connection, and whether it was reset.
async fn drain(mut client: TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let reset = match client.read_to_end(&mut bytes).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            true
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), reset)
}

const OPENAI: &str = "/openai/v1/chat/completions";
const ANTHROPIC: &str = "/anthropic/v1/messages";

async fn seen(fault: Fault, path: &str, stream: bool) -> (String, bool) {
    let upstream = Upstream::start().await;
    upstream.push("", [fault]);
    let mut client = ask(&upstream, path, stream).await;
    // No further request comes: the server closes when it has answered this one.
    client.shutdown().await.unwrap();
    drain(client).await
}

#[tokio::test]
async fn breaks_come_where_they_are_asked_for() {
    for (path, first) in [(OPENAI, "\"role\":\"assistant\""), (ANTHROPIC, "message_start")] {
        let (text, reset) = seen(Fault::Reset(At::BeforeHeaders), path, true).await;
        assert_eq!((text.as_str(), reset), ("", true));
        let (text, reset) = seen(Fault::Cut(At::AfterHeaders), path, true).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n") && !reset, "{text}");
        let (text, _) = seen(Fault::Cut(At::BeforeFirstToken), path, true).await;
        assert!(text.contains(first) && !text.contains("This "), "{text}");
        let (text, _) = seen(Fault::Cut(At::AfterFirstToken), path, true).await;
        assert!(text.contains("This ") && !text.contains("demo "), "{text}");
        let (text, _) = seen(Fault::Cut(At::AfterLastToken), path, true).await;
        assert!(text.contains("prompt."), "{text}");
        let ends = ["content_block_stop", "\"finish_reason\":\"stop\"", "[DONE]"];
        assert!(!ends.iter().any(|end| text.contains(end)), "{text}");
    }
}

#[tokio::test]
async fn contents_are_wrong_as_asked_for() {
    for (path, mark, finish) in
        [(OPENAI, "[DONE]", "\"finish_reason\":\"stop\""), (ANTHROPIC, "message_stop", "end_turn")]
    {
        for (missing, has_mark, has_finish) in [
            (Missing::Mark, false, true),
            (Missing::Finish, true, false),
            (Missing::Both, false, false),
        ] {
            let (text, _) = seen(Fault::Missing(missing), path, true).await;
            assert_eq!(
                (text.contains(mark), text.contains(finish)),
                (has_mark, has_finish),
                "{text}"
            );
            assert!(text.contains("\r\n0\r\n\r\n"), "the body is complete: {text}");
        }
        let (text, _) = seen(Fault::ErrorEvent(At::AfterFirstToken), path, true).await;
        assert!(
            text.contains("This ") && text.contains("\"error\":{") && !text.contains(mark),
            "{text}"
        );
        let (text, _) = seen(Fault::Malformed(At::AfterFirstToken), path, true).await;
        assert!(text.contains("{\"delta\"\n\n") && text.contains(mark), "{text}");
        let (text, _) = seen(Fault::Empty, path, true).await;
        assert!(!text.contains("This ") && text.contains(mark), "{text}");
        let (text, _) = seen(Fault::Empty, path, false).await;
        assert!(!text.contains("This ") && text.starts_with("HTTP/1.1 200"), "{text}");
        let (text, _) = seen(Fault::retry_after("3"), path, true).await;
        assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("retry-after: 3\r\n"), "{text}");
        let (text, _) = seen(Fault::recorded_bytewise(b"data: x\n\n"), path, true).await;
        assert!(text.contains("\r\n1\r\nd\r\n1\r\na\r\n"), "{text}");
    }
}

#[tokio::test]
async fn it_tells_what_arrived_and_who_left() {
    let upstream = Upstream::start().await;
    upstream.push("m", [Fault::Hang(At::AfterFirstToken)]);
    let mut client = ask(&upstream, ANTHROPIC, true).await;
    let arrivals = upstream.arrived(1).await;
    assert_eq!((arrivals[0].path.as_str(), arrivals[0].model().as_str()), (ANTHROPIC, "m"));
    assert_eq!(arrivals[0].header("authorization"), Some("Bearer k"));
    let _ = client.read(&mut [0; 64]).await.unwrap();
    drop(client);
    assert_eq!(upstream.ended(0).await, End::ClientLeft);
}

#[tokio::test]
async fn gates_hold_and_pauses_pass() {
    let upstream = Upstream::start().await;
    let gate = Gate::default();
    let pause = Fault::Pause(At::BeforeHeaders, Duration::from_millis(1));
    upstream.push("/anthropic/", [Fault::Hold(At::AfterHeaders, gate.clone())]);
    upstream.always("", pause);
    let held = ask(&upstream, ANTHROPIC, false).await;
    upstream.arrived(1).await;
    let passed = ask(&upstream, OPENAI, false).await;
    assert_eq!(upstream.ended(1).await, End::Answered);
    assert_eq!(upstream.arrivals()[0].end, None);
    gate.open();
    assert_eq!(upstream.ended(0).await, End::Answered);
    drop((held, passed));
}

#[tokio::test]
async fn faults_are_named_in_paths() {
    let upstream = Upstream::start().await;
    upstream.play_named();
    let path = |name: &str| format!("/{name}/openai/chat/completions");
    for (name, expected) in [
        ("fail-418", "HTTP/1.1 418 "),
        ("limit-7", "retry-after: 7"),
        ("hello", "HTTP/1.1 200 "),
        ("fail-500-once", "HTTP/1.1 500 "),
        ("fail-500-once", "HTTP/1.1 200 "),
        ("error-event-after-first-token", "server_error"),
        ("cut-sideways", "[DONE]"),
    ] {
        let mut client = ask(&upstream, &path(name), true).await;
        client.shutdown().await.unwrap();
        let (text, _) = drain(client).await;
        assert!(text.contains(expected), "{name}: {text}");
    }
    let (text, reset) = drain(ask(&upstream, &path("reset-before-headers"), true).await).await;
    assert_eq!((text.as_str(), reset), ("", true));
}
