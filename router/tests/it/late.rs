//! A shared table that answers later than a request waits: what it counted meanwhile is taken back.
//!
//! Owns a table that does as it is told; real ones are held against in [`crate::shared`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::faults::Upstream;
use crate::process::RouterProcess;
use crate::running::{MapBuilder, client, question};

const KEY: &str = "0123456789abcdef";
/// Nothing here takes that long; it turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A table that answers the first update of a client's item when it is told to.
struct Table {
    address: SocketAddr,
    /// What the client's item was to be changed by.
    updates: watch::Sender<Vec<Value>>,
    gate: watch::Sender<bool>,
}

impl Table {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (updates, gate) = (watch::Sender::default(), watch::Sender::new(false));
        let table = Arc::new(Self { address, updates, gate });
        let shared = Arc::clone(&table);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| {
                    let shared = Arc::clone(&shared);
                    async move { Ok::<_, Infallible>(shared.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        table
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if body["Key"]["id"]["S"] == "client#ada" {
            self.updates.send_modify(|updates| updates.push(body));
            if self.updates.borrow().len() == 1 {
                let mut gate = self.gate.subscribe();
                let _ = gate.wait_for(|is_open| *is_open).await;
            }
        }
        Response::new(Full::from(json!({"Attributes": {}}).to_string()))
    }

    /// Waits for so many updates; the last of them.
    async fn updated(&self, times: usize) -> Value {
        let mut updates = self.updates.subscribe();
        let came = updates.wait_for(|updates| updates.len() >= times);
        let came = tokio::time::timeout(PATIENCE, came).await.expect("it was not told");
        came.unwrap()[times - 1].clone()
    }
}

async fn setup(timeout: &str) -> (Arc<Table>, Upstream, RouterProcess) {
    let (table, upstream) = (Table::start().await, Upstream::start().await);
    let limits = json!({"limits": [{"count": 10_000, "of": "tokens", "per_ms": 3_600_000}]});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], json!({}))
        .with(json!({"clients": {"ada": limits}}));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.json");
    std::fs::write(&file, map.bytes()).unwrap();
    let (endpoint, keys) = (format!("http://{}", table.address), format!("ada:{KEY}"));
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("SFAI_STATE_TABLE", "state"),
        ("SFAI_CLIENT_KEYS", keys.as_str()),
        ("SFAI_STATE_TIMEOUT_MS", timeout),
    ];
    let router = RouterProcess::start(&["--map", file.to_str().unwrap()], &env).await;
    (table, upstream, router)
}

fn ask(router: &RouterProcess) -> reqwest::RequestBuilder {
    let request = client().post(format!("http://{}/", router.address)).bearer_auth(KEY);
    request.body(question("r", false).to_string())
}

/// The tokens that the last update takes away are those that the first one has added.
fn gives_back(first: &Value, last: &Value) {
    let values = |update: &Value| {
        let values = update["ExpressionAttributeValues"].as_object().unwrap();
        values.values().filter_map(|it| it["N"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (added, taken) = (values(first), values(last));
    assert!(added.iter().any(|it| taken.contains(&format!("-{it}"))), "{added:?} and {taken:?}");
}

#[tokio::test]
async fn what_the_table_counts_after_a_request_has_gone_on_is_taken_back() {
    let (table, upstream, router) = setup("100").await;
    let response = ask(&router).send().await.unwrap();
    assert_eq!(response.status(), 200, "it is counted here meanwhile");
    response.text().await.unwrap();
    assert_eq!(upstream.arrivals().len(), 1);
    let first = table.updated(1).await;
    table.gate.send_replace(true);
    gives_back(&first, &table.updated(2).await);
}

#[tokio::test]
async fn what_the_table_counts_after_the_client_has_left_is_taken_back() {
    let (table, upstream, router) = setup("50000").await;
    let asking = tokio::spawn(ask(&router).send());
    let first = table.updated(1).await;
    asking.abort();
    let open = async || {
        let url = format!("http://{}/health", router.address);
        let health = client().get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&health).unwrap()["requests"]["open"].clone()
    };
    // That of the question itself.
    while open().await != 1 {
        tokio::task::yield_now().await;
    }
    table.gate.send_replace(true);
    gives_back(&first, &table.updated(2).await);
    assert!(upstream.arrivals().is_empty());
}
