//! Breakers through sockets, by a clock of the test's: a model that fails is left alone, asked
//! again by one request at a time, and taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model_map::{BreakerState, breaker};
use serde_json::{Value, json};
use sfai_router::breakers::Breakers;

use crate::faults::{At, Fault, Gate, Upstream};
use crate::running::{self, MapBuilder, Running, client};

const SECOND: Duration = Duration::from_secs(1);

/// A clock that stands still until it is told.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn breakers(&self) -> Breakers {
        let clock = self.clone();
        Breakers::by(Arc::new(move || clock.now()))
    }
}

async fn setup(chain: &[&str], change: Value) -> (Upstream, Running, Clock) {
    let (upstream, clock) = (Upstream::start().await, Clock::default());
    let map = MapBuilder::new(upstream.address).role("r", chain, change).role(
        "other",
        &["openai/m", "anthropic/m"],
        json!({}),
    );
    let router = running::start_guarded(&map.bytes(), clock.breakers()).await;
    (upstream, router, clock)
}

async fn tried(router: &Running, role: &str, stream: bool) -> String {
    tried_by(&client(), router, (role, stream)).await
}

async fn tried_by(
    client: &reqwest::Client,
    router: &Running,
    (role, stream): (&str, bool),
) -> String {
    let request = client.post(router.url("/")).body(running::question(role, stream).to_string());
    let response = request.send().await.unwrap();
    let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
    response.text().await.unwrap();
    tried
}

async fn health(router: &Running) -> Value {
    let response = client().get(router.url("/health")).send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_model_that_fails_is_passed_over_by_every_role_until_a_probe_succeeds() {
    for stream in [true, false] {
        let (upstream, router, clock) = setup(&["openai/m", "second/m"], json!({})).await;
        assert_eq!(health(&router).await["breakers"], Value::Null, "closed ones are not shown");
        upstream.always("/openai/", Fault::status(500));
        for _ in 0..3 {
            assert_eq!(tried(&router, "r", stream).await, "openai/m=server_error, second/m=ok");
        }
        assert_eq!(tried(&router, "r", stream).await, "openai/m=skipped, second/m=ok");
        assert_eq!(tried(&router, "other", stream).await, "openai/m=skipped, anthropic/m=ok");
        let shown = json!({"openai/m": {"state": "open", "open_for_ms": 5000}});
        assert_eq!(health(&router).await["breakers"], shown);

        clock.set(5 * SECOND);
        assert_eq!(health(&router).await["breakers"]["openai/m"], json!({"state": "half_open"}));
        assert_eq!(tried(&router, "r", stream).await, "openai/m=server_error, second/m=ok");
        assert_eq!(health(&router).await["breakers"]["openai/m"]["open_for_ms"], 10_000);
        upstream.always("/openai/", Fault::Answer);
        assert_eq!(tried(&router, "r", stream).await, "openai/m=skipped, second/m=ok");
        clock.set(15 * SECOND);
        assert_eq!(tried(&router, "r", stream).await, "openai/m=ok");
        assert_eq!(health(&router).await["breakers"], Value::Null);
    }
}

#[tokio::test]
async fn the_last_link_is_always_tried_and_closes_its_breaker() {
    let (upstream, router, _) = setup(&["second/m", "openai/m"], json!({})).await;
    upstream.always("/second/", Fault::status(503));
    upstream.always("/openai/", Fault::status(503));
    for _ in 0..3 {
        assert_eq!(tried(&router, "r", true).await, "second/m=overloaded, openai/m=overloaded");
    }
    assert_eq!(tried(&router, "r", true).await, "second/m=skipped, openai/m=overloaded");
    assert_eq!(router.breakers.seen("openai/m").state, BreakerState::Open);
    upstream.always("/openai/", Fault::Answer);
    assert_eq!(tried(&router, "r", true).await, "second/m=skipped, openai/m=ok");
    assert_eq!(router.breakers.seen("openai/m").state, BreakerState::Closed);
}

#[tokio::test]
async fn retry_after_opens_at_once_and_a_retry_waits_for_it_as_the_probe() {
    let retry = json!({"retry": {"count": 1, "on": ["rate_limit"]}});
    let (upstream, router, clock) = setup(&["openai/m", "second/m"], retry).await;
    upstream.push("/openai/", [Fault::status(429).with_header("retry-after", "3600")]);
    assert_eq!(tried(&router, "r", true).await, "openai/m=rate_limit, second/m=ok");
    let seen = router.breakers.seen("openai/m");
    assert_eq!((seen.state, seen.open_for), (BreakerState::Open, 30 * SECOND), "at the most");
    assert_eq!(tried(&router, "r", true).await, "openai/m=skipped, second/m=ok");
    clock.set(30 * SECOND);
    // The clock of breakers stands still: the retry comes too early for them.
    upstream.push("/openai/", [Fault::status(429).with_header("retry-after-ms", "20")]);
    let passed = "openai/m=rate_limit, openai/m=skipped, second/m=ok";
    assert_eq!(tried(&router, "r", true).await, passed);
}

#[tokio::test]
async fn failures_of_the_request_or_of_ours_open_nothing() {
    let body = r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#;
    let limits = json!({"providers": {"openai": {"max_connections": 1}}});
    let upstream = Upstream::start().await;
    let short = json!({"timeouts": {"connect_ms": 20}});
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m", "second/m"], short);
    let map = map.with(limits).bytes();
    let router = running::start_guarded(&map, Clock::default().breakers()).await;
    for _ in 0..4 {
        upstream.push("/openai/", [Fault::status(400)]);
        assert_eq!(tried(&router, "r", true).await, "openai/m=invalid_request");
        upstream.push("/openai/", [Fault::status(400).with_body(body)]);
        assert_eq!(tried(&router, "r", true).await, "openai/m=context_length, second/m=ok");
    }
    let gate = Gate::default();
    upstream.push("/openai/", [Fault::Hold(At::AfterFirstToken, gate.clone())]);
    let open = router.ask("r", true).await;
    for _ in 0..4 {
        assert_eq!(tried(&router, "r", true).await, "openai/m=overloaded, second/m=ok");
    }
    gate.open();
    open.text().await.unwrap();
    assert_eq!(tried(&router, "r", true).await, "openai/m=ok");
}

#[tokio::test]
async fn streams_that_break_after_their_first_token_count() {
    let (upstream, router, _) = setup(&["openai/m", "second/m"], json!({})).await;
    upstream.always("/openai/", Fault::Cut(At::AfterFirstToken));
    for _ in 0..3 {
        assert_eq!(tried(&router, "r", true).await, "openai/m=ok");
    }
    assert_eq!(tried(&router, "r", true).await, "openai/m=skipped, second/m=ok");
}

#[tokio::test]
async fn a_probe_whose_client_leaves_is_no_verdict_and_the_next_one_probes() {
    let (upstream, router, clock) = setup(&["openai/m", "second/m"], json!({})).await;
    upstream.push("/openai/", [(); 3].map(|()| Fault::status(500)));
    for _ in 0..3 {
        tried(&router, "r", true).await;
    }
    clock.set(5 * SECOND);
    let before = upstream.arrivals().len();
    upstream.push("/openai/", [Fault::Hang(At::BeforeHeaders)]);
    let request = client().post(router.url("/"));
    let request = request.body(running::question("r", true).to_string());
    let asking = tokio::spawn(request.send());
    upstream.arrived(before + 1).await;
    assert_eq!(tried(&router, "r", true).await, "openai/m=skipped, second/m=ok");
    asking.abort();
    upstream.ended(before).await;
    assert_eq!(tried(&router, "r", true).await, "openai/m=ok");
}

#[tokio::test]
async fn a_hedge_leaves_a_model_alone_whose_breaker_is_open() {
    let (upstream, clock) = (Upstream::start().await, Clock::default());
    let map = MapBuilder::new(upstream.address)
        .role("hedged", &["openai/m", "second/m"], json!({"hedge_after_ms": 30}))
        .role("alone", &["second/m"], json!({}));
    let router = running::start_guarded(&map.bytes(), clock.breakers()).await;
    let calls = || upstream.arrivals().iter().filter(|it| it.path.starts_with("/second/")).count();
    upstream.always("/second/", Fault::status(500));
    for _ in 0..3 {
        assert_eq!(tried(&router, "alone", true).await, "second/m=server_error");
    }
    for _ in 0..3 {
        let late = Fault::Pause(At::BeforeFirstToken, Duration::from_millis(500));
        upstream.push("/openai/", [late]);
        let tried = tried(&router, "hedged", true).await;
        assert!(tried.starts_with("openai/m=ok"), "{tried}");
    }
    assert_eq!(calls(), 3, "nobody asks while it cools down");
    // It is all that is left where the first one fails.
    upstream.push("/openai/", [Fault::status(500)]);
    assert_eq!(
        tried(&router, "hedged", true).await,
        "openai/m=server_error, second/m=server_error"
    );
    // A hedge may be the probe.
    clock.set(5 * SECOND);
    upstream.always("/second/", Fault::Answer);
    upstream.push("/openai/", [Fault::Hang(At::BeforeHeaders)]);
    let probed = tried(&router, "hedged", true).await;
    assert_eq!(probed, "openai/m=cancelled, second/m=ok");
    assert_eq!(router.breakers.seen("second/m").state, BreakerState::Closed);
}

/// Half a minute and more of requests, three at a time and twice a second, around an outage.
/// Says how long after the recovery the primary answered again.
async fn flap(outage: Duration) -> Duration {
    const STEP: Duration = Duration::from_millis(500);
    const BEGIN: Duration = SECOND;
    let (upstream, router, clock) = setup(&["openai/m", "second/m"], json!({})).await;
    let primary =
        || upstream.arrivals().iter().filter(|it| it.path.starts_with("/openai/")).count();
    let client = client();
    let mut last_probe = None;
    let mut probes = 0;
    let mut now = Duration::ZERO;
    loop {
        clock.set(now);
        let is_out = now >= BEGIN && now < BEGIN + outage;
        upstream.always("/openai/", if is_out { Fault::status(503) } else { Fault::Answer });
        let (before, opened) = (primary(), router.breakers.seen("openai/m").state);
        let asked = [(); 3].map(|()| tried_by(&client, &router, ("r", true)));
        let answers = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(|tried| tried.ends_with("=ok")), "{now:?}: {answers:?}");
        let calls = primary() - before;
        if opened == BreakerState::Open {
            assert_eq!(calls, 0, "{now:?}: nobody asks while it cools down");
        }
        if is_out && opened == BreakerState::HalfOpen {
            assert_eq!(calls, 1, "{now:?}: one probe for three requests");
            probes += 1;
            let since = last_probe.replace(now).map_or(breaker::FIRST_COOL_DOWN, |at| now - at);
            assert!(since >= breaker::FIRST_COOL_DOWN, "{since:?}");
        }
        if now >= BEGIN + outage && answers.iter().any(|tried| tried == "openai/m=ok") {
            println!("outage {outage:?}: {probes} probes");
            return now - BEGIN - outage;
        }
        now += STEP;
    }
}

#[tokio::test]
async fn a_flapping_provider_is_probed_once_a_period_and_back_within_half_a_minute() {
    for seconds in [3, 33] {
        let back = flap(seconds * SECOND).await;
        assert!(back <= 30 * SECOND, "back after {back:?} of an outage of {seconds} s");
        println!("an outage of {seconds} s: back {back:?} after it");
    }
}
