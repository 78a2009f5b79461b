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

/// What is counted as taken once the router has left.
const LEFT: usize = usize::MAX;
/// Nothing here takes that long; it turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(50);

impl Torrent {
    async fn start() -> Self {
        Self::of(delta().repeat(200)).await
    }

    /// One that begins with a delta and goes on with this.
    async fn of(piece: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, taken) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(pour(stream, piece.clone(), count.clone()));
            }
        });
        Self { address, taken }
    }

    /// Waits until one that was asked is left alone.
    async fn is_left(&mut self) {
        let left = self.taken.wait_for(|taken| *taken == LEFT);
        let left = tokio::time::timeout(PATIENCE, left).await;
        assert!(left.is_ok_and(|it| it.is_ok()), "the provider is still asked");
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

fn delta() -> String {
    let delta = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(200)}}]});
    format!("data: {delta}\n\n")
}

async fn pour(mut stream: TcpStream, piece: String, count: watch::Sender<usize>) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(format!("{head}{}", delta()).as_bytes()).await.unwrap();
    while stream.write_all(piece.as_bytes()).await.is_ok() {
        count.send_modify(|taken| *taken += piece.len());
    }
    count.send_replace(LEFT);
}

/// Short enough for a test that waits for it, long enough for the first token.
fn soon_over() -> Value {
    json!({"timeouts": {"first_token_ms": 2000, "idle_ms": 2000, "total_ms": 2000}})
}

#[tokio::test]
async fn total_ends_a_stream_that_never_runs_dry() {
    // What is passed on, and what only keeps it awake.
    for piece in [delta().repeat(200), ": ping\n\n".repeat(5000)] {
        let mut torrent = Torrent::of(piece).await;
        let map = MapBuilder::new(torrent.address).role("flows", &["openai/m"], soon_over());
        let router = running::start(&map.bytes()).await;
        let mut response = router.ask("flows", true).await;
        let reads = async {
            let mut last = Vec::new();
            while let Some(chunk) = response.chunk().await.unwrap() {
                let before = last.len().saturating_sub(4096);
                last.drain(..before);
                last.extend_from_slice(&chunk);
            }
            String::from_utf8(last).unwrap()
        };
        let end = tokio::time::timeout(PATIENCE, reads).await.expect("it goes on past its total");
        assert!(end.trim_end().ends_with('}') && end.contains(r#""code":"timeout""#), "{end}");
        torrent.is_left().await;
    }
    let mut torrent = Torrent::of(": ping\n\n".repeat(5000)).await;
    let whole = json!({"commit": "complete", "timeouts": soon_over()["timeouts"]});
    let map = MapBuilder::new(torrent.address).role("whole", &["openai/m"], whole);
    let router = running::start(&map.bytes()).await;
    let response = tokio::time::timeout(PATIENCE, router.ask("whole", true)).await.unwrap();
    assert_eq!(response.status(), 504);
    torrent.is_left().await;
}

#[tokio::test]
async fn total_ends_a_stream_whose_client_does_not_read() {
    let mut torrent = Torrent::start().await;
    let map = MapBuilder::new(torrent.address).role("r", &["openai/m"], soon_over()).bytes();
    let router = running::start(&map).await;
    let mut client = begun(router.address).await;
    torrent.is_left().await;
    // When it reads on, it is told.
    let mut rest = Vec::new();
    while !rest.ends_with(b"\r\n0\r\n\r\n") {
        let reads = tokio::time::timeout(PATIENCE, client.read_buf(&mut rest)).await;
        assert!(reads.unwrap().unwrap() > 0, "cut off without a word");
    }
    let end = String::from_utf8_lossy(&rest[rest.len() - 600..]).into_owned();
    assert!(end.contains(r#""code":"timeout""#), "{end}");
}

/// The memory of a process in bytes.
fn resident(process: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn begun(address: std::net::SocketAddr) -> TcpStream {
    let body = question("r", true).to_string();
    let request =
        format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{body}", body.len());
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

#[tokio::test]
async fn a_client_that_pauses_is_not_taken_for_a_provider_that_is_silent() {
    let mut torrent = Torrent::start().await;
    let short = json!({"timeouts": {"idle_ms": 300}});
    let map = MapBuilder::new(torrent.address).role("r", &["openai/m"], short).bytes();
    let router = running::start(&map).await;
    let mut client = begun(router.address).await;
    // For longer than that nothing was asked of the provider.
    let taken = torrent.comes_to_rest().await;
    let mut read = vec![0; taken + (8 << 20)];
    let reads = tokio::time::timeout(PATIENCE, client.read_exact(&mut read)).await;
    reads.unwrap().expect("it goes on");
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
        let ended = tokio::time::timeout(Duration::from_secs(10), folder.ended).await;
        ended.expect("the server goes on").unwrap();
    }
    assert_eq!(upstream.ended(0).await, End::Answered);
}
