//! Slow clients, too many of them, and the end of the server.

use std::time::Duration;

use serde_json::{Value, json};
use sfai_router::load::Load;
use sfai_router::server::Patience;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::faults::{At, End, Fault, Gate, Upstream};
use crate::process::RouterProcess;
use crate::running::{self, MapBuilder, client, question};

/// An upstream that streams as fast as it can, without end, and counts what was taken of it.
struct Torrent {
    address: std::net::SocketAddr,
    taken: watch::Receiver<usize>,
}

impl Torrent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, taken) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(pour(stream, count.clone()));
            }
        });
        Self { address, taken }
    }

    /// Waits until nothing more is taken, and says how much was.
    async fn comes_to_rest(&mut self) -> usize {
        loop {
            let quiet = tokio::time::timeout(Duration::from_millis(700), self.taken.changed());
            if quiet.await.is_err() {
                return *self.taken.borrow();
            }
        }
    }
}

async fn pour(mut stream: TcpStream, count: watch::Sender<usize>) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let delta = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(200)}}]});
    let piece = format!("data: {delta}\n\n").repeat(200);
    while stream.write_all(piece.as_bytes()).await.is_ok() {
        count.send_modify(|taken| *taken += piece.len());
    }
}

/// The memory of a process in bytes.
fn resident(process: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn begun(address: std::net::SocketAddr) -> TcpStream {
    let body = question("r", true).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 64];
    stream.read_exact(&mut start).await.unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&start));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stops_its_provider_and_takes_little_memory() {
    const CLIENTS: usize = 20;
    let mut torrent = Torrent::start().await;
    let map = MapBuilder::new(torrent.address).role("r", &["openai/m"], json!({})).bytes();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.json");
    std::fs::write(&file, map).unwrap();
    let router = RouterProcess::start(&["--map", file.to_str().unwrap()], &[]).await;
    // What the first request needs is not a client's.
    drop(begun(router.address).await);
    torrent.comes_to_rest().await;
    let before = (resident(router.id()), *torrent.taken.borrow());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(begun(router.address).await);
    }
    let taken = torrent.comes_to_rest().await - before.1;
    let grown = resident(router.id()).saturating_sub(before.0);
    println!(
        "{CLIENTS} clients that do not read: {} KiB taken and {} KiB of memory each",
        taken / CLIENTS / 1024,
        grown / CLIENTS / 1024
    );
    // The kernel's buffers of both connections hold most of what was taken.
    assert!(taken / CLIENTS < 24 << 20, "{taken}");
    assert!(grown / CLIENTS < 1 << 20, "{grown}");
    drop(clients);
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_long_is_cut_off() {
    let mut torrent = Torrent::start().await;
    let map = MapBuilder::new(torrent.address).role("r", &["openai/m"], json!({}));
    let patience = Patience { stalled: Duration::from_millis(300), ..Patience::default() };
    let (_stop, address) = running::start_patiently(&map.bytes(), patience, Load::new(1)).await;
    let held = begun(address).await;
    torrent.comes_to_rest().await;
    // Its place is free again.
    drop(begun_within(address, Duration::from_secs(20)).await);
    drop(held);
}

/// Asks until there is a place.
async fn begun_within(address: std::net::SocketAddr, limit: Duration) -> TcpStream {
    let asking = async {
        loop {
            let body = question("r", true).to_string();
            let request = client().post(format!("http://{address}/")).body(body);
            if request.send().await.unwrap().status() == 200 {
                return TcpStream::connect(address).await.unwrap();
            }
        }
    };
    tokio::time::timeout(limit, asking).await.expect("no place became free")
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let upstream = Upstream::start().await;
    let gate = Gate::default();
    upstream.always("", Fault::Hold(At::BeforeHeaders, gate.clone()));
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let (_stop, address) =
        running::start_patiently(&map.bytes(), Patience::default(), Load::new(2)).await;
    let url = format!("http://{address}/v1/chat/completions");
    let ask = || client().post(&url).body(question("r", false).to_string()).send();
    let held = [tokio::spawn(ask()), tokio::spawn(ask())];
    upstream.arrived(2).await;
    // Anthropic's clients know an overload by another number.
    let paths = [("/v1/chat/completions", 503), ("/v1/messages", 529), ("/v1/models", 503)];
    for (path, status) in paths {
        let request = client().post(format!("http://{address}{path}"));
        let refused = request.body(question("r", false).to_string()).send().await.unwrap();
        assert_eq!(refused.status(), status, "{path}");
        assert_eq!(refused.headers()["retry-after"], "1");
        assert!(refused.headers().contains_key("x-request-id"));
        let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("2 requests open"), "{message}");
    }
    let health = client().get(format!("http://{address}/health")).send().await.unwrap();
    assert_eq!(health.status(), 200, "it is asked when all is full");
    let health: Value = serde_json::from_str(&health.text().await.unwrap()).unwrap();
    assert_eq!(health["requests"]["open"], 2);
    assert_eq!(health["requests"]["limit"], 2);
    assert_eq!(health["requests"]["shed"].as_u64(), Some(4), "the look at /health among them");
    gate.open();
    for held in held {
        assert_eq!(held.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(ask().await.unwrap().status(), 200, "the places are free again");
}

#[tokio::test]
async fn a_stream_takes_longer_than_a_connection_may_be_idle() {
    let upstream = Upstream::start().await;
    let gate = Gate::default();
    upstream.push("", [Fault::Hold(At::AfterFirstToken, gate.clone())]);
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let short = Duration::from_millis(50);
    let patience = Patience { idle: short, headers: short, ..Patience::default() };
    let (_stop, address) = running::start_patiently(&map.bytes(), patience, Load::new(9)).await;
    let request = client().post(format!("http://{address}/"));
    let mut response = request.body(question("r", true).to_string()).send().await.unwrap();
    let mut text = response.chunk().await.unwrap().unwrap().to_vec();
    // Time for what would end it.
    tokio::time::sleep(8 * short).await;
    gate.open();
    while let Some(piece) = response.chunk().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    assert!(String::from_utf8(text).unwrap().contains("[DONE]"));
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_is_told_to_come_back() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let load = Load::new(10).with_bodies(1 << 20);
    let (_stop, address) = running::start_patiently(&map.bytes(), Patience::default(), load).await;
    let ask = async |length: usize| {
        let mut body = question("r", false);
        body["messages"][0]["content"] = "x".repeat(length).into();
        let request = client().post(format!("http://{address}/")).body(body.to_string());
        request.send().await.unwrap()
    };
    for _ in 0..3 {
        let refused = ask(2 << 20).await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        let error: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "router_overloaded");
        // What it took is free again, and what is read no longer counts.
        assert_eq!(ask(900 << 10).await.status(), 200);
    }
}

#[tokio::test]
async fn an_open_stream_ends_within_the_grace_period_and_no_longer() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    let gate = Gate::default();
    for (fault, opens, whole) in [
        (Fault::Hold(At::AfterFirstToken, gate.clone()), true, true),
        (Fault::Hang(At::AfterFirstToken), false, false),
    ] {
        upstream.push("", [fault]);
        let grace = Duration::from_millis(if whole { 20_000 } else { 200 });
        let patience = Patience { grace, ..Patience::default() };
        let folder = running::served(&map.bytes(), patience).await;
        let url = format!("http://{}/", folder.address);
        let request = client().post(&url).body(question("r", true).to_string());
        let mut response = request.send().await.unwrap();
        response.chunk().await.unwrap().unwrap();
        drop(folder.stop);
        // Nobody new is let in.
        while TcpStream::connect(folder.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        if opens {
            gate.open();
        }
        let mut text = Vec::new();
        if whole {
            while let Some(piece) = response.chunk().await.unwrap() {
                text.extend_from_slice(&piece);
            }
            assert!(String::from_utf8(text).unwrap().contains("[DONE]"));
        }
        if !whole {
            let mut text = String::new();
            while let Some(piece) = response.chunk().await.expect("it breaks without a word") {
                text.push_str(std::str::from_utf8(&piece).unwrap());
            }
            assert!(text.contains("the router was stopped") && !text.contains("[DONE]"), "{text}");
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), folder.ended).await;
        ended.expect("the server goes on").unwrap();
    }
    assert_eq!(upstream.ended(0).await, End::Answered);
}

#[tokio::test]
async fn a_request_without_an_answer_at_the_end_of_the_grace_period_is_told_so() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    upstream.push("", [Fault::Hang(At::BeforeHeaders)]);
    let patience = Patience { grace: Duration::from_millis(200), ..Patience::default() };
    let served = running::served(&map.bytes(), patience).await;
    let request = client().post(format!("http://{}/", served.address));
    let asked = tokio::spawn(request.body(question("r", true).to_string()).send());
    upstream.arrived(1).await;
    drop(served.stop);
    let response = asked.await.unwrap().unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("x-request-id"));
    assert!(response.text().await.unwrap().contains("stopped"));
    served.ended.await.unwrap();
    assert_eq!(upstream.ended(0).await, End::ClientLeft);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({})).bytes();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.json");
    std::fs::write(&file, map).unwrap();
    let mut router = RouterProcess::start(&["--map", file.to_str().unwrap()], &[]).await;
    upstream.push("", [Fault::Hang(At::AfterFirstToken)]);
    let held = begun(router.address).await;
    router.signal().await;
    router.says("stops: ").await;
    // Sooner than the grace period of 30 s.
    let ended = tokio::time::timeout(Duration::from_secs(20), router.terminate()).await;
    assert!(ended.expect("it goes on").contains("ends at once"));
    drop(held);
}
