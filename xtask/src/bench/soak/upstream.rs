//! A provider that fails at random, or answers everything after a fixed time.
//!
//! Owns the sockets and the faults; it speaks OpenAI's protocol as far as the router needs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trouble::{Doing, Trouble};

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// Well most of the time; the number begins its chances.
    Faulty(u64),
    /// Well, and after so long.
    Steady(Duration),
}

/// Events of a stream and the time between two of them.
const EVENTS: u32 = 20;
const INTERVAL: Duration = Duration::from_millis(5);
/// Longer than the role waits.
const SILENCE: Duration = Duration::from_secs(2);

/// A running one; it ends with all its connections when it is dropped.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub(super) async fn start(manner: Manner) -> Result<Self, Trouble> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing("find a port")?;
        let address = listener.local_addr().doing("find a port")?;
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, manner, number));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }
}

/// Answers request after request until one ends the connection.
async fn serve(mut stream: TcpStream, manner: Manner, number: u64) {
    let mut random = match manner {
        Manner::Faulty(seed) => Rng::with_seed(seed ^ (number << 20)),
        Manner::Steady(_) => Rng::new(),
    };
    while let Some(request) = read(&mut stream).await {
        let goes_on = match manner {
            Manner::Steady(time) => {
                tokio::time::sleep(time).await;
                whole(&mut stream, 200, &answer(&marker(&request))).await
            }
            Manner::Faulty(_) => faulty(&mut stream, &request, &mut random).await,
        };
        if goes_on.is_none() {
            return;
        }
    }
}

/// The next request's body; none at the end.
async fn read(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
            });
            if body.len() >= length?.ok()? {
                return serde_json::from_str(body).ok();
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// What the client put into its message, which comes back in every part of the answer.
fn marker(request: &Value) -> String {
    request.pointer("/messages/0/content").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn answer(marker: &str) -> Value {
    json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": marker}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
}

/// None when the connection is over.
async fn faulty(stream: &mut TcpStream, request: &Value, random: &mut Rng) -> Option<()> {
    let marker = marker(request);
    let streams = request.get("stream").and_then(Value::as_bool).unwrap_or_default();
    match random.u32(0..100) {
        0..5 => whole(stream, 500, &json!({"error": {"message": "as planned"}})).await,
        5..8 => whole(stream, 503, &json!({"error": {"message": "as planned"}})).await,
        8..10 => whole(stream, 429, &json!({"error": {"message": "as planned"}})).await,
        10..14 => None,
        14..16 => send(stream, "this is no HTTP\r\n\r\n").await.and(None),
        16..18 => {
            tokio::time::sleep(SILENCE).await;
            None
        }
        18..20 => whole(stream, 200, &json!({"choices": []})).await,
        20..24 if streams => {
            let cut = random.u32(1..EVENTS);
            streamed(stream, &marker, cut).await.and(None)
        }
        20..24 => {
            let half =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{";
            send(stream, half).await.and(None)
        }
        _ if streams => streamed(stream, &marker, EVENTS).await,
        _ => whole(stream, 200, &answer(&marker)).await,
    }
}

async fn send(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).await.ok()
}

async fn whole(stream: &mut TcpStream, status: u16, body: &Value) -> Option<()> {
    let body = body.to_string();
    let length = body.len();
    let kind = "content-type: application/json";
    send(
        stream,
        &format!("HTTP/1.1 {status} X\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
    .await
}

/// So many of its events; the end comes with all of them alone.
async fn streamed(stream: &mut TcpStream, marker: &str, events: u32) -> Option<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    send(stream, head).await?;
    let chunk = |delta: Value, finish: Value| {
        let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        let event = format!("data: {event}\n\n");
        format!("{:x}\r\n{event}\r\n", event.len())
    };
    for _ in 0..events {
        send(stream, &chunk(json!({"content": marker}), Value::Null)).await?;
        tokio::time::sleep(INTERVAL).await;
    }
    if events < EVENTS {
        return Some(());
    }
    let end = "data: [DONE]\n\n";
    let last = chunk(json!({}), "stop".into());
    send(stream, &format!("{last}{:x}\r\n{end}\r\n0\r\n\r\n", end.len())).await
}
