//! When an answer begins to be sent: `commit headers` and `commit complete`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::{At, Fault, Gate, Missing, Upstream};
use crate::running::{self, MapBuilder, Running};

const PROTOCOLS: [&str; 2] = ["openai", "anthropic"];

async fn setup(change: Value) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let mut map = MapBuilder::new(upstream.address);
    for protocol in PROTOCOLS {
        map = map.role(protocol, &[&format!("{protocol}/m"), "second/m"], change.clone());
    }
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

#[tokio::test]
async fn a_complete_answer_is_rescued_wherever_it_breaks() {
    let short = json!({"commit": "complete", "timeouts": {"idle_ms": 400}});
    let (upstream, router) = setup(short).await;
    for protocol in PROTOCOLS {
        let mut faults = vec![Fault::Missing(Missing::Both)];
        for at in [At::AfterFirstToken, At::AfterLastToken] {
            let broken = [Fault::Reset(at), Fault::Cut(at), Fault::Hang(at), Fault::ErrorEvent(at)];
            faults.extend(broken);
        }
        for fault in faults {
            let case = format!("{protocol}, {fault:?}");
            upstream.push(&format!("/{protocol}/"), [fault]);
            let response = router.ask(protocol, true).await;
            assert_eq!(response.headers()["x-sfai-model"], "second/m", "{case}");
            let text = response.text().await.unwrap();
            assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("\"error\""), "{case}");
        }
        let (held, streamed) = (router.ask(protocol, true).await, setup(json!({})).await);
        assert_eq!(held.headers()["x-sfai-model"], format!("{protocol}/m"));
        let direct = streamed.1.ask(protocol, true).await.text().await.unwrap();
        assert_eq!(words(&held.text().await.unwrap()), words(&direct), "{protocol}");
    }
}

/// The text of a stream.
fn words(text: &str) -> String {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: {"));
    let chunks = data.map(|data| serde_json::from_str::<Value>(&format!("{{{data}")).unwrap());
    let words: Vec<String> = chunks
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert!(!words.is_empty(), "{text}");
    words.concat()
}

#[tokio::test]
async fn headers_are_sent_with_the_providers_own() {
    let (upstream, router) = setup(json!({"commit": "headers"})).await;
    for protocol in PROTOCOLS {
        let gate = Gate::default();
        upstream.push(&format!("/{protocol}/"), [Fault::Hold(At::AfterHeaders, gate.clone())]);
        let response = router.ask(protocol, true).await;
        assert_eq!(response.status(), 200, "{protocol}: before any token");
        gate.open();
        assert!(response.text().await.unwrap().ends_with("data: [DONE]\n\n"));

        upstream.push(&format!("/{protocol}/"), [Fault::status(529)]);
        let response = router.ask(protocol, true).await;
        assert_eq!(response.headers()["x-sfai-model"], "second/m", "before headers: rescued");
    }
}

#[tokio::test]
async fn what_fails_after_the_headers_is_told_in_the_stream() {
    let short = json!({"commit": "headers", "timeouts": {"first_token_ms": 400}});
    let (upstream, router) = setup(short).await;
    for protocol in PROTOCOLS {
        for (fault, class) in [
            (Fault::Cut(At::BeforeFirstToken), "network"),
            (Fault::Hang(At::BeforeFirstToken), "timeout"),
            (Fault::Empty, "empty"),
        ] {
            let case = format!("{protocol}, {fault:?}");
            upstream.push(&format!("/{protocol}/"), [fault]);
            let response = router.ask(protocol, true).await;
            assert_eq!(response.headers()["x-sfai-model"], format!("{protocol}/m"), "{case}");
            let text = response.text().await.unwrap();
            assert!(text.contains(&format!("\"code\":\"{class}\"")), "{case}: {text}");
        }
        let pause = Fault::Pause(At::AfterFirstToken, Duration::from_millis(500));
        upstream.push(&format!("/{protocol}/"), [pause]);
        let text = router.ask(protocol, true).await.text().await.unwrap();
        assert!(text.ends_with("data: [DONE]\n\n"), "first_token is over with the first token");
    }
}
