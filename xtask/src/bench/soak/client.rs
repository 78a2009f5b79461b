//! A client that checks what it gets, and leaves at random.
//!
//! Owns the judgement of an answer: a whole one, one that says that it broke, a clear refusal, or
//! something that must not be.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::trouble::{Doing, Trouble};

/// As many examples of what must not be are kept.
const EXAMPLES: usize = 5;

/// How requests ended.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// With a whole answer.
    pub(super) answered: u32,
    /// With one that broke off and says so.
    pub(super) broken: u32,
    /// With a clear error.
    pub(super) refused: u32,
    /// As the client left.
    pub(super) left: u32,
    /// As they must not, with examples.
    pub(super) wrong_count: u32,
    pub(super) wrong: Vec<String>,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.broken += other.broken;
        self.refused += other.refused;
        self.left += other.left;
        self.wrong_count += other.wrong_count;
        self.wrong.extend(other.wrong);
        self.wrong.truncate(EXAMPLES);
    }

    pub(super) fn sum(&self) -> u32 {
        self.answered + self.broken + self.refused + self.left + self.wrong_count
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, broken, refused, left, wrong_count, .. } = self;
        write!(
            to,
            "{answered} answered, {broken} broke off and said so, {refused} refused, {left} left by the client, {wrong_count} wrong"
        )
    }
}

/// When a client leaves.
enum Leaves {
    Never,
    After(Duration),
    WithFirstPart,
}

/// One client, with a connection that it keeps where it can.
pub(super) struct Worker {
    address: SocketAddr,
    random: Rng,
    connection: Option<Connection>,
    pub(super) counts: Counts,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<Result<(), hyper::Error>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Trouble> {
        let doing = "connect to the router";
        let stream = TcpStream::connect(address).await.doing(doing)?;
        stream.set_nodelay(true).doing(doing)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.doing(doing)?;
        Ok(Self { sender, task: tokio::spawn(connection) })
    }
}

impl Worker {
    pub(super) fn new(address: SocketAddr, seed: u64) -> Self {
        let (random, connection, counts) = (Rng::with_seed(seed), None, Counts::default());
        Self { address, random, connection, counts }
    }

    /// Makes one request and counts how it ended.
    pub(super) async fn ask(&mut self, number: u32, stream: bool) {
        let leaves = match self.random.u32(0..100) {
            0..4 => Leaves::After(Duration::from_micros(self.random.u64(0..5_000))),
            4..8 if stream => Leaves::WithFirstPart,
            _ => Leaves::Never,
        };
        let marker = format!("marker {number} of the soak");
        let asked = self.exchange(&marker, stream, &leaves);
        let outcome = match leaves {
            Leaves::After(time) => {
                tokio::time::timeout(time, asked).await.unwrap_or(Ok(Ended::Left))
            }
            _ => asked.await,
        };
        match outcome {
            Ok(Ended::Answered) => self.counts.answered += 1,
            Ok(Ended::Broken) => self.counts.broken += 1,
            Ok(Ended::Refused) => self.counts.refused += 1,
            Ok(Ended::Left) => {
                self.counts.left += 1;
                self.connection = None;
            }
            Err(trouble) => {
                self.connection = None;
                self.counts.wrong_count += 1;
                if self.counts.wrong.len() < EXAMPLES {
                    self.counts.wrong.push(format!("request {number}: {trouble}"));
                }
            }
        }
    }

    async fn exchange(
        &mut self,
        marker: &str,
        stream: bool,
        leaves: &Leaves,
    ) -> Result<Ended, Trouble> {
        let response = self.send(marker, stream).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.doing("read an answer")?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if matches!(leaves, Leaves::WithFirstPart) {
                return Ok(Ended::Left);
            }
        }
        judge(status, &String::from_utf8_lossy(&bytes), marker, stream)
    }

    async fn send(&mut self, marker: &str, stream: bool) -> Result<Response<Incoming>, Trouble> {
        let body = json!({"model": "r", "stream": stream, "max_tokens": 50,
            "messages": [{"role": "user", "content": marker}]});
        // A connection that the router has closed meanwhile is as good as none.
        let usable = self.connection.take().filter(|held| !held.sender.is_closed());
        let held = match usable {
            Some(held) => held,
            None => Connection::open(self.address).await?,
        };
        let held = self.connection.insert(held);
        held.sender.ready().await.doing("use a connection")?;
        let request = Request::post("/v1/chat/completions")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .doing("make a request")?;
        held.sender.send_request(request).await.doing("ask the router")
    }
}

enum Ended {
    Answered,
    Broken,
    Refused,
    Left,
}

fn judge(status: StatusCode, body: &str, marker: &str, stream: bool) -> Result<Ended, Trouble> {
    let shown: String = body.chars().take(300).collect();
    let wrong = || Trouble::new("take an answer", format!("{status}: {shown}"));
    if !status.is_success() {
        let error: Value = serde_json::from_str(body).map_err(|_| wrong())?;
        let clear = error.pointer("/error/message").is_some_and(Value::is_string);
        let known = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        return if clear && known { Ok(Ended::Refused) } else { Err(wrong()) };
    }
    let foreign = body.matches("marker ").count() != body.matches(marker).count();
    let (ended, broke) = (body.contains("[DONE]"), body.contains("\"error\":"));
    match (stream, body.contains(marker) && !foreign) {
        (_, false) => Err(wrong()),
        (false, true) => Ok(Ended::Answered),
        (true, true) if ended && !broke => Ok(Ended::Answered),
        (true, true) if broke && !ended => Ok(Ended::Broken),
        (true, true) => Err(wrong()),
    }
}
