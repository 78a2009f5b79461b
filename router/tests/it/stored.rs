//! The audit log in S3, from the real binary: as a function that may be frozen whenever its answer
//! is over, and as a server.

use std::io::Read;
use std::time::{Duration, Instant};

use model_map::audit::{Record, RequestOutcome};
use serde_json::json;
use tempfile::TempDir;

use crate::aws::{Aws, BUCKET, Mode};
use crate::faults::{At, Fault, Gate, Upstream};
use crate::freezer::Freezer;
use crate::lambda::{KEY, api_event, rest_event, url_event};
use crate::process::RouterProcess;
use crate::running::{MapBuilder, client, question};
use crate::runtime_api::Function;

const CHAT: &str = "/v1/chat/completions";

pub struct Deployed {
    pub aws: Aws,
    pub function: Function,
    upstream: Upstream,
    _folder: TempDir,
}

/// What a process needs to keep its audit log in the fake, and its map in a file.
async fn surroundings() -> (Aws, Upstream, TempDir, Vec<(&'static str, String)>) {
    let (aws, upstream) = (Aws::start().await, Upstream::start().await);
    let folder = tempfile::tempdir().unwrap();
    let map = MapBuilder::new(upstream.address).role("gpt", &["openai/m"], json!({})).role(
        "full",
        &["openai/m"],
        json!({"audit": "full"}),
    );
    std::fs::write(folder.path().join("map.json"), map.bytes()).unwrap();
    let mut env = aws.env();
    env.retain(|(name, _)| *name != "SFAI_CONFIG_BUCKET");
    env.push(("SFAI_AUDIT_BUCKET", BUCKET.into()));
    env.push(("SFAI_CLIENT_KEYS", format!("ada:{KEY}")));
    (aws, upstream, folder, env)
}

/// A function that keeps its audit log in the fake.
pub async fn deploy() -> Deployed {
    let (aws, upstream, folder, env) = surroundings().await;
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let function = Function::start(&folder.path().join("map.json"), &env).await;
    Deployed { aws, function, upstream, _folder: folder }
}

/// Every record that is stored now, in the order of the objects' names.
pub fn records(aws: &Aws) -> Vec<Record> {
    let mut all = Vec::new();
    for (key, body) in aws.objects("dt=") {
        let parts: Vec<_> = key.split('/').collect();
        assert!(
            matches!(parts[..], [day, hour, name] if day.len() == 13
            && hour.starts_with("hour=") && name.ends_with(".jsonl.gz")),
            "{key}"
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        assert!(text.ends_with('\n'));
        all.extend(text.lines().map(|line| model_map::audit::read(line.as_bytes()).unwrap()));
    }
    all
}

pub fn ask(stream: bool) -> String {
    question("gpt", stream).to_string()
}

#[tokio::test]
async fn the_record_is_stored_when_a_stream_ends_and_its_last_token_does_not_wait_for_it() {
    let deployed = deploy().await;
    for event in [
        url_event("POST", CHAT, &ask(true)),
        url_event("POST", CHAT, &ask(false)),
        rest_event(CHAT, &ask(true)),
    ] {
        let mut posted = deployed.function.invoke(event).await;
        let (prelude, stream) = posted.prelude().await;
        stream.rest().await;
        // The process may be frozen from here on.
        let record = records(&deployed.aws).pop().unwrap();
        assert_eq!(prelude["headers"]["x-request-id"], record.id.as_str());
        assert_eq!(
            (record.outcome, record.client.as_deref()),
            (RequestOutcome::Answered, Some("ada"))
        );
    }
    deployed.aws.s3(Mode::Silent);
    let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
    let (_, mut stream) = posted.prelude().await;
    stream.text_until("data: [DONE]\n\n").await;
    // The last token is here, and the record is not there: the second try stores it.
    assert_eq!(records(&deployed.aws).len(), 3);
    deployed.aws.s3(Mode::Well);
    stream.rest().await;
    assert_eq!(records(&deployed.aws).len(), 4);
}

#[tokio::test]
async fn the_record_of_a_client_that_left_is_stored_before_the_next_event_is_asked_for() {
    let deployed = deploy().await;
    for number in 1..=3 {
        let never = Gate::default();
        deployed.upstream.push("", [Fault::Hold(At::AfterFirstToken, never)]);
        let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
        let (_, mut stream) = posted.prelude().await;
        stream.text_until("\"content\":\"").await;
        drop(posted);
        // It gets this event only after it has asked for it, and may be frozen until then.
        let health = deployed.function.invoke(api_event("GET", "/health", "")).await;
        let stored = records(&deployed.aws);
        assert_eq!(stored.len(), number);
        assert!(stored.iter().all(|record| record.outcome == RequestOutcome::Left));
        health.buffered().await;
    }
}

#[tokio::test]
async fn a_buffered_answer_does_not_wait_for_its_record_and_the_next_event_does() {
    let deployed = deploy().await;
    deployed.aws.s3(Mode::Silent);
    let posted = deployed.function.invoke(api_event("POST", CHAT, &ask(false))).await;
    assert_eq!(posted.buffered().await["statusCode"], 200);
    assert_eq!(records(&deployed.aws).len(), 0);
    deployed.aws.s3(Mode::Well);
    deployed.function.invoke(api_event("GET", "/health", "")).await.buffered().await;
    assert_eq!(records(&deployed.aws).len(), 1);
}

/// Invokes and leaves after the first token.
pub async fn leave(deployed: &Deployed) {
    deployed.upstream.push("", [Fault::Hold(At::AfterFirstToken, Gate::default())]);
    let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
    let (_, mut stream) = posted.prelude().await;
    stream.text_until("\"content\":\"").await;
}

/// Why there is no extension: Lambda freezes a function from when it asks for its next event, and
/// at the earliest when its reply is over.
#[tokio::test]
async fn every_record_is_stored_when_the_process_is_frozen_and_before_it_goes_on() {
    let deployed = deploy().await;
    let mut freezer = Freezer::of(deployed.function.process());
    for round in 0..10 {
        let outcomes = |stored: &[Record]| -> Vec<_> {
            stored.iter().skip(round * 4).map(|record| record.outcome).collect()
        };
        let mut answered = vec![RequestOutcome::Answered];
        // A stream: frozen at its end, before the function knows that its reply was taken.
        let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
        let text = posted.prelude().await.1.rest().await;
        freezer.freeze().await;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(outcomes(&records(&deployed.aws)), answered);
        drop(posted);
        freezer.thaw().await;
        // A buffered answer: frozen when the next event is asked for.
        let posted = deployed.function.invoke(api_event("POST", CHAT, &ask(false))).await;
        assert_eq!(posted.buffered().await["statusCode"], 200);
        deployed.function.idle().await;
        freezer.freeze().await;
        answered.push(RequestOutcome::Answered);
        assert_eq!(outcomes(&records(&deployed.aws)), answered);
        freezer.thaw().await;
        // A client that left: the same.
        leave(&deployed).await;
        deployed.function.idle().await;
        freezer.freeze().await;
        answered.push(RequestOutcome::Left);
        assert_eq!(outcomes(&records(&deployed.aws)), answered);
        freezer.thaw().await;
        // Harsher than Lambda: frozen in the moment in which the client leaves. The record is late,
        // and not lost.
        leave(&deployed).await;
        freezer.freeze().await;
        freezer.thaw().await;
        deployed.function.idle().await;
        answered.push(RequestOutcome::Left);
        assert_eq!(outcomes(&records(&deployed.aws)), answered);
    }
}

#[tokio::test]
async fn a_function_logs_a_record_that_it_cannot_store_and_answers_all_the_same() {
    let deployed = deploy().await;
    for (mode, says) in [
        (Mode::Failing, "cannot be written (500 InternalError)"),
        (Mode::Denied, "may not be written (403 AccessDenied)"),
        (Mode::Missing, "there is no such bucket"),
        (Mode::Silent, "did not come in time"),
    ] {
        let lines = deployed.function.log().len();
        deployed.aws.s3(mode);
        let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
        let (prelude, mut stream) = posted.prelude().await;
        let began = Instant::now();
        stream.text_until("data: [DONE]\n\n").await;
        let told = began.elapsed();
        stream.rest().await;
        if mode == Mode::Silent {
            assert!(told < began.elapsed() / 2, "the last token waited for S3");
        }
        let said = deployed.function.says(lines, "could not be stored").await;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(said["why"].as_str().unwrap().contains(says), "{mode:?}: {said}");
        let record = model_map::audit::read(said["record"].to_string().as_bytes()).unwrap();
        assert_eq!(prelude["headers"]["x-request-id"], record.id.as_str());
        deployed.function.says(lines, "\"AuditFailures\":1").await;
    }
    assert_eq!(records(&deployed.aws).len(), 0);
    deployed.aws.s3(Mode::Well);
    let mut posted = deployed.function.invoke(url_event("POST", CHAT, &ask(true))).await;
    posted.prelude().await.1.rest().await;
    assert_eq!(records(&deployed.aws).len(), 1);
}

#[tokio::test]
async fn a_record_that_is_too_long_for_a_line_of_the_log_is_there_in_parts() {
    let deployed = deploy().await;
    deployed.aws.s3(Mode::Denied);
    let mut body = question("full", true);
    body["messages"][0]["content"] = "so it was said, \"and so\" ".repeat(30_000).into();
    let mut posted = deployed.function.invoke(url_event("POST", CHAT, &body.to_string())).await;
    let (prelude, stream) = posted.prelude().await;
    stream.rest().await;
    deployed.function.says(0, "\"AuditFailures\":1").await;
    let log = deployed.function.log();
    let parts = log.iter().filter(|line| line.contains("could not be stored"));
    let mut joined = String::new();
    let mut count = 0;
    for (at, line) in parts.enumerate() {
        assert!(line.len() < 200_000, "{}", line.len());
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["part"], &line["id"]),
            (&json!(at + 1), &prelude["headers"]["x-request-id"])
        );
        joined.push_str(line["text"].as_str().unwrap());
        count = line["parts"].as_u64().unwrap();
        assert!(at < usize::try_from(count).unwrap());
    }
    assert!(count > 3, "{count}");
    let record = model_map::audit::read(joined.as_bytes()).unwrap();
    assert_eq!(prelude["headers"]["x-request-id"], record.id.as_str());
    assert!(joined.contains("and so"));
}

#[tokio::test]
async fn a_record_that_s3_does_not_take_before_the_invocations_end_is_logged_before_it() {
    let deployed = deploy().await;
    deployed.aws.s3(Mode::Silent);
    // Less than a call to S3 may take.
    let time = Duration::from_secs(3);
    let event = url_event("POST", CHAT, &ask(true));
    let mut posted = deployed.function.invoke_for(event, time).await;
    let text = posted.prelude().await.1.rest().await;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let said = deployed.function.says(0, "could not be stored").await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["why"].as_str().unwrap().contains("before the invocation's end"), "{said}");
    model_map::audit::read(said["record"].to_string().as_bytes()).unwrap();
}

#[tokio::test]
async fn a_server_stores_its_records_together_and_logs_those_that_it_cannot_store() {
    let (aws, _upstream, folder, env) = surroundings().await;
    let map = folder.path().join("map.json");
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut router = RouterProcess::start(&["--map", map.to_str().unwrap()], &env).await;
    let chat = async || {
        let request = client().post(format!("http://{}{CHAT}", router.address)).bearer_auth(KEY);
        request.body(ask(false)).send().await.unwrap().bytes().await.unwrap();
    };
    for _ in 0..5 {
        chat().await;
    }
    while records(&aws).len() < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(aws.objects("dt=").len() < 5, "they are stored together");

    aws.s3(Mode::Denied);
    chat().await;
    let said = router.says("could not be stored").await;
    let line: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(
        line["why"].as_str().unwrap().contains("may not be written (403 AccessDenied)"),
        "{said}"
    );
    model_map::audit::read(line["record"].to_string().as_bytes()).unwrap();
}
