//! What is recorded of a request, seen through the running router and the files that it writes.

use std::path::Path;
use std::time::Duration;

use model_map::audit::{Record, RequestOutcome};
use model_map::{Draw, FailureClass};
use serde_json::{Value, json};
use sfai_router::audit::folder::{Folder, Fsync};
use sfai_router::observer::{Observer, Tellers};

use crate::faults::{At, End, Fault, Gate, Upstream};
use crate::process::RouterProcess;
use crate::running::{MapBuilder, Running, question, start_observed};

/// A router over an upstream that fails on command, and the folder that it records in.
struct Recorded {
    upstream: Upstream,
    running: Running,
    observer: std::sync::Arc<Observer>,
    map: Vec<u8>,
    folder: tempfile::TempDir,
}

async fn start(build: impl FnOnce(MapBuilder) -> MapBuilder) -> Recorded {
    let upstream = Upstream::start().await;
    let price = json!({"price": {"input": 3_000_000, "cache_read": 300_000,
        "cache_write": 3_750_000, "output": 15_000_000}});
    let prices = json!({"models": {"anthropic/m": price, "openai/m": price}});
    let map = build(MapBuilder::new(upstream.address).with(prices)).bytes();
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::now();
    let tellers = Tellers {
        folder: Some(Folder::open(folder.path(), Fsync::Interval, now).unwrap()),
        ..Tellers::default()
    };
    let observer = std::sync::Arc::new(Observer::start(tellers).unwrap());
    let running = start_observed(&map, "", &observer).await;
    Recorded { upstream, running, observer, map, folder }
}

impl Recorded {
    /// All records, once so many are written.
    async fn records(&self, count: usize) -> Vec<Record> {
        for _ in 0..2_000 {
            let lines = lines(self.folder.path());
            if lines.len() >= count {
                let read = |line: &String| model_map::audit::read(line.as_bytes()).unwrap();
                return lines.iter().map(read).collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no {count} records, but {:?}", lines(self.folder.path()));
    }

    async fn record(&self) -> Record {
        self.records(1).await.remove(0)
    }
}

/// Every line below a folder, in the order of the files' names.
pub fn lines(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn a_continuation_that_the_client_does_not_wait_for_is_recorded() {
    let resumes = json!({"resume": true});
    let chain = ["openai/m", "anthropic/m", "second/m"];
    let recorded = start(|map| map.role("coder", &chain, resumes)).await;
    let choice = json!({"index": 0, "delta": {"role": "assistant", "content": "One two"}});
    let begun = format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [choice]}));
    recorded.upstream.push("/openai/", [Fault::recorded(begun.as_bytes(), &[])]);
    recorded.upstream.push("/anthropic/", [Fault::status(529)]);
    recorded.upstream.push("/second/", [Fault::Hang(At::AfterHeaders)]);
    let mut response = recorded.running.ask("coder", true).await;
    assert!(response.chunk().await.unwrap().is_some());
    recorded.upstream.arrived(3).await;
    drop(response);
    let record = recorded.record().await;
    assert_eq!((record.outcome, record.model.as_deref()), (RequestOutcome::Left, Some("openai/m")));
    let attempts: Vec<_> = record.attempts.iter().map(|it| (&*it.model, it.class)).collect();
    let overloaded = Some(FailureClass::Overloaded);
    assert_eq!(attempts[1..], [("anthropic/m", overloaded), ("second/m", None)]);
}

#[tokio::test]
async fn a_continued_answer_is_recorded_with_the_attempt_that_broke_and_who_went_on() {
    let resumes = json!({"resume": true});
    let recorded = start(|map| map.role("coder", &["openai/m", "second/m"], resumes)).await;
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [choice]}))
    };
    let begun = chunk(json!({"role": "assistant", "content": "One two"}), Value::Null);
    let ends = chunk(json!({"content": "One two three."}), json!("stop")) + "data: [DONE]\n\n";
    recorded.upstream.push("/openai/", [Fault::recorded(begun.as_bytes(), &[])]);
    recorded.upstream.push("/second/", [Fault::recorded(ends.as_bytes(), &[])]);
    let text = recorded.running.ask("coder", true).await.text().await.unwrap();
    assert!(text.contains(" three.") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let record = recorded.record().await;
    assert_eq!(record.outcome, RequestOutcome::Answered);
    assert_eq!(record.model.as_deref(), Some("second/m"));
    let tried = record.attempts.iter().map(|it| (it.model.as_str(), it.class));
    let tried: Vec<_> = tried.collect();
    assert_eq!(tried, [("openai/m", Some(FailureClass::Network)), ("second/m", None)]);
}

#[tokio::test]
async fn a_fallback_is_recorded_with_each_attempt_its_usage_and_the_cost() {
    let recorded = start(|map| map.role("coder", &["anthropic/m", "openai/m"], json!({}))).await;
    recorded.upstream.push("anthropic", [Fault::status(529)]);
    for stream in [true, false] {
        let response = recorded.running.ask("coder", stream).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(response.status(), 200);
        // It is counted for the record; the client did not ask for a chunk with it.
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("\"usage\":{"), !stream, "{text}");
        let record = recorded.records(1 + usize::from(!stream)).await.pop().unwrap();
        assert_eq!(record.id, id);
        assert_eq!((record.role.as_str(), record.rule.as_str()), ("coder", "test.sfr:1"));
        assert_eq!((record.outcome, record.status), (RequestOutcome::Answered, 200));
        assert_eq!(record.finish.as_deref(), Some("stop"));
        assert!(record.first_token_ms.unwrap() <= record.total_ms);
        assert_eq!((record.facts.stream, record.facts.messages), (stream, 1));
        assert_eq!(record.facts.max_tokens, Some(100));
        assert!(record.request.is_none() && record.response.is_none());
        let usage = record.usage.unwrap();
        assert!(usage.input > 0 && usage.output > 0);
        let fresh = usage.input - usage.cache_read - usage.cache_write;
        let parts = fresh * 3_000_000
            + usage.cache_read * 300_000
            + usage.cache_write * 3_750_000
            + usage.output * 15_000_000;
        let cost: f64 = record.cost_usd.as_ref().unwrap().parse().unwrap();
        assert!((cost * 1e12 - parts as f64).abs() < 1.0, "{cost} {parts}");
        assert_eq!(record.cost_micro_dollars.unwrap(), (parts + 500_000) / 1_000_000);
        let winner = record.attempts.last().unwrap();
        assert_eq!(winner.usage, record.usage);
        assert!(winner.started_ms <= winner.ended_ms && winner.class.is_none());
        if stream {
            assert!(winner.first_token_ms.unwrap() <= winner.ended_ms);
            let failed = &record.attempts[0];
            assert_eq!(failed.model, "anthropic/m");
            assert_eq!((failed.class, failed.status), (Some(FailureClass::Overloaded), Some(529)));
            assert_eq!(record.model.as_deref(), Some("openai/m"));
        } else {
            assert_eq!(record.model.as_deref(), Some("anthropic/m"));
        }
    }
}

#[tokio::test]
async fn what_is_recorded_is_planned_again_as_it_was() {
    let recorded = start(|map| {
        map.role("coder", &["openai/m"], json!({"arms": [
            {"chain": [{"model": "second/m"}], "when": {"text": {"fact": {"header": "x-team"}, "is": "present"}}},
            {"chain": [{"model": "openai/m"}], "draw": [
                {"model": "anthropic/m", "percent": 50}, {"model": "second/m", "percent": 50}]},
        ]}))
    })
    .await;
    for number in 0..8 {
        let mut body = question("coder", false);
        body["user"] = format!("u{number}").into();
        recorded.running.chat(&body).await.bytes().await.unwrap();
    }
    let request = crate::running::client().post(recorded.running.url("/v1/chat/completions"));
    let request = request.header("x-team", "core").header("x-other", "no");
    request.body(question("coder", false).to_string()).send().await.unwrap();
    let records = recorded.records(9).await;
    let map = model_map::load(&recorded.map).unwrap();
    for record in &records {
        let draw = Draw::percent(record.draw);
        let plan = model_map::plan(&map, &record.role, &record.facts, draw).unwrap();
        assert_eq!(plan.chain[0].key, record.attempts[0].model);
        assert_eq!((record.map.as_str(), record.env.as_str()), (map.digest.as_str(), "test"));
    }
    let drawn = |model: &str| records.iter().filter(|it| it.attempts[0].model == model).count();
    assert!(drawn("anthropic/m") > 0, "both of the draw's models are among them");
    let noted = &records.last().unwrap().facts.headers;
    assert_eq!(noted.iter().collect::<Vec<_>>(), [(&"x-team".to_owned(), &"core".to_owned())]);
}

#[tokio::test]
async fn a_failure_of_all_a_break_and_a_refusal_are_told_apart() {
    let recorded = start(|map| {
        map.role("coder", &["anthropic/m", "openai/m"], json!({})).role(
            "quiet",
            &["openai/m"],
            json!({"audit": "off"}),
        )
    })
    .await;
    recorded.upstream.push("", [Fault::status(500), Fault::status(503)]);
    let response = recorded.running.ask("coder", true).await;
    assert_eq!(response.status(), 503);
    response.bytes().await.unwrap();
    let failed = recorded.record().await;
    assert_eq!((failed.outcome, failed.status), (RequestOutcome::Failed, 503));
    assert_eq!((failed.model, failed.finish, failed.cost_usd), (None, None, None));
    assert_eq!(failed.attempts.len(), 2);

    recorded.upstream.push("", [Fault::Cut(At::AfterFirstToken)]);
    recorded.running.ask("coder", true).await.bytes().await.unwrap();
    let broken = recorded.records(2).await.pop().unwrap();
    assert_eq!((broken.outcome, broken.status), (RequestOutcome::Broken, 200));
    assert_eq!((broken.finish, broken.attempts[0].class), (None, Some(FailureClass::Network)));
    assert_eq!(broken.model.as_deref(), Some("anthropic/m"));

    // Neither has a record: the one has no plan, and of the other none is to be kept.
    assert_eq!(recorded.running.ask("nobody", false).await.status(), 404);
    assert_eq!(recorded.running.ask("quiet", false).await.status(), 200);
    recorded.running.ask("coder", false).await.bytes().await.unwrap();
    let roles: Vec<_> = recorded.records(3).await.into_iter().map(|it| it.role).collect();
    assert_eq!(roles, ["coder"; 3]);
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_before_and_after_the_first_token() {
    let recorded = start(|map| map.role("coder", &["anthropic/m"], json!({}))).await;
    recorded.upstream.push("", [Fault::Hang(At::BeforeHeaders)]);
    let asked = recorded.running.ask("coder", true);
    tokio::select! {
        _ = asked => panic!("it hangs"),
        _ = recorded.upstream.arrived(1) => {}
    }
    let before = recorded.record().await;
    assert_eq!((before.outcome, before.status), (RequestOutcome::Left, 499));
    assert_eq!((before.attempts.len(), before.usage), (1, None));
    assert_eq!(recorded.upstream.ended(0).await, End::ClientLeft);

    let gate = Gate::default();
    recorded.upstream.push("", [Fault::Hold(At::AfterFirstToken, gate.clone())]);
    let mut response = recorded.running.ask("coder", true).await;
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    let after = recorded.records(2).await.pop().unwrap();
    gate.open();
    assert_eq!((after.outcome, after.status), (RequestOutcome::Left, 200));
    assert!(after.first_token_ms.is_some() && after.finish.is_none());
    // Anthropic tells of the input with the first event: it is paid for, and known.
    assert!(after.usage.unwrap().input > 0 && after.cost_usd.is_some());
}

#[tokio::test]
async fn a_full_record_holds_what_was_said_without_keys_and_data() {
    let full = json!({"audit": "full"});
    let recorded = start(|map| map.role("coder", &["anthropic/m"], full)).await;
    let key = ["sk-", "ant-api03-abcdefgh0123456789"].concat();
    let mut body = question("coder", true);
    let image = format!("data:image/png;base64,{}", "iVBO".repeat(500));
    body["messages"][0]["content"] = json!([
        {"type": "text", "text": format!("Say hello. {key}")},
        {"type": "image_url", "image_url": {"url": image}},
    ]);
    let pretty = serde_json::to_string_pretty(&body).unwrap();
    for stream in [true, false] {
        let text = pretty.replace("\"stream\": true", &format!("\"stream\": {stream}"));
        let request = crate::running::client().post(recorded.running.url("/v1/chat/completions"));
        let got = request.body(text).send().await.unwrap().text().await.unwrap();
        let record = recorded.records(1 + usize::from(!stream)).await.pop().unwrap();
        let request: Value = serde_json::from_str(record.request.unwrap().get()).unwrap();
        let content = &request["messages"][0]["content"];
        assert_eq!(content[0]["text"], "Say hello. ***");
        let url = &content[1]["image_url"]["url"];
        assert_eq!(*url, "data:image/png;base64,…(2000 characters of data)");
        let response: Value = serde_json::from_str(record.response.unwrap().get()).unwrap();
        let said = response["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(!said.is_empty() && response["object"] == "chat.completion", "{response}");
        if !stream {
            let got = got.replace(&key, "***");
            assert_eq!(response, serde_json::from_str::<Value>(&got).unwrap());
        }
    }
    assert!(lines(recorded.folder.path()).iter().all(|line| !line.contains(&key)));
}

#[tokio::test]
async fn a_hedge_that_lost_is_recorded_with_what_it_used() {
    let hedged = json!({"hedge_after_ms": 1, "commit": "first_token"});
    let recorded = start(|map| map.role("coder", &["anthropic/m", "openai/m"], hedged)).await;
    let never = Gate::default();
    recorded.upstream.push("anthropic", [Fault::Hold(At::BeforeFirstToken, never)]);
    recorded.running.ask("coder", true).await.bytes().await.unwrap();
    let record = recorded.record().await;
    let [lost, won] = record.attempts.as_slice() else { panic!("{record:?}") };
    assert_eq!((lost.model.as_str(), lost.class), ("anthropic/m", None));
    assert_eq!(won.model, "openai/m");
    assert_eq!(record.model.as_deref(), Some("openai/m"));
    assert!(lost.ended_ms <= record.total_ms);
    assert!(lost.usage.unwrap().input > 0, "{lost:?}");
}

#[tokio::test]
async fn what_comes_after_the_close_goes_to_the_log_and_the_answer_is_not_touched() {
    let recorded = start(|map| map.role("coder", &["openai/m"], json!({}))).await;
    recorded.observer.close();
    assert_eq!(recorded.running.ask("coder", false).await.status(), 200);
    assert!(lines(recorded.folder.path()).is_empty());
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_whole_lines() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("coder", &["openai/m"], json!({})).bytes();
    let folder = tempfile::tempdir().unwrap();
    let (path, audit) = (folder.path().join("map.json"), folder.path().join("audit"));
    std::fs::write(&path, map).unwrap();
    let arguments = ["--map", path.to_str().unwrap(), "--audit", audit.to_str().unwrap()];
    let router = RouterProcess::start(&arguments, &[]).await;
    let address = router.address;
    let asks = (0..8).map(|_| {
        tokio::spawn(async move {
            let (client, body) = (crate::running::client(), question("coder", false).to_string());
            let url = format!("http://{address}/v1/chat/completions");
            // Until the process is gone.
            while client.post(&url).body(body.clone()).send().await.is_ok() {}
        })
    });
    let asks: Vec<_> = asks.collect();
    while !audit.exists() || lines(&audit).len() < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(router);
    for ask in asks {
        ask.await.unwrap();
    }
    let lines = lines(&audit);
    let (last, whole) = lines.split_last().unwrap();
    for line in whole {
        assert_eq!(model_map::audit::read(line.as_bytes()).unwrap().role, "coder");
    }
    // Of the last one a part may be missing, and nothing else.
    assert!(last.starts_with("{\"attempts\":["), "{last}");
}
