//! What a Lambda function finds when it starts: the Runtime API, S3 and Secrets Manager.
//!
//! Owns one event, one map, any secret, and when the function did what and each token of its reply
//! came; it checks no signature.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::wire::TOKEN;
use crate::trouble::{Doing, Trouble};

/// What a function has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    /// It asked for its first event.
    pub(super) next: Option<Instant>,
    /// The first byte of its reply's body came.
    pub(super) first_byte: Option<Instant>,
    /// Its reply is whole.
    pub(super) replied: bool,
}

/// The surroundings of one function; they end when this is dropped.
pub(super) struct Aws {
    pub(super) address: SocketAddr,
    done: watch::Sender<Done>,
    tokens: mpsc::UnboundedReceiver<Instant>,
    task: JoinHandle<()>,
}

/// What it gives out.
struct Stock {
    event: Option<Bytes>,
    map: Bytes,
    done: watch::Sender<Done>,
    tokens: mpsc::UnboundedSender<Instant>,
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Aws {
    /// Starts with one event for a function, or with none, and with a map in S3.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(event: Option<Bytes>, map: Bytes) -> Result<Self, Trouble> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing("listen on loopback")?;
        let address = listener.local_addr().doing("listen on loopback")?;
        let done = watch::Sender::new(Done::default());
        let (came, tokens) = mpsc::unbounded_channel();
        let stock = Arc::new(Stock { event, map, done: done.clone(), tokens: came });
        let task = tokio::spawn(serve(listener, stock));
        Ok(Self { address, done, tokens, task })
    }

    /// Waits until `holds`.
    pub(super) async fn until(&self, holds: impl FnMut(&Done) -> bool) -> Done {
        // This owns a sender: the wait cannot fail.
        self.done.subscribe().wait_for(holds).await.map(|done| *done).unwrap_or_default()
    }

    /// When each token of the reply came, as far as they have.
    pub(super) fn tokens(&mut self) -> Vec<Instant> {
        std::iter::from_fn(|| self.tokens.try_recv().ok()).collect()
    }
}

async fn serve(listener: TcpListener, stock: Arc<Stock>) {
    while let Ok((stream, _)) = listener.accept().await {
        let stock = Arc::clone(&stock);
        let service = service_fn(move |request| {
            let stock = Arc::clone(&stock);
            async move { Ok::<_, Infallible>(stock.answer(request).await) }
        });
        tokio::spawn(async move {
            // A connection ends with the function.
            let _ = stream.set_nodelay(true);
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Stock {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        if request.headers().contains_key("x-amz-target") {
            // The client key in the form that its secret has, and a provider's key alike.
            let secret = json!({"SecretString": format!("bench:{KEY}"), "Name": "bench"});
            return whole(secret.to_string().into());
        }
        if request.method() == Method::GET {
            let asks = path.ends_with("/invocation/next");
            return if asks { self.next().await } else { whole(self.map.clone()) };
        }
        self.replied(request.into_body()).await;
        let mut response = whole(Bytes::new());
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let now = Instant::now();
        let is_first = self.done.send_if_modified(|done| {
            let is_first = done.next.is_none();
            done.next.get_or_insert(now);
            is_first
        });
        let Some(event) = self.event.clone().filter(|_| is_first) else {
            return std::future::pending().await;
        };
        let mut response = whole(event);
        let headers = response.headers_mut();
        headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static("1"));
        // In the year 2286.
        let deadline = HeaderValue::from_static("9999999999999");
        headers.insert("lambda-runtime-deadline-ms", deadline);
        let arn = HeaderValue::from_static("arn:aws:lambda:ap-northeast-1:1:function:bench");
        headers.insert("lambda-runtime-invoked-function-arn", arn);
        response
    }

    async fn replied(&self, mut body: Incoming) {
        let mut seen = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
            for _ in data.windows(TOKEN.len()).filter(|part| *part == TOKEN.as_bytes()) {
                // The receiver is dropped with the surroundings.
                let _ = self.tokens.send(Instant::now());
            }
            seen.extend_from_slice(data);
            // After the prelude and its delimiter.
            let begun = seen.windows(8).position(|part| part == [0; 8]);
            if begun.is_some_and(|at| seen.len() > at + 8) {
                let now = Instant::now();
                self.done.send_modify(|done| _ = done.first_byte.get_or_insert(now));
            }
        }
        self.done.send_modify(|done| done.replied = true);
    }
}

/// The key of the one client.
pub(super) const KEY: &str = "0123456789abcdef01234567";

fn whole(body: Bytes) -> Response<Full<Bytes>> {
    Response::new(Full::new(body))
}
