//! One connection: reads requests, records them, plays their scripts, sees the client leave.

use std::io;
use std::sync::Arc;

use http::{HeaderValue, Request};
use sfai_router::demo::{Stamp, answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::script::{Dialect, Step, script};
use super::{Arrival, End, State};

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, number: usize, state: Arc<watch::Sender<State>>) {
    stream.set_nodelay(true).unwrap();
    let mut connection = Connection { buffer: Vec::new(), number, stream };
    // An end of the stream between two requests is the client's usual way to leave.
    while let Ok(arrival) = connection.read_request().await {
        let (index, steps) = record(&state, arrival);
        let end = connection.play(steps).await;
        state.send_modify(|state| state.arrivals[index].end = Some(end));
        if end != End::Answered {
            return;
        }
    }
}

/// Records a request and finds what to play for it.
fn record(state: &watch::Sender<State>, arrival: Arrival) -> (usize, Vec<Step>) {
    let mut found = None;
    state.send_modify(|state| {
        let index = state.arrivals.len();
        let fault = state.next(&arrival);
        let stamp = Stamp { created: 1_700_000_000, serial: index as u64 };
        let mut head = Request::builder().method(arrival.method.as_str()).uri(&arrival.path);
        for (name, value) in &arrival.headers {
            head = head.header(name, value);
        }
        let (mut head, ()) = head.body(()).unwrap().into_parts();
        // Most maps of tests have no keys.
        head.headers.entry("authorization").or_insert_with(|| HeaderValue::from_static("Bearer k"));
        let good = answer(&head, &arrival.body, stamp);
        found = Some((index, script(&fault, &good, Dialect::of(head.uri.path()))));
        state.arrivals.push(arrival);
    });
    found.unwrap()
}

struct Connection {
    buffer: Vec<u8>,
    number: usize,
    stream: TcpStream,
}

impl Connection {
    async fn read_request(&mut self) -> io::Result<Arrival> {
        let end = loop {
            if let Some(place) = find(&self.buffer, b"\r\n\r\n") {
                break place + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end);
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<_> = lines.map(field).collect();
        let (method, path) = (method.to_owned(), path.to_owned());
        let connection = self.number;
        let at = std::time::Instant::now();
        let mut arrival =
            Arrival { at, body: Vec::new(), connection, end: None, headers, method, path };
        arrival.body = match (arrival.header("content-length"), arrival.header("transfer-encoding"))
        {
            (Some(length), _) => self.take(length.parse().unwrap()).await?,
            (None, Some(_)) => self.read_chunks().await?,
            (None, None) => Vec::new(),
        };
        Ok(arrival)
    }

    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(place) = find(&self.buffer, b"\r\n") {
                    break place;
                }
                self.fill().await?;
            };
            let line = self.take(end + 2).await?;
            let size = String::from_utf8_lossy(&line[..end]).into_owned();
            let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            body.extend(self.take(size).await?);
            self.take(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Ends when the client has closed its side.
    async fn client_left(&mut self) {
        while self.fill().await.is_ok() {}
    }

    async fn play(&mut self, steps: Vec<Step>) -> End {
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Send(bytes) => {
                    if self.stream.write_all(bytes).await.is_err() {
                        return End::ClientLeft;
                    }
                    yield_now().await;
                }
                Step::Wait(time) => tokio::select! {
                    () = sleep(*time) => {}
                    () = self.client_left() => return End::ClientLeft,
                },
                Step::Hold(gate) => tokio::select! {
                    () = gate.opened() => {}
                    () = self.client_left() => return End::ClientLeft,
                },
                Step::Hang => {
                    self.client_left().await;
                    return End::ClientLeft;
                }
                Step::Reset => {
                    self.stream.set_zero_linger().unwrap();
                    return End::Broken;
                }
                Step::Close => {
                    debug_assert_eq!(index + 1, steps.len(), "nothing follows a close");
                    let _ = self.stream.shutdown().await;
                    return End::Broken;
                }
            }
        }
        End::Answered
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
