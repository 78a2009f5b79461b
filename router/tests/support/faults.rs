//! An upstream that fails on command: a raw TCP server that speaks both providers' protocols and
//! plays, for each request, the [`Fault`] that the test has queued for it.
//!
//! It owns what goes wrong and a record of what arrived; good answers are those of
//! [`sfai_router::demo`], so a request that a real provider would refuse is refused here too, but
//! for the lack of a key.
//!
//! ```ignore
//! let upstream = Upstream::start().await;
//! upstream.push("claude-sonnet-4-6", [Fault::status(529), Fault::Cut(At::AfterFirstToken)]);
//! // … point a provider's base_url at `upstream.url()`, ask, and then:
//! let arrivals = upstream.arrived(2).await;
//! assert_eq!(upstream.ended(0).await, End::Answered);
//! ```
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a part of it is used by each test binary, and by an example"
)]

#[path = "faults/connection.rs"]
mod connection;
#[path = "faults/fault.rs"]
mod fault;
#[path = "faults/named.rs"]
mod named;
#[path = "faults/script.rs"]
mod script;
#[cfg(test)]
#[path = "faults/tests.rs"]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use fault::{At, Fault, Gate, Missing, Raw, Status, Then};

/// How long a test waits for something to happen before it fails. Nothing takes this long: it only
/// turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When.
    pub at: std::time::Instant,
    /// The whole body.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// How the exchange ended; none while it goes on.
    pub end: Option<End>,
    /// In order, the names in lower case.
    pub headers: Vec<(String, String)>,
    /// `POST` and the like.
    pub method: String,
    /// The request target.
    pub path: String,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The script was played to its end, be it an answer or an error status.
    Answered,
    /// The upstream broke the connection, as the fault says.
    Broken,
    /// The client closed the connection before the answer was whole.
    ClientLeft,
}

impl Arrival {
    /// The first header of that name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The model that the body asks for.
    pub fn model(&self) -> String {
        self.json().get("model").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// What the server has seen and has still to play.
#[derive(Debug, Default)]
struct State {
    always: HashMap<String, Fault>,
    arrivals: Vec<Arrival>,
    connections: usize,
    plays_named: bool,
    queues: HashMap<String, VecDeque<Fault>>,
}

impl State {
    /// The fault for a request: the next of the queue with the most telling key, else what is
    /// always played, else the good answer.
    fn next(&mut self, arrival: &Arrival) -> Fault {
        let queued = self.queues.iter().filter(|(_, queue)| !queue.is_empty());
        let queued = best(queued.map(|(key, _)| key), arrival);
        let next = queued.and_then(|key| self.queues.get_mut(&key)).and_then(VecDeque::pop_front);
        let always = || best(self.always.keys(), arrival).and_then(|key| self.always.get(&key));
        let named = || if self.plays_named { self.named(arrival) } else { None };
        next.or_else(|| always().cloned()).or_else(named).unwrap_or(Fault::Answer)
    }

    fn named(&self, arrival: &Arrival) -> Option<Fault> {
        let earlier = self.arrivals.iter().filter(|earlier| earlier.path == arrival.path).count();
        named::named(arrival, earlier)
    }
}

/// The key that fits a request best: its model, else the longest part of its path.
fn best<'k>(keys: impl Iterator<Item = &'k String>, arrival: &Arrival) -> Option<String> {
    let model = arrival.model();
    let fitting = keys.filter(|key| **key == model || arrival.path.contains(key.as_str()));
    fitting.max_by_key(|key| (**key == model, key.len())).cloned()
}

/// A running upstream; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    /// 127.0.0.1 and a port of the system's choice.
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Starts one that answers everything well.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::default()));
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end. Any path below it is served that ends
    /// in `/chat/completions` or `/messages`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues faults for the requests whose model is `key` or whose path contains it; an empty key
    /// fits every request. When several keys fit, the model goes before the longest path. Played
    /// once each, in order.
    pub fn push(&self, key: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state.send_modify(|state| {
            state.queues.entry(key.to_owned()).or_default().extend(faults);
        });
    }

    /// Plays a fault whenever no queue has one; the key is as in [`Self::push`].
    pub fn always(&self, key: &str, fault: Fault) {
        self.state.send_modify(|state| {
            state.always.insert(key.to_owned(), fault);
        });
    }

    /// Plays, where nothing else is asked for, what a request names in its path or by its model:
    /// see `faults/named.rs`.
    pub fn play_named(&self) {
        self.state.send_modify(|state| state.plays_named = true);
    }

    /// Reports every arrival when it comes and again when its exchange has ended, for ever.
    pub async fn watch(&self, report: impl Fn(usize, &Arrival)) {
        let mut state = self.state.subscribe();
        let mut reported: Vec<Option<End>> = Vec::new();
        loop {
            for (number, arrival) in state.borrow_and_update().arrivals.iter().enumerate() {
                match reported.get_mut(number) {
                    None => reported.push(arrival.end),
                    Some(end) if *end != arrival.end => *end = arrival.end,
                    Some(_) => continue,
                }
                report(number, arrival);
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    /// What has arrived so far, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.state.borrow().arrivals.clone()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.borrow().connections
    }

    /// Waits until `count` requests have arrived in all, and returns them.
    pub async fn arrived(&self, count: usize) -> Vec<Arrival> {
        self.wait_for(&format!("{count} arrivals"), |state| state.arrivals.len() >= count).await;
        self.arrivals()
    }

    /// Waits for the end of the exchange of the request `number`, counted from 0.
    pub async fn ended(&self, number: usize) -> End {
        let end = |state: &State| state.arrivals.get(number).and_then(|arrival| arrival.end);
        self.wait_for(&format!("the end of exchange {number}"), |state| end(state).is_some()).await;
        end(&self.state.borrow()).unwrap()
    }

    async fn wait_for(&self, what: &str, holds: impl FnMut(&State) -> bool) {
        let mut state = self.state.subscribe();
        let waited = tokio::time::timeout(PATIENCE, state.wait_for(holds)).await.is_ok();
        assert!(waited, "waited in vain for {what}, with {:?}", self.arrivals());
    }
}

async fn accept(listener: TcpListener, state: Arc<watch::Sender<State>>) {
    // Dropped with the task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                let mut number = 0;
                state.send_modify(|state| {
                    number = state.connections;
                    state.connections += 1;
                });
                connections.spawn(connection::serve(stream, number, Arc::clone(&state)));
            }
            Some(ended) = connections.join_next() => ended.unwrap(),
        }
    }
}
