//! One Lambda instance over time: when its chunks leave, and what many invocations leave behind.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::freezer::Freezer;
use crate::lambda::{KEY, url_event};
use crate::running::{MapBuilder, question};
use crate::runtime_api::Function;
use crate::stored;

const CHAT: &str = "/v1/chat/completions";
const CHUNKS: usize = 40;
/// Between two chunks: longer than what is measured takes, so that each is alone.
const PACE: Duration = Duration::from_millis(10);
/// Half of what Nagle's algorithm adds. The aim of 2 ms is the benchmark's to hold: here other
/// tests run beside this one.
const STALL: Duration = Duration::from_millis(20);

/// Streams one answer in chunks at a pace, and returns when each was sent.
async fn paced(listener: &TcpListener) -> Vec<Instant> {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    read_request(&mut stream).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(PACE);
    let mut sent = Vec::new();
    for number in 0..CHUNKS {
        pace.tick().await;
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
            "model": "m", "choices": [{"index": 0, "delta": {"content": format!("<{number}>")},
            "finish_reason": null}]});
        sent.push(Instant::now());
        stream.write_all(format!("data: {chunk}\n\n").as_bytes()).await.unwrap();
    }
    let end = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    stream.write_all(end.as_bytes()).await.unwrap();
    sent
}

/// The head and the body, which says its length.
async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    loop {
        stream.read_buf(&mut seen).await.unwrap();
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return;
        }
    }
}

#[tokio::test]
async fn each_chunk_leaves_when_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let map = MapBuilder::new(listener.local_addr().unwrap());
    let (_folder, function) = deployed(map).await;
    let (mut added, mut firsts) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let event = url_event("POST", CHAT, &question("gpt", true).to_string());
        let client = async {
            let mut posted = function.invoke(event).await;
            let (_, mut stream) = posted.prelude().await;
            let mut came = Vec::new();
            let mut text = String::new();
            while let Some((piece, at)) = stream.piece().await {
                text.push_str(std::str::from_utf8(&piece).unwrap());
                while text.contains(&format!("<{}>", came.len())) {
                    came.push(at);
                }
            }
            came
        };
        let (sent, came) = tokio::join!(paced(&listener), client);
        assert_eq!(came.len(), CHUNKS);
        firsts.push(came[0] - sent[0]);
        added.extend(came.iter().zip(&sent).map(|(came, sent)| *came - *sent));
    }
    added.sort();
    firsts.sort();
    let (all, first) = (added[added.len() / 2], firsts[firsts.len() / 2]);
    println!("median added to a chunk {all:?}, to the first one {first:?}");
    // A stall meets them all, a busy machine only some: the quicker quarter tells the two apart.
    // Where it shows is the first chunk, which follows the prelude.
    assert!(added[added.len() / 4] < STALL, "{added:?}");
    assert!(firsts[firsts.len() / 4] < STALL, "{firsts:?}");
}

async fn deployed(map: MapBuilder) -> (tempfile::TempDir, Function) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model_map.json");
    std::fs::write(&path, map.role("gpt", &["openai/m"], json!({})).bytes()).unwrap();
    let keys = format!("ada:{KEY}");
    let function = Function::start(&path, &[("SFAI_CLIENT_KEYS", &keys)]).await;
    (folder, function)
}

#[tokio::test]
async fn a_thousand_invocations_with_a_freeze_after_each_leave_nothing_behind() {
    let deployed = stored::deploy().await;
    let function = &deployed.function;
    let mut freezer = Freezer::of(function.process());
    let mut measured = Vec::new();
    for number in 0..1000 {
        freezer.thaw().await;
        if number % 10 == 9 {
            stored::leave(&deployed).await;
            function.idle().await;
            freezer.freeze().await;
        } else {
            let mut posted = function.invoke(url_event("POST", CHAT, &stored::ask(true))).await;
            let (prelude, stream) = posted.prelude().await;
            assert_eq!(prelude["statusCode"], 200);
            let text = stream.rest().await;
            // Before the function knows that its reply was taken.
            freezer.freeze().await;
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        }
        if number >= 100 && number % 100 == 99 {
            measured.push((freezer.resident(), freezer.descriptors()));
        }
    }
    freezer.thaw().await;
    println!("resident kB and descriptors: {measured:?}");
    assert_eq!(stored::records(&deployed.aws).len(), 1000);
    let (first, last) = (measured[0], measured[measured.len() - 1]);
    assert!(last.1 <= first.1 + 1, "descriptors: {measured:?}");
    assert!(last.0 <= first.0 + 1024, "memory: {measured:?}");
}
