//! The client of the measurements: kept-alive connections, whole answers and streams.
//!
//! Every answer is checked to be complete, so that no figure is of broken ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::wire::TOKEN;
use crate::trouble::{Doing, Trouble};

/// What is asked for, and of whom.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) path: String,
    pub(super) body: Bytes,
    /// What the last bytes of a stream hold when it is complete.
    pub(super) end_mark: &'static str,
}

/// A kept-alive connection.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(target: &Target) -> Result<Self, Trouble> {
        let doing = || format!("connect to {}", target.address);
        let stream = TcpStream::connect(target.address).await.doing(doing())?;
        stream.set_nodelay(true).doing(doing())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.doing(doing())?;
        tokio::spawn(connection);
        Ok(Self { sender, target: target.clone() })
    }

    /// Asks for a whole answer; the time until its last byte.
    pub(super) async fn whole(&mut self) -> Result<Duration, Trouble> {
        let start = Instant::now();
        let response = self.ask().await?;
        let body = response.into_body().collect().await.doing("read an answer")?.to_bytes();
        let took = start.elapsed();
        if count_token(&body) == 0 {
            return Err(Trouble::new("read an answer", String::from_utf8_lossy(&body)));
        }
        Ok(took)
    }

    /// Asks for a stream and reads it to its end; the time until its first token.
    pub(super) async fn first_token(&mut self) -> Result<Duration, Trouble> {
        let start = Instant::now();
        let mut stream = Stream::new(self.ask().await?);
        stream.first_token().await?;
        let took = start.elapsed();
        stream.rest(self.target.end_mark).await?;
        Ok(took)
    }

    /// Asks for a stream.
    pub(super) async fn stream(&mut self) -> Result<Stream, Trouble> {
        Ok(Stream::new(self.ask().await?))
    }

    async fn ask(&mut self) -> Result<Response<Incoming>, Trouble> {
        let doing = || format!("ask {}{}", self.target.address, self.target.path);
        let request = Request::post(&self.target.path)
            .header(header::HOST, self.target.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(self.target.body.clone()))
            .doing(doing())?;
        self.sender.ready().await.doing(doing())?;
        let response = self.sender.send_request(request).await.doing(doing())?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await.doing(doing())?.to_bytes();
        Err(Trouble::new(doing(), format!("{status}: {}", String::from_utf8_lossy(&body))))
    }
}

/// A streamed answer that is being read.
pub(super) struct Stream {
    body: Incoming,
    /// Content events seen.
    events: u64,
    /// The last bytes, which may hold the beginning of a token or the end mark.
    tail: Vec<u8>,
}

impl Stream {
    fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), events: 0, tail: Vec::with_capacity(512) }
    }

    /// Reads until the first token.
    pub(super) async fn first_token(&mut self) -> Result<(), Trouble> {
        while self.events == 0 {
            if !self.more().await? {
                return Err(Trouble::new("read a stream", "it ended before its first token"));
            }
        }
        Ok(())
    }

    /// Reads to the end; the number of content events of the whole stream.
    pub(super) async fn rest(mut self, end_mark: &str) -> Result<u64, Trouble> {
        while self.more().await? {}
        let tail = String::from_utf8_lossy(&self.tail);
        if tail.contains(end_mark) {
            return Ok(self.events);
        }
        Err(Trouble::new("read a stream to its end", format!("it ends in {tail}")))
    }

    async fn more(&mut self) -> Result<bool, Trouble> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        let Ok(data) = frame.doing("read a stream")?.into_data() else { return Ok(true) };
        let before = count_token(&self.tail);
        self.tail.extend_from_slice(&data);
        self.events += count_token(&self.tail) - before;
        // Enough for the end mark with what may follow it.
        let excess = self.tail.len().saturating_sub(256);
        self.tail.drain(..excess);
        Ok(true)
    }
}

fn count_token(bytes: &[u8]) -> u64 {
    let token = TOKEN.as_bytes();
    let found = bytes.windows(token.len()).filter(|window| *window == token).count();
    u64::try_from(found).unwrap_or(u64::MAX)
}

/// Asks `requests` times for a whole answer, over `connections` at once.
pub(super) async fn requests(
    target: &Target,
    connections: u32,
    requests: u32,
) -> Result<(), Trouble> {
    let left = Arc::new(AtomicU32::new(requests));
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (left, target) = (Arc::clone(&left), target.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(&target).await?;
                let take = |left: u32| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    connection.whole().await?;
                }
                Ok::<_, Trouble>(())
            })
        })
        .collect();
    for worker in workers {
        worker.await.doing("run a client")??;
    }
    Ok(())
}

/// Reads `count` streams at once to their ends, begun evenly over `spread`; the number of content
/// events of all.
pub(super) async fn streams(target: &Target, count: u32, spread: Duration) -> Result<u64, Trouble> {
    let events = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..count)
        .map(|place| {
            let (events, target) = (Arc::clone(&events), target.clone());
            tokio::spawn(async move {
                tokio::time::sleep(spread * place / count).await;
                let stream = Connection::open(&target).await?.stream().await?;
                events.fetch_add(stream.rest(target.end_mark).await?, Ordering::Relaxed);
                Ok::<_, Trouble>(())
            })
        })
        .collect();
    for reader in readers {
        reader.await.doing("run a client")??;
    }
    Ok(events.load(Ordering::Relaxed))
}

/// Opens `count` streams, each past its first token, and keeps them open.
pub(super) async fn open_streams(
    target: &Target,
    count: u32,
) -> Result<Vec<(Connection, Stream)>, Trouble> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(target).await?;
        let mut stream = connection.stream().await?;
        stream.first_token().await?;
        open.push((connection, stream));
    }
    Ok(open)
}
