//! A simulator of the Lambda Runtime API, and the real binary as the function that it invokes.
//!
//! It owns the function's side of an invocation: `next`, buffered and streamed responses with
//! their prelude and trailers, errors, and what the function writes to its log. What AWS does
//! between a client and the event is not here, and freezing is [`crate::freezer`]'s.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

/// Nothing here takes that long; it turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between the prelude of a streamed response and its body.
const DELIMITER: [u8; 8] = [0; 8];

/// The function under test: `sfai-router` as a process, invoked through a Runtime API of its own.
pub struct Function {
    api: Arc<Api>,
    invocations: mpsc::UnboundedSender<Invocation>,
    invoked: AtomicUsize,
    log: Arc<watch::Sender<Vec<String>>>,
    child: Child,
}

struct Invocation {
    event: Value,
    id: String,
    deadline: SystemTime,
}

struct Api {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Posted>>>,
    /// How often the next event was asked for.
    asked: watch::Sender<usize>,
}

/// What the function posts for an invocation.
pub struct Posted {
    /// `response` or `error`.
    pub kind: String,
    pub headers: HeaderMap,
    body: Incoming,
    /// Of the body, once it was read to its end.
    pub trailers: Option<HeaderMap>,
    /// The Runtime API answers when this is dropped.
    _answered: oneshot::Sender<()>,
}

impl Function {
    /// Starts the function with this map.
    pub async fn start(map: &Path, env: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (invocations, waiting) = mpsc::unbounded_channel();
        let (running, asked) = (Mutex::default(), watch::Sender::new(0));
        let api = Arc::new(Api { waiting: waiting.into(), running, asked });
        tokio::spawn(serve(listener, Arc::clone(&api)));
        let mut command = command(address);
        command.env("SFAI_MAP", map).envs(env.iter().copied()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(watch::Sender::new(Vec::new()));
        tokio::spawn(read_log(child.stderr.take().unwrap(), Arc::clone(&log)));
        Self { api, invocations, invoked: AtomicUsize::new(0), log, child }
    }

    /// Waits until the function has asked for the event after the last one: from then on Lambda
    /// may freeze it, and not before.
    pub async fn idle(&self) {
        let invoked = self.invoked.load(Ordering::Relaxed);
        let mut asked = self.api.asked.subscribe();
        let asks = asked.wait_for(|asked| *asked > invoked);
        tokio::time::timeout(PATIENCE, asks).await.expect("it asks for no event").unwrap();
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits for a line of its log, of those after the first `after`, that holds `words`.
    pub async fn says(&self, after: usize, words: &str) -> String {
        let mut log = self.log.subscribe();
        let line =
            |log: &Vec<String>| log.iter().skip(after).find(|it| it.contains(words)).cloned();
        let said = tokio::time::timeout(PATIENCE, log.wait_for(|log| line(log).is_some())).await;
        let said = said.unwrap_or_else(|_| panic!("no {words:?} in {:?}", self.log()));
        line(&said.unwrap()).unwrap()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id().expect("the function ended")
    }

    /// Invokes the function; it has 15 minutes.
    pub async fn invoke(&self, event: Value) -> Posted {
        self.invoke_for(event, Duration::from_secs(900)).await
    }

    /// Invokes the function, which has `time`, and waits for it to begin to respond.
    pub async fn invoke_for(&self, event: Value, time: Duration) -> Posted {
        let (answer, answered) = oneshot::channel();
        let id = format!("{:032x}", fastrand::u128(..));
        self.api.running.lock().unwrap().insert(id.clone(), answer);
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let deadline = SystemTime::now() + time;
        self.invocations.send(Invocation { event, id, deadline }).unwrap();
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        answered.expect("the function does not respond").unwrap()
    }
}

/// The function's process, without its map.
pub fn command(runtime_api: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sfai-router"));
    command
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "sfai")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env_remove("SFAI_CLIENT_KEYS")
        .kill_on_drop(true);
    command
}

impl Posted {
    /// The status and headers that the client gets of a streamed response, which is now read up to
    /// its body.
    pub async fn prelude(&mut self) -> (Value, Stream<'_>) {
        assert_eq!(self.kind, "response");
        assert_eq!(self.headers["lambda-runtime-function-response-mode"], "streaming");
        assert_eq!(self.headers["transfer-encoding"], "chunked");
        let kind = "application/vnd.awslambda.http-integration-response";
        assert_eq!(self.headers["content-type"], kind);
        let mut stream = Stream { posted: self, seen: BytesMut::new() };
        let end = stream.until(&DELIMITER).await;
        let prelude = stream.seen.split_to(end);
        let json = &prelude[..prelude.len() - DELIMITER.len()];
        (serde_json::from_slice(json).unwrap(), stream)
    }

    /// The whole body of a buffered response.
    pub async fn buffered(mut self) -> Value {
        assert_eq!(self.kind, "response");
        assert!(!self.headers.contains_key("lambda-runtime-function-response-mode"));
        let body = self.body.collect().await.unwrap();
        self.trailers = body.trailers().cloned();
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }
}

/// The body of a streamed response as its client gets it.
pub struct Stream<'p> {
    posted: &'p mut Posted,
    /// What has come and was not taken.
    seen: BytesMut,
}

impl Stream<'_> {
    /// The next piece of the text, and when it came.
    pub async fn piece(&mut self) -> Option<(Bytes, Instant)> {
        if self.seen.is_empty() && !self.more().await {
            return None;
        }
        Some((self.seen.split().freeze(), Instant::now()))
    }

    /// Waits until `words` have come; the text up to their end.
    pub async fn text_until(&mut self, words: &str) -> String {
        let end = self.until(words.as_bytes()).await;
        String::from_utf8(self.seen.split_to(end).to_vec()).unwrap()
    }

    /// The rest of the text, to the end.
    pub async fn rest(mut self) -> String {
        while self.more().await {}
        String::from_utf8(self.seen.to_vec()).unwrap()
    }

    async fn until(&mut self, part: &[u8]) -> usize {
        loop {
            let place = self.seen.windows(part.len()).position(|window| window == part);
            if let Some(place) = place {
                return place + part.len();
            }
            assert!(self.more().await, "the stream ended with {:?}", self.seen);
        }
    }

    async fn more(&mut self) -> bool {
        let frame = tokio::time::timeout(PATIENCE, self.posted.body.frame()).await;
        let frame = frame.unwrap_or_else(|_| panic!("nothing came after {:?}", self.seen));
        let Some(frame) = frame else { return false };
        match frame.unwrap().into_data() {
            Ok(data) => self.seen.extend_from_slice(&data),
            Err(frame) => self.posted.trailers = frame.into_trailers().ok(),
        }
        true
    }
}

/// Keeps each line, and shows it with what the test says.
async fn read_log(stderr: impl AsyncRead + Unpin, log: Arc<watch::Sender<Vec<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{line}");
        log.send_modify(|log| log.push(line));
    }
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let api = Arc::clone(&api);
        let service = service_fn(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        // It ends with the function's process.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => self.next().await,
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, kind]) => {
                let running = self.running.lock().unwrap().remove(*id);
                posted(running, kind, request).await
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.asked.send_modify(|asked| *asked += 1);
        let invocation = self.waiting.lock().await.recv().await;
        // After the last invocation the function waits for another, as it does when frozen.
        let Some(Invocation { event, id, deadline }) = invocation else {
            return std::future::pending().await;
        };
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:1:function:sfai",
            )
            .header("lambda-runtime-trace-id", "Root=1-0-0;Sampled=0")
            .body(event.to_string().into())
            .unwrap()
    }
}

/// Hands what the function posts to the test, and answers when the test is through with it.
async fn posted(
    to: Option<oneshot::Sender<Posted>>,
    kind: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let Some(to) = to else { return status(StatusCode::BAD_REQUEST) };
    let (answered, read) = oneshot::channel();
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let kind = kind.to_owned();
    let posted = Posted { kind, headers, body, trailers: None, _answered: answered };
    if to.send(posted).is_ok() {
        let _ = read.await;
    }
    status(StatusCode::ACCEPTED)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(r#"{"status":"OK"}"#));
    *response.status_mut() = status;
    response
}
