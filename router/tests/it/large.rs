//! What is larger than Lambda carries, through the real binary: it ends in a way that its client can
//! tell from a whole answer, and takes no more memory than a small one.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::faults::Upstream;
use crate::freezer::Freezer;
use crate::lambda::{KEY, api_event, url_event};
use crate::running::{MapBuilder, question};
use crate::runtime_api::Function;

const CHAT: &str = "/v1/chat/completions";
/// What Lambda carries of a stream.
const STREAM: usize = 200_000_000;
/// What it takes of a request, and of a buffered answer.
const DOCUMENT: usize = 6 * 1024 * 1024;
/// In kB, what 200 MB may add to a process that was asked once before: a small part of them. On a busy
/// machine more pieces are on their way at once, and each thread keeps some pages for the next.
const GROWTH: u64 = 24 * 1024;

async fn deploy(upstream: std::net::SocketAddr) -> (tempfile::TempDir, Function) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model_map.json");
    let map = MapBuilder::new(upstream).role("gpt", &["openai/m"], json!({}));
    std::fs::write(&path, map.bytes()).unwrap();
    let keys = format!("ada:{KEY}");
    let function = Function::start(&path, &[("SFAI_CLIENT_KEYS", &keys)]).await;
    (folder, function)
}

/// Answers each request with `head`, and then with `piece` as often as is said, or until its client
/// is gone. Returns how often that was.
fn repeating(
    listener: TcpListener,
    head: String,
    piece: String,
    times: Vec<usize>,
) -> JoinHandle<Vec<usize>> {
    tokio::spawn(async move {
        let mut sent = Vec::new();
        for times in times {
            let (mut stream, _) = listener.accept().await.unwrap();
            // What is asked is short: it comes at once.
            let _ = stream.read(&mut [0; 64 * 1024]).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut count = 0;
            while count < times && stream.write_all(piece.as_bytes()).await.is_ok() {
                count += 1;
            }
            sent.push(count);
        }
        sent
    })
}

#[tokio::test]
async fn a_stream_of_more_than_200_mb_ends_in_an_error_and_is_held_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, function) = deploy(listener.local_addr().unwrap()).await;
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": "a".repeat(32 * 1024)}, "finish_reason": null}]});
    let event = format!("data: {chunk}\n\n");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let endless = 2 * STREAM / event.len();
    let sent = repeating(listener, head.into(), event.clone(), vec![100, endless]);
    let freezer = Freezer::of(function.process());
    let mut before = 0;
    let (mut length, mut last) = (0, Vec::new());
    for _ in 0..2 {
        before = freezer.resident();
        (length, last) = (0, Vec::new());
        let posted = function.invoke(url_event("POST", CHAT, &question("gpt", true).to_string()));
        let mut posted = posted.await;
        let (prelude, mut stream) = posted.prelude().await;
        assert_eq!(prelude["statusCode"], 200);
        while let Some((piece, _)) = stream.piece().await {
            length += piece.len();
            last.extend_from_slice(&piece);
            let keep = last.len().saturating_sub(1024);
            last.drain(..keep);
        }
    }
    let after = freezer.resident();
    println!("{length} bytes came; resident kB before {before}, after {after}");
    assert!((STREAM - 1_000_000..STREAM).contains(&length), "{length} bytes");
    let last = String::from_utf8(last).unwrap();
    assert!(!last.contains("[DONE]"), "{last}");
    let error = last.rsplit_once("\n\ndata: ").unwrap().1;
    let error: Value = serde_json::from_str(error.trim_end()).unwrap();
    assert_eq!(error["error"]["code"], "response_too_large");
    assert!(after < before + GROWTH, "{before} kB before, {after} kB after");
    // Nobody pays for tokens that nobody gets.
    let sent = sent.await.unwrap()[1];
    assert!(sent < endless, "the provider was read to its end");
}

#[tokio::test]
async fn a_buffered_answer_of_more_than_6_mb_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, function) = deploy(listener.local_addr().unwrap()).await;
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a".repeat(DOCUMENT)},
        "finish_reason": "stop"}]})
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let sent = repeating(listener, head, answer, vec![1]);
    let posted = function.invoke(api_event("POST", CHAT, &question("gpt", false).to_string()));
    let reply = posted.await.buffered().await;
    assert_eq!(reply["statusCode"], 502);
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["error"]["code"], "response_too_large");
    assert_eq!(sent.await.unwrap(), [1]);
}

#[tokio::test]
async fn a_request_of_nearly_6_mb_is_served() {
    let upstream = Upstream::start().await;
    let (_folder, function) = deploy(upstream.address).await;
    let mut question = question("gpt", true);
    question["messages"][0]["content"] = "a".repeat(DOCUMENT - 4096).into();
    let mut posted = function.invoke(url_event("POST", CHAT, &question.to_string())).await;
    let (prelude, stream) = posted.prelude().await;
    assert_eq!(prelude["statusCode"], 200);
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
    assert!(upstream.arrivals()[0].body.len() > DOCUMENT - 4096);
}
