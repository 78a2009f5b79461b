//! The fault matrix: each class of failure at each point of an answer, for each protocol of clients
//! and of providers, streamed and not, in each commit mode. What has to come of a case is worked
//! out in `rules` and held against what the client and the upstreams saw; `docs/reliability.md` has
//! the table of what was seen.

mod case;
mod rules;
mod table;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::case::{Case, Class, FIRST_TOKEN};
use self::rules::{Expected, Outcome};
use crate::faults::Upstream;
use crate::running::{self, MapBuilder, Running, client};

/// Cases run side by side, each worker with an upstream and a router of its own.
const WORKERS: usize = 24;

/// The most of full jitter is not all of it, and timers count in whole milliseconds.
const SLACK: Duration = Duration::from_millis(2);

struct Worker {
    upstream: Upstream,
    router: Running,
    /// Making one takes longer than a case.
    client: reqwest::Client,
}

/// Roles by commit mode: `NAME` is patient, `NAME-quick` waits no longer than the silent need.
async fn worker() -> Worker {
    let upstream = Upstream::start().await;
    let key = json!({"authorization": "Bearer of-bedrock"});
    let place = format!("{}/bedrock", upstream.url());
    let mut map = MapBuilder::new(upstream.address).with(json!({
        "providers": {"bedrock": {"protocol": "bedrock", "base_url": place, "headers": key}},
        "models": {"bedrock/m": {"provider": "bedrock", "id": "m"}},
    }));
    let back_off = u64::try_from(case::BACK_OFF.as_millis()).unwrap();
    let quick = u64::try_from(FIRST_TOKEN.as_millis()).unwrap();
    for first in case::UPSTREAMS {
        for commit in case::COMMITS {
            for (name, ms) in [("", 20_000), ("-quick", quick)] {
                let role = json!({
                    "commit": commit,
                    "retry": {"count": 1, "min_backoff_ms": back_off, "max_backoff_ms": back_off, "on": case::RETRIED.map(Class::name)},
                    "timeouts": {"first_token_ms": ms, "idle_ms": ms, "total_ms": 3 * ms},
                });
                let chain = [&format!("{first}/m"), "second/m"];
                map = map.role(&format!("{first}-{commit}{name}"), &chain, role);
            }
        }
    }
    let map = map.role("second", &["second/m"], json!({}));
    let (router, client) = (running::start_unlucky(&map.bytes()).await, client());
    // So that it is known that these upstreams have no endpoint for responses.
    for role in ["openai-headers", "anthropic-headers", "second"] {
        let body = json!({"model": role, "input": "Say hello."});
        let request = client.post(router.url("/v1/responses")).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    Worker { upstream, router, client }
}

/// What came of a case.
#[derive(Debug)]
struct Seen {
    outcome: Outcome,
    first_calls: usize,
    second_calls: usize,
    tried: String,
    took: Duration,
    /// How long after the call before each later one came.
    pauses: Vec<Duration>,
}

async fn run(case: &Case, Worker { upstream, router, client }: &Worker) -> Seen {
    let calls = |provider: &str| {
        let path = format!("/{provider}/");
        upstream.arrivals().iter().filter(|it| it.path.starts_with(&path)).count()
    };
    let before = (calls(case.upstream), calls("second"));
    let all = upstream.arrivals().len();
    upstream.always(&format!("/{}/", case.upstream), case.fault());
    let began = Instant::now();
    let request = client.post(router.url(case.path())).body(case.request().to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
    let body = response.text().await.unwrap();
    Seen {
        outcome: outcome(case, status, &body),
        first_calls: calls(case.upstream) - before.0,
        second_calls: calls("second") - before.1,
        tried,
        took: began.elapsed(),
        pauses: upstream.arrivals()[all..].windows(2).map(|it| it[1].at - it[0].at).collect(),
    }
}

/// What the client sees: a whole answer, a refusal, or an answer that breaks off with an error.
fn outcome(case: &Case, status: u16, body: &str) -> Outcome {
    if status != 200 {
        let error: Value = serde_json::from_str(body).unwrap();
        assert!(error["error"]["message"].is_string(), "{case:?}: {body}");
        return Outcome::Refused(status);
    }
    if !case.streamed {
        let _: Value = serde_json::from_str(body).unwrap();
        return Outcome::Answered;
    }
    let last = body.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let is_end = case.ends_with(last);
    let told = serde_json::from_str::<Value>(last).unwrap_or_default();
    let is_error =
        told["error"].is_object() || told["type"] == "error" || told["type"] == "response.failed";
    assert!(is_end != is_error, "{case:?}: neither an end nor an error: {body}");
    assert!(is_end || !case.finishes(body), "{case:?}: an error after an end: {body}");
    if is_end { Outcome::Answered } else { Outcome::Broken }
}

/// What is not as it has to be, if anything.
fn check(case: &Case, seen: &Seen, expected: &Expected) -> Option<String> {
    let is_so = seen.outcome == expected.outcome
        && seen.tried == expected.tried
        && seen.first_calls == expected.first_calls
        && seen.second_calls == expected.second_calls
        && seen.took >= expected.not_before
        && seen.pauses.len() == expected.pauses.len()
        && seen.pauses.iter().zip(&expected.pauses).all(|(seen, least)| *seen + SLACK >= *least);
    (!is_so).then(|| format!("{case:?}: {seen:?}, expected {expected:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_at_every_point_has_the_outcome_that_the_rules_give() {
    let cases = case::all();
    let queue = std::sync::Arc::new(std::sync::Mutex::new(cases.clone()));
    let began = Instant::now();
    let work = |_| {
        let queue = std::sync::Arc::clone(&queue);
        tokio::spawn(async move {
            let worker = worker().await;
            let mut done = Vec::new();
            loop {
                let Some(case) = queue.lock().unwrap().pop() else { return done };
                let (seen, expected) = (run(&case, &worker).await, rules::expected(&case));
                let wrong = check(&case, &seen, &expected);
                done.push((case, seen, wrong));
            }
        })
    };
    let workers: Vec<_> = (0..WORKERS).map(work).collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    let wrong: Vec<&String> = done.iter().filter_map(|(_, _, wrong)| wrong.as_ref()).collect();
    assert!(wrong.is_empty(), "{} of {} cases: {wrong:#?}", wrong.len(), cases.len());
    assert_eq!(done.len(), cases.len());
    println!("{} cases in {:?}", done.len(), began.elapsed());
    table::hold(
        &done.iter().map(|(case, seen, _)| (case, &seen.outcome, seen)).collect::<Vec<_>>(),
    );
}
