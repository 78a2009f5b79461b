//! S3 and Secrets Manager as far as the router uses them, failing on command.
//!
//! It owns one bucket's objects, the secrets, what goes wrong and a record of what was asked; it
//! checks no signature.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The bucket that it has.
pub const BUCKET: &str = "sfai-test-config";

/// What a service does with every request until told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// No answer.
    Silent,
    /// 500.
    Failing,
    /// 403.
    Denied,
    /// As if nothing were there.
    Missing,
    /// Half of the body, and then the connection's end.
    Cut,
    /// A byte of the body is another.
    Altered,
    /// Its clock is an hour ahead, and it takes no request of another time.
    Ahead,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET config/model_map.json`, or the name of a secret.
    pub what: String,
    /// `If-None-Match`.
    pub unless: Option<String>,
    pub status: u16,
}

#[derive(Debug)]
struct State {
    objects: BTreeMap<String, Bytes>,
    secrets: BTreeMap<String, String>,
    s3: Mode,
    secrets_manager: Mode,
    asked: Vec<Asked>,
    /// What secrets wait for.
    gate: Option<watch::Receiver<bool>>,
}

/// A running fake; it ends when this is dropped.
pub struct Aws {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Aws {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            objects: BTreeMap::new(),
            secrets: BTreeMap::new(),
            s3: Mode::Well,
            secrets_manager: Mode::Well,
            asked: Vec::new(),
            gate: None,
        }));
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// What a process needs to ask it; secrets are below `/sfai/test/`.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "ap-northeast-1".into()),
            ("AWS_ACCESS_KEY_ID", "AKIATEST".into()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".into()),
            ("SFAI_CONFIG_BUCKET", BUCKET.into()),
            ("SFAI_ENV", "test".into()),
        ]
    }

    pub fn put(&self, key: &str, body: impl Into<Bytes>) {
        self.state().objects.insert(key.into(), body.into());
    }

    /// The map in force from now on.
    pub fn put_map(&self, map: Vec<u8>) {
        self.put("config/model_map.json", map);
    }

    pub fn put_secret(&self, name: &str, value: &str) {
        self.state().secrets.insert(name.into(), value.into());
    }

    /// Has secrets wait until `true` is sent.
    pub fn hold_secrets(&self) -> watch::Sender<bool> {
        let (opens, gate) = watch::channel(false);
        self.state().gate = Some(gate);
        opens
    }

    pub fn s3(&self, mode: Mode) {
        self.state().s3 = mode;
    }

    pub fn secrets_manager(&self, mode: Mode) {
        self.state().secrets_manager = mode;
    }

    /// What is stored below a prefix, by key.
    pub fn objects(&self, prefix: &str) -> BTreeMap<String, Bytes> {
        let state = self.state();
        // Keys come as a URL has them.
        let all = state.objects.iter().map(|(key, body)| (key.replace("%3D", "="), body.clone()));
        all.filter(|(key, _)| key.starts_with(prefix)).collect()
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How often a thing was asked for, successfully or not.
    pub fn times(&self, what: &str) -> usize {
        self.asked().iter().filter(|asked| asked.what == what).count()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(answer(&state, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(state: &Mutex<State>, request: Request<Incoming>) -> Response<Sent> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| head.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
    let is_secret = header("x-amz-target").is_some();
    let path = head.uri.path().to_owned();
    let (what, mode) = {
        let state = state.lock().unwrap();
        if is_secret {
            let body: Value = serde_json::from_slice(&body).unwrap();
            (body["SecretId"].as_str().unwrap().to_owned(), state.secrets_manager)
        } else {
            let key = path.strip_prefix(&format!("/{BUCKET}/")).unwrap_or(&path);
            (format!("{} {key}", head.method), state.s3)
        }
    };
    let unless = header("if-none-match");
    let signed = header("x-amz-date").unwrap_or_default();
    let mut response = match mode {
        Mode::Silent => {
            note(state, what, unless, 0);
            return std::future::pending().await;
        }
        Mode::Failing => refusal(500, "InternalError", is_secret),
        Mode::Denied if is_secret => refusal(400, "AccessDeniedException", is_secret),
        Mode::Denied => refusal(403, "AccessDenied", is_secret),
        Mode::Missing => missing(is_secret),
        Mode::Ahead if !is_ahead(&signed) => {
            let code = if is_secret { "InvalidSignatureException" } else { "RequestTimeTooSkewed" };
            refusal(403, code, is_secret)
        }
        _ if is_secret => secret(&state.lock().unwrap().secrets, &what),
        _ => object(state, &head.method, (&what, unless.as_deref()), &body),
    };
    let now = SystemTime::now() + if mode == Mode::Ahead { HOUR } else { Duration::ZERO };
    response.headers_mut().insert("date", http_date(now).parse().unwrap());
    note(state, what, unless, response.status().as_u16());
    let gate = state.lock().unwrap().gate.clone().filter(|_| is_secret);
    if let Some(mut gate) = gate {
        let _ = gate.wait_for(|is_open| *is_open).await;
    }
    spoiled(response, mode).await
}

const HOUR: Duration = Duration::from_secs(3600);

fn note(state: &Mutex<State>, what: String, unless: Option<String>, status: u16) {
    state.lock().unwrap().asked.push(Asked { what, unless, status });
}

/// The body with what a mode does to it.
async fn spoiled(response: Response<Full<Bytes>>, mode: Mode) -> Response<Sent> {
    let is_good = response.status() == 200;
    let (head, body) = response.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes().to_vec();
    let claimed = body.len() as u64;
    match mode {
        Mode::Cut if is_good => body.truncate(body.len() / 2),
        Mode::Altered if is_good => {
            let digit = body.iter().rposition(u8::is_ascii_alphanumeric).unwrap();
            body[digit] = if body[digit] == b'0' { b'1' } else { b'0' };
        }
        _ => {}
    }
    Response::from_parts(head, Sent { body: Some(body.into()), claimed })
}

/// A body that may be shorter than it claims; the connection ends with it then.
struct Sent {
    body: Option<Bytes>,
    claimed: u64,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(body) = self.body.take() else {
            let is_short = self.claimed > 0;
            return Poll::Ready(is_short.then(|| Err(io::ErrorKind::BrokenPipe.into())));
        };
        self.claimed -= body.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(body))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.claimed)
    }
}

fn object(
    state: &Mutex<State>,
    method: &Method,
    (what, unless): (&str, Option<&str>),
    body: &Bytes,
) -> Response<Full<Bytes>> {
    let key = what.split_once(' ').unwrap().1;
    let mut state = state.lock().unwrap();
    if method == Method::PUT {
        state.objects.insert(key.to_owned(), body.clone());
        return Response::new(Full::default());
    }
    let Some(object) = state.objects.get(key) else { return missing(false) };
    let etag = format!("\"{:016x}\"", fingerprint(object));
    let response = Response::builder().header("etag", &etag);
    if unless == Some(&etag) {
        return response.status(304).body(Full::default()).unwrap();
    }
    response.body(object.clone().into()).unwrap()
}

fn fingerprint(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn secret(secrets: &BTreeMap<String, String>, name: &str) -> Response<Full<Bytes>> {
    match secrets.get(name) {
        Some(value) => {
            let body = json!({"ARN": "arn:aws:secretsmanager:x", "Name": name,
                "SecretString": value, "VersionId": "1"});
            Response::new(body.to_string().into())
        }
        None => missing(true),
    }
}

fn missing(is_secret: bool) -> Response<Full<Bytes>> {
    if is_secret {
        return refusal(400, "ResourceNotFoundException", true);
    }
    refusal(404, "NoSuchKey", false)
}

fn refusal(status: u16, code: &str, is_secret: bool) -> Response<Full<Bytes>> {
    let (kind, body) = if is_secret {
        let body = json!({"__type": code, "message": "as the test asked"}).to_string();
        ("application/x-amz-json-1.1", body)
    } else {
        ("application/xml", format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
    };
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

/// Whether a request was signed within five minutes of the time in an hour: `20261125T185500Z`.
fn is_ahead(signed: &str) -> bool {
    let near = |minutes: u64| {
        let then =
            SystemTime::now() + HOUR - Duration::from_secs(300) + Duration::from_secs(60 * minutes);
        stamp(then)
    };
    (0..=10).any(|minutes| signed.starts_with(&near(minutes)))
}

/// To the minute, as signatures write it.
fn stamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap().strftime("%Y%m%dT%H%M").to_string()
}

fn http_date(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
