//! Hedged attempts through sockets: who is started beside whom, who wins, who is cancelled.

use serde_json::json;

use crate::faults::{At, End, Fault, Gate, Upstream};
use crate::running::{self, MapBuilder, Running};

/// Long enough for a good first token on a loaded machine, where it must not be hedged; the holds
/// of these tests last as long as they must.
const HEDGE_MS: u64 = 300;

async fn setup(chain: &[&str]) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let hedged = json!({ "hedge_after_ms": HEDGE_MS });
    let map = MapBuilder::new(upstream.address).role("hedged", chain, hedged);
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

fn attempts(response: &reqwest::Response) -> String {
    response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned()
}

/// The number of the only arrival at a provider.
fn number(upstream: &Upstream, provider: &str) -> usize {
    let arrivals = upstream.arrivals();
    let at = |arrival: &crate::faults::Arrival| arrival.path.starts_with(&format!("/{provider}/"));
    assert_eq!(arrivals.iter().filter(|arrival| at(arrival)).count(), 1);
    arrivals.iter().position(at).unwrap()
}

#[tokio::test]
async fn a_silent_link_is_beaten_by_the_next_and_cancelled() {
    for first in ["openai", "anthropic"] {
        for at in [At::BeforeHeaders, At::AfterHeaders, At::BeforeFirstToken] {
            let link = format!("{first}/m");
            let (upstream, router) = setup(&[&link, "second/m"]).await;
            upstream.push(&format!("/{first}/"), [Fault::Hang(at)]);
            let response = router.ask("hedged", true).await;
            assert_eq!(response.headers()["x-sfai-model"], "second/m", "{first}, {at:?}");
            assert_eq!(attempts(&response), format!("{link}=cancelled, second/m=ok"));
            let text = response.text().await.unwrap();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            let loser = number(&upstream, first);
            assert_eq!(upstream.ended(loser).await, End::ClientLeft, "{first}, {at:?}");
        }
    }
}

#[tokio::test]
async fn the_first_link_may_still_win_and_the_hedge_is_cancelled() {
    let (upstream, router) = setup(&["openai/m", "second/m"]).await;
    let gate = Gate::default();
    upstream.push("/openai/", [Fault::Hold(At::BeforeFirstToken, gate.clone())]);
    upstream.push("/second/", [Fault::Hang(At::AfterHeaders)]);
    let opens = async {
        upstream.arrived(2).await;
        gate.open();
    };
    let (response, ()) = tokio::join!(router.ask("hedged", true), opens);
    assert_eq!(attempts(&response), "openai/m=ok, second/m=cancelled");
    assert!(response.text().await.unwrap().ends_with("data: [DONE]\n\n"));
    let loser = number(&upstream, "second");
    assert_eq!(upstream.ended(loser).await, End::ClientLeft);
}

#[tokio::test]
async fn a_link_that_answers_in_time_is_not_hedged() {
    let upstream = Upstream::start().await;
    let late = json!({"hedge_after_ms": 60_000});
    let map = MapBuilder::new(upstream.address).role("hedged", &["openai/m", "second/m"], late);
    let router = running::start(&map.bytes()).await;
    let response = router.ask("hedged", true).await;
    assert_eq!(attempts(&response), "openai/m=ok");
    response.text().await.unwrap();
    assert_eq!(upstream.arrivals().len(), 1);

    upstream.push("/openai/", [Fault::status(529)]);
    let response = router.ask("hedged", true).await;
    assert_eq!(attempts(&response), "openai/m=overloaded, second/m=ok", "a failure does not wait");
}

#[tokio::test]
async fn both_may_fail_and_the_chain_goes_on() {
    let (upstream, router) = setup(&["openai/m", "second/m", "anthropic/m"]).await;
    let gate = Gate::default();
    upstream.push("/openai/", [Fault::Hang(At::BeforeHeaders)]);
    upstream.push("/second/", [Fault::status(500)]);
    upstream.push("/anthropic/", [Fault::Hold(At::BeforeFirstToken, gate.clone())]);
    let opens = async {
        upstream.arrived(3).await;
        gate.open();
    };
    let (response, ()) = tokio::join!(router.ask("hedged", true), opens);
    let tried = "openai/m=cancelled, second/m=server_error, anthropic/m=ok";
    assert_eq!(attempts(&response), tried);

    upstream.always("", Fault::status(500));
    let response = router.ask("hedged", true).await;
    assert_eq!(response.status(), 502);
    let tried = "openai/m=server_error, second/m=server_error, anthropic/m=server_error";
    assert_eq!(attempts(&response), tried);
}

#[tokio::test]
async fn a_client_that_leaves_ends_both() {
    let (upstream, router) = setup(&["openai/m", "second/m"]).await;
    upstream.always("", Fault::Hang(At::AfterHeaders));
    let request = running::client().post(router.url("/"));
    let request = request.body(running::question("hedged", true).to_string());
    let asking = tokio::spawn(request.send());
    upstream.arrived(2).await;
    asking.abort();
    assert_eq!(upstream.ended(0).await, End::ClientLeft);
    assert_eq!(upstream.ended(1).await, End::ClientLeft);
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_not_hedged() {
    let (upstream, router) = setup(&["openai/m", "second/m"]).await;
    let pause = std::time::Duration::from_millis(HEDGE_MS + 50);
    upstream.push("/openai/", [Fault::Pause(At::BeforeHeaders, pause)]);
    assert_eq!(attempts(&router.ask("hedged", false).await), "openai/m=ok");
    assert_eq!(upstream.arrivals().len(), 1);
}
