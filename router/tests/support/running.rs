//! A router in this process, on a free loopback port, and maps for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use model_map::ModelMap;
use serde_json::{Value, json};
use sfai_router::Router;
use sfai_router::auth::{ClientKeys, Reach};
use sfai_router::breakers::Breakers;
use sfai_router::clock::Ambient;
use sfai_router::config::{Config, Surroundings, Upstreams};
use sfai_router::load::Load;
use sfai_router::observer::Observer;
use sfai_router::server;

const LOOPBACK: &str = "127.0.0.1:0";

/// A served router; it stops when this is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub config: Arc<Config>,
    pub breakers: Arc<Breakers>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// Serves `map` to everyone, without breakers: what one request does hangs on no other.
pub async fn start(map: &[u8]) -> Running {
    start_with(map, "", Upstreams::Real).await
}

/// Serves `map` to everyone, with these breakers.
pub async fn start_guarded(map: &[u8], breakers: Breakers) -> Running {
    let reach = Reach::Address(LOOPBACK.parse().unwrap());
    let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    serve(config, None, breakers).await
}

/// Serves `map` to the clients in `keys`.
pub async fn start_with(map: &[u8], keys: &str, upstreams: Upstreams) -> Running {
    let keys = ClientKeys::parse(keys).ok().unwrap();
    let around = Surroundings::new(upstreams, keys, Reach::Address(LOOPBACK.parse().unwrap()));
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    serve(config, None, Breakers::off()).await
}

/// Serves `map` to the clients in `keys` and tells of every request.
pub async fn start_observed(map: &[u8], keys: &str, observer: &Arc<Observer>) -> Running {
    let keys = ClientKeys::parse(keys).ok().unwrap();
    let reach = Reach::Address(LOOPBACK.parse().unwrap());
    let around = Surroundings::new(Upstreams::Real, keys, reach);
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    serve(config, Some(Arc::clone(observer)), Breakers::off()).await
}

/// Serves `map` to everyone, with breakers, and tells of every request.
pub async fn start_observed_guarded(map: &[u8], observer: &Arc<Observer>) -> Running {
    let reach = Reach::Address(LOOPBACK.parse().unwrap());
    let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    serve(config, Some(Arc::clone(observer)), Breakers::default()).await
}

/// Serves `map` to everyone, without breakers, and with the longest back-offs.
pub async fn start_unlucky(map: &[u8]) -> Running {
    let reach = Reach::Address(LOOPBACK.parse().unwrap());
    let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    let ambient = Ambient { random: || u64::MAX, ..Ambient::default() };
    serve_by(ambient, config, None, Breakers::off()).await
}

async fn serve(
    config: Arc<Config>,
    observer: Option<Arc<Observer>>,
    breakers: Breakers,
) -> Running {
    serve_by(Ambient::default(), config, observer, breakers).await
}

async fn serve_by(
    ambient: Ambient,
    config: Arc<Config>,
    observer: Option<Arc<Observer>>,
    breakers: Breakers,
) -> Running {
    let breakers = Arc::new(breakers);
    let router = Router::new(Arc::clone(&config), ambient).observed(observer);
    let router = router.with_breakers(Arc::clone(&breakers)).showing_breakers();
    let router = Arc::new(router);
    let listener = server::bind(LOOPBACK.parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(server::serve(router, listener, async {
        let _ = stopped.await;
    }));
    Running { address, config, breakers, _stop: stop }
}

/// A router that serves with other times than usual; it ends when `stop` is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub stop: tokio::sync::oneshot::Sender<()>,
    /// Ready when it has ended.
    pub ended: tokio::task::JoinHandle<()>,
}

/// Serves `map` to everyone, with these times.
pub async fn served(map: &[u8], patience: server::Patience) -> Served {
    served_by(map, patience, Load::default()).await
}

async fn served_by(map: &[u8], patience: server::Patience, load: Load) -> Served {
    let reach = Reach::Address(LOOPBACK.parse().unwrap());
    let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
    let config = Arc::new(Config::new(map, around, SystemTime::now()).unwrap());
    let router = Arc::new(Router::new(config, Ambient::default()).with_load(load));
    let listener = server::bind(LOOPBACK.parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(server::serve_patiently(router, listener, patience, async {
        let _ = stopped.await;
    }));
    Served { address, stop, ended }
}

/// The same with so many places, until the sender is dropped.
pub async fn start_patiently(
    map: &[u8],
    patience: server::Patience,
    load: Load,
) -> (tokio::sync::oneshot::Sender<()>, SocketAddr) {
    let Served { address, stop, .. } = served_by(map, patience, load).await;
    (stop, address)
}

impl Running {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Posts a chat.
    pub async fn chat(&self, body: &Value) -> reqwest::Response {
        let request = client().post(self.url("/v1/chat/completions"));
        request.body(body.to_string()).send().await.unwrap()
    }

    /// Posts a chat of one message to a role.
    pub async fn ask(&self, role: &str, stream: bool) -> reqwest::Response {
        self.chat(&question(role, stream)).await
    }
}

/// A client without any of its own retries.
pub fn client() -> reqwest::Client {
    static RING: std::sync::Once = std::sync::Once::new();
    RING.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap()
}

/// A chat of one message.
pub fn question(role: &str, stream: bool) -> Value {
    json!({"model": role, "stream": stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say hello."}]})
}

/// A map in the making. Providers `openai` and `anthropic` have one model each, `m`; `second`
/// speaks OpenAI's protocol.
pub struct MapBuilder(Value);

impl MapBuilder {
    /// Providers at `upstream`, below a path of their own; no role yet.
    pub fn new(upstream: SocketAddr) -> Self {
        let base = |name: &str| format!("http://{upstream}/{name}");
        let provider =
            |protocol: &str, name: &str| json!({"protocol": protocol, "base_url": base(name)});
        let model =
            |provider: &str| json!({"provider": provider, "id": "m", "output_tokens": 1000});
        Self(json!({
            "digest": "", "env": "test", "format": 1, "prompts": {},
            "models": {
                "anthropic/m": model("anthropic"), "openai/m": model("openai"),
                "second/m": model("second"),
            },
            "providers": {
                "anthropic": provider("anthropic", "anthropic"),
                "openai": provider("openai", "openai"),
                "second": provider("openai", "second"),
            },
            "roles": {}, "sources": {"arms": {}, "roles": {}},
        }))
    }

    /// A role with this chain, its rule at `test.sfr:LINE` by its place. `change` may set timers,
    /// retries and parameters.
    pub fn role(mut self, name: &str, chain: &[&str], change: Value) -> Self {
        let links: Vec<Value> = chain.iter().map(|model| json!({"model": model})).collect();
        let mut role = json!({
            "arms": [{"chain": links}],
            "retry": {"count": 0, "min_backoff_ms": 1, "max_backoff_ms": 5, "on": []},
            "timeouts": {"connect_ms": 1000, "first_token_ms": 10_000, "idle_ms": 10_000,
                "total_ms": 120_000},
        });
        merge(&mut role, change);
        self.0["roles"][name] = role;
        let line = self.0["roles"].as_object().unwrap().len();
        self.0["sources"]["arms"][name] = json!([format!("test.sfr:{line}")]);
        self
    }

    /// Any other change.
    pub fn with(mut self, change: Value) -> Self {
        merge(&mut self.0, change);
        self
    }

    /// The map's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut map: ModelMap = serde_json::from_value(self.0.clone()).unwrap();
        model_map::seal(&mut map).unwrap()
    }
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change,
    }
}
