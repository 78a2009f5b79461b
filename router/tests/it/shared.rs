//! Limits, budgets and breakers of several routers that share a table, held against an emulator of DynamoDB
//! that others wrote: `cargo xtask test --only state` starts it and runs these.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::faults::{Fault, Upstream};
use crate::process::RouterProcess;
use crate::running::{MapBuilder, client, question};

const KEY: &str = "0123456789abcdef";

/// The emulator that the chore has started.
fn emulator() -> SocketAddr {
    let address = std::env::var("SFAI_TEST_DYNAMODB");
    address.expect("run `cargo xtask test --only state`").parse().unwrap()
}

/// Between the routers and the emulator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Takes requests and passes nothing on.
    Silent,
    /// Takes no connection.
    Down,
}

/// A table of its own for a test, the way to it, and routers that share it.
struct Fleet {
    link: watch::Sender<Link>,
    upstream: Upstream,
    folder: tempfile::TempDir,
    address: SocketAddr,
    table: String,
}

async fn call(operation: &str, body: Value) -> Value {
    let request = client().post(format!("http://{}/", emulator()));
    let request = request
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
    let response = request.body(body.to_string()).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{operation}: {text}");
    serde_json::from_str(&text).unwrap()
}

impl Fleet {
    /// Of routers whose client `ada` has these terms.
    async fn new(terms: Value) -> Self {
        let table = format!("state-{:016x}", fastrand_of_time());
        call(
            "CreateTable",
            json!({"TableName": table, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}),
        )
        .await;
        let upstream = Upstream::start().await;
        let price = json!({"price": {"input": 1_000_000, "output": 1_000_000}});
        let map = MapBuilder::new(upstream.address)
            .role("r", &["openai/m"], json!({}))
            .role("guarded", &["openai/m", "second/m"], json!({}))
            .role("other", &["second/m"], json!({}))
            .with(json!({"clients": {"ada": terms}, "models": {"openai/m": price}}));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("map.json"), map.bytes()).unwrap();
        let (link, state) = watch::channel(Link::Up);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(pass_on(listener, state));
        Self { link, upstream, folder, address, table }
    }

    /// One that waits for the table however slow the machine is.
    async fn patient(&self) -> RouterProcess {
        self.router_that_waits("20000").await
    }

    async fn router(&self) -> RouterProcess {
        self.router_that_waits("").await
    }

    async fn router_that_waits(&self, milliseconds: &str) -> RouterProcess {
        let map = self.folder.path().join("map.json");
        let endpoint = format!("http://{}", self.address);
        let keys = format!("ada:{KEY}");
        let env = [
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIATEST"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
            ("SFAI_STATE_TABLE", self.table.as_str()),
            ("SFAI_CLIENT_KEYS", keys.as_str()),
            ("SFAI_STATE_TIMEOUT_MS", milliseconds),
        ];
        RouterProcess::start(&["--map", map.to_str().unwrap()], &env).await
    }

    /// The one item of the table.
    async fn item(&self) -> Value {
        let mut all = call("Scan", json!({"TableName": self.table})).await;
        assert_eq!(all["Count"], 1, "{all}");
        all["Items"][0].take()
    }

    /// Waits until a number of the item has this value.
    async fn comes_to(&self, name: &str, value: &str) {
        for _ in 0..400 {
            if self.item().await[name]["N"] == value {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} is not {value}: {}", self.item().await);
    }
}

fn fastrand_of_time() -> u128 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

async fn pass_on(listener: TcpListener, state: watch::Receiver<Link>) {
    loop {
        let (mut from, _) = listener.accept().await.unwrap();
        let mut state = state.clone();
        tokio::spawn(async move {
            let now = *state.borrow_and_update();
            match now {
                Link::Up => {
                    let mut to = TcpStream::connect(emulator()).await.unwrap();
                    let _ = from.set_nodelay(true);
                    let _ = to.set_nodelay(true);
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        _ = state.changed() => {}
                    }
                }
                Link::Silent => drop(state.changed().await),
                Link::Down => drop(from.shutdown().await),
            }
        });
    }
}

async fn ask(http: &reqwest::Client, address: SocketAddr) -> reqwest::Response {
    ask_of(http, address, "r").await
}

async fn ask_of(http: &reqwest::Client, address: SocketAddr, role: &str) -> reqwest::Response {
    let request = http.post(format!("http://{address}/")).bearer_auth(KEY);
    request.body(question(role, false).to_string()).send().await.unwrap()
}

/// What a request to a role was tried on.
async fn tried(router: &RouterProcess, role: &str) -> String {
    let response = ask_of(&client(), router.address, role).await;
    response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned()
}

/// Asks a router for something else until its `/health` is as wanted: what others tell is read while
/// requests come.
async fn comes_to_be(router: &RouterProcess, wanted: impl Fn(&Value) -> bool) -> Value {
    let comes = async {
        loop {
            let now = health(router.address).await;
            if wanted(&now) {
                return now;
            }
            tried(router, "other").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), comes).await.expect("it does not come to be")
}

async fn health(address: SocketAddr) -> Value {
    let response = client().get(format!("http://{address}/health")).send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

fn passed(statuses: &[u16]) -> usize {
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn exactly_the_limit_passes_through_two_routers_together() {
    let http = client();
    let limit = json!({"limits": [{"count": 40, "of": "requests", "per_ms": 3_600_000}]});
    let fleet = Fleet::new(limit).await;
    let (one, two) = (fleet.patient().await, fleet.patient().await);
    let each = [one.address, two.address];
    let asked = join_all((0..120).map(|n| ask(&http, each[n % 2]))).await;
    let statuses: Vec<u16> = asked.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(passed(&statuses), 40);
    assert_eq!(fleet.upstream.arrivals().len(), 40);
    assert_eq!(fleet.item().await["r_sum"]["N"], "40");
    // One that is started later knows of it.
    let three = fleet.patient().await;
    assert_eq!(ask(&http, three.address).await.status(), 429);
    assert_eq!(health(three.address).await["limits"], json!({"counted": "shared"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn a_window_that_moves_on_lets_exactly_the_limit_pass_again() {
    let http = client();
    // Parts of 100 ms: the item is written anew while others count.
    let limit = json!({"limits": [{"count": 30, "of": "requests", "per_ms": 1_200}]});
    let fleet = Fleet::new(limit).await;
    let (one, two) = (fleet.patient().await, fleet.patient().await);
    let each = [one.address, two.address];
    let mut through: Vec<(Instant, Instant)> = Vec::new();
    let http = &http;
    let until = Instant::now() + Duration::from_secs(60);
    // However slow the machine: until the window has been full and has moved on twice.
    while through.len() < 100 {
        assert!(Instant::now() < until, "room does not come back: {}", through.len());
        let asked = join_all((0..40).map(|n| async move {
            let sent = Instant::now();
            let status = ask(http, each[n % 2]).await.status();
            (status.as_u16(), (sent, Instant::now()))
        }));
        let asked = asked.await;
        passed(&asked.iter().map(|(status, _)| *status).collect::<Vec<_>>());
        through.extend(asked.iter().filter(|(status, _)| *status == 200).map(|(_, when)| *when));
    }
    // A request is counted between its sending and its answer: those of which both lie within one
    // window were counted in it, however slow the machine.
    let window = Duration::from_millis(1_200);
    for (first, _) in &through {
        let lies_within =
            |(sent, came): &&(Instant, Instant)| sent >= first && *came < *first + window;
        let within = through.iter().filter(lies_within).count();
        assert!(within <= 30, "{within}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn tokens_and_money_are_settled_in_the_table() {
    let http = client();
    let terms = json!({"limits": [{"count": 10_000, "of": "tokens", "per_ms": 3_600_000}],
        "budget": {"micro_dollars": 3_000, "per": "month"}});
    let fleet = Fleet::new(terms).await;
    let (one, two) = (fleet.patient().await, fleet.patient().await);
    let answer = json!({"choices": [{"index": 0, "message": {"content": "a"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 300, "completion_tokens": 100}});
    fleet.upstream.always("", Fault::status(200).with_body(&answer.to_string()));
    for (number, router) in [&one, &two, &one, &two].into_iter().enumerate() {
        assert_eq!(ask(&http, router.address).await.status(), 200);
        let used = (number + 1) * 400;
        fleet.comes_to("t_sum", &used.to_string()).await;
        // A token costs a millionth of a dollar.
        fleet.comes_to("b_spent", &(used * 1_000).to_string()).await;
    }
    let asked = join_all((0..30).map(|n| ask(&http, [one.address, two.address][n % 2]))).await;
    let statuses: Vec<u16> = asked.iter().map(|response| response.status().as_u16()).collect();
    // 1,400 are left, of which each uses 400 in the end. Its estimate is the 100 of its answer and
    // something for its question: were none settled before the last is let through, 13 would be.
    assert!((4..=13).contains(&passed(&statuses)), "{statuses:?}");
    let refused = asked.iter().find(|response| response.status() == 429).unwrap();
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn a_table_that_is_gone_or_silent_stops_nobody() {
    let http = client();
    for outage in [Link::Silent, Link::Down] {
        let limit = json!({"limits": [{"count": 10, "of": "requests", "per_ms": 3_600_000}]});
        let fleet = Fleet::new(limit).await;
        let mut router = fleet.router().await;
        for _ in 0..4 {
            assert_eq!(ask(&http, router.address).await.status(), 200);
        }
        fleet.link.send_replace(outage);
        let began = Instant::now();
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(ask(&http, router.address).await.status().as_u16());
        }
        // It goes on from what it knew, and stays within the limit.
        assert_eq!(passed(&statuses), 6, "{statuses:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let said = router.says("counted in this process alone").await;
        assert!(said.contains(&fleet.table), "{said}");
        let told = health(router.address).await;
        assert_eq!(
            (&told["status"], &told["limits"]["counted"]),
            (&json!("degraded"), &json!("in_process"))
        );
        assert!(told["limits"]["error"].as_str().unwrap().contains(&fleet.table), "{told}");
        fleet.link.send_replace(Link::Up);
        let back = async {
            while health(router.address).await["status"] != "ok" {
                ask(&http, router.address).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), back).await.expect("it does not come back");
        router.says("again, after").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn what_is_spent_during_an_outage_is_told_afterwards() {
    let http = client();
    let terms = json!({"budget": {"micro_dollars": 1_000_000, "per": "month"}});
    let fleet = Fleet::new(terms).await;
    let router = fleet.router().await;
    let answer = json!({"choices": [{"index": 0, "message": {"content": "a"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 300, "completion_tokens": 100}});
    fleet.upstream.always("", Fault::status(200).with_body(&answer.to_string()));
    ask(&http, router.address).await;
    fleet.comes_to("b_spent", "400000").await;
    fleet.link.send_replace(Link::Down);
    ask(&http, router.address).await;
    ask(&http, router.address).await;
    fleet.link.send_replace(Link::Up);
    let asked = async {
        let mut more = 0;
        while health(router.address).await["status"] != "ok" {
            ask(&http, router.address).await;
            more += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        more
    };
    let more = tokio::time::timeout(Duration::from_secs(40), asked).await.unwrap();
    fleet.comes_to("b_spent", &((3 + more) * 400_000).to_string()).await;
}

/// Half a minute: however slow the machine, nothing here waits for its end.
fn overloaded() -> Fault {
    Fault::retry_after("30")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn a_breaker_that_one_router_opens_is_open_in_the_other_and_closes_there_too() {
    let fleet = Fleet::new(json!({})).await;
    let (one, two) = (fleet.patient().await, fleet.patient().await);
    let calls = || fleet.upstream.arrivals().iter().filter(|it| it.path.contains("openai")).count();
    fleet.upstream.always("/openai/", overloaded());
    assert_eq!(tried(&one, "guarded").await, "openai/m=rate_limit, second/m=ok");
    assert_eq!(tried(&one, "guarded").await, "openai/m=skipped, second/m=ok");
    let shown = comes_to_be(&two, |now| now["breakers"]["openai/m"]["state"] == "open").await;
    assert_eq!(shown["fleet"]["breakers"], "shared");
    assert_eq!(shown["status"], "ok", "{shown}");
    assert_eq!(tried(&two, "guarded").await, "openai/m=skipped, second/m=ok");
    assert_eq!(calls(), 1, "the second router did not have to find out itself");

    // The last link is always asked: the second router finds that the model answers again.
    fleet.upstream.always("/openai/", Fault::Answer);
    assert_eq!(tried(&two, "r").await, "openai/m=ok");
    comes_to_be(&one, |now| now["breakers"].is_null()).await;
    assert_eq!(tried(&one, "guarded").await, "openai/m=ok");
    // One that is started later knows nothing worse of it.
    let three = fleet.patient().await;
    comes_to_be(&three, |now| now["fleet"]["heard_seconds_ago"].is_number()).await;
    assert_eq!(tried(&three, "guarded").await, "openai/m=ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn without_the_table_breakers_are_each_routers_own_and_nobody_waits() {
    for outage in [Link::Silent, Link::Down] {
        let fleet = Fleet::new(json!({})).await;
        let (mut one, two) = (fleet.patient().await, fleet.router().await);
        comes_to_be(&one, |now| now["fleet"]["heard_seconds_ago"].is_number()).await;
        fleet.link.send_replace(outage);
        fleet.upstream.always("/openai/", overloaded());
        // The table is waited for as long as 20 s, but not by these.
        let asked = async {
            assert_eq!(tried(&one, "guarded").await, "openai/m=rate_limit, second/m=ok");
            assert_eq!(tried(&one, "guarded").await, "openai/m=skipped, second/m=ok");
        };
        tokio::time::timeout(Duration::from_secs(15), asked).await.expect("requests wait");
        let told = comes_to_be(&two, |now| now["fleet"]["breakers"] == "in_process").await;
        assert_eq!(told["status"], "degraded");
        assert!(told["fleet"]["error"].as_str().unwrap().contains(&fleet.table), "{told}");
        assert_eq!(told["breakers"], Value::Null, "{told}");
        assert_eq!(tried(&two, "guarded").await, "openai/m=rate_limit, second/m=ok");
        if outage == Link::Down {
            one.says("breakers are kept in this process alone").await;
        }

        fleet.link.send_replace(Link::Up);
        let told = comes_to_be(&two, |now| now["status"] == "ok").await;
        assert_eq!(told["fleet"]["breakers"], "shared");
    }
}
