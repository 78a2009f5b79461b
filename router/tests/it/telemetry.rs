//! Traces and metrics as a collector gets them, and trace context as upstreams do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sfai_router::clock::Ambient;
use sfai_router::observer::{Observer, Tellers};
use sfai_router::telemetry::Telemetry;

use crate::collector::{Answers, Collector, attributes, points};
use crate::faults::{At, Fault, Upstream};
use crate::lambda::{KEY, api_event, url_event};
use crate::process::RouterProcess;
use crate::running::{
    MapBuilder, Running, client, question, start_observed, start_observed_guarded,
};
use crate::runtime_api::Function;

const CHAT: &str = "/v1/chat/completions";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const LONG: Duration = Duration::from_secs(10);

/// A router between an upstream that fails on command and a collector.
struct Observed {
    upstream: Upstream,
    collector: Collector,
    running: Running,
    telemetry: Arc<Telemetry>,
    observer: Arc<Observer>,
}

fn map(upstream: &Upstream) -> MapBuilder {
    let price = json!({"price": {"input": 3_000_000, "cache_read": 300_000,
        "cache_write": 3_750_000, "output": 15_000_000}});
    let prices = json!({"models": {"anthropic/m": price, "openai/m": price}});
    MapBuilder::new(upstream.address).with(prices)
}

async fn start(
    variables: &[(&str, &str)],
    build: impl FnOnce(MapBuilder) -> MapBuilder,
) -> Observed {
    start_by(variables, build, async |map, observer| start_observed(map, "", observer).await).await
}

async fn start_by(
    variables: &[(&str, &str)],
    build: impl FnOnce(MapBuilder) -> MapBuilder,
    serve: impl AsyncFnOnce(&[u8], &Arc<Observer>) -> Running,
) -> Observed {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let mut all = BTreeMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
    all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let telemetry = Telemetry::open(|name| all.get(name).cloned(), Ambient::default());
    let telemetry = telemetry.unwrap().unwrap();
    let tellers = Tellers { telemetry: Some(Arc::clone(&telemetry)), ..Tellers::default() };
    let observer = Arc::new(Observer::start(tellers).unwrap());
    let map = build(map(&upstream)).bytes();
    let running = serve(&map, &observer).await;
    Observed { upstream, collector, running, telemetry, observer }
}

impl Observed {
    async fn ask(&self, body: &Value, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = client().post(self.running.url(CHAT)).body(body.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// All that was told so far is in the outbox from now on.
    async fn told(&self) {
        let observer = Arc::clone(&self.observer);
        tokio::task::spawn_blocking(move || observer.close()).await.unwrap();
    }

    async fn exported(&self) {
        self.told().await;
        self.telemetry.flush(LONG).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_fallback_after_a_retry_is_one_trace_from_the_client_to_each_upstream() {
    let retry = json!({"retry": {"count": 1, "on": ["overloaded"]}});
    let json_encoding = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
    let observed =
        start(&json_encoding, |map| map.role("coder", &["anthropic/m", "openai/m"], retry)).await;
    observed.upstream.push("anthropic", [Fault::status(529), Fault::status(529)]);
    let sent = [("traceparent", PARENT), ("tracestate", "a=1, b=2"), ("baggage", "user=ada")];
    let (status, _) = observed.ask(&question("coder", true), &sent).await;
    assert_eq!(status, 200);
    observed.exported().await;

    let arrivals = observed.upstream.arrivals();
    let parents: Vec<_> = arrivals.iter().map(|it| it.header("traceparent").unwrap()).collect();
    assert_eq!(parents.len(), 3);
    assert!(arrivals.iter().all(|it| it.header("tracestate") == Some("a=1,b=2")));
    assert!(arrivals.iter().all(|it| it.header("baggage").is_none()));

    let export =
        observed.collector.exports().into_iter().find(|it| it.path == "/v1/traces").unwrap();
    let scope = export.json()["resourceSpans"][0]["scopeSpans"][0].clone();
    assert_eq!(scope["scope"]["name"], "sfai-router");
    let spans = scope["spans"].as_array().unwrap();
    let [request, calls @ ..] = spans.as_slice() else { panic!("{spans:?}") };
    assert!(spans.iter().all(|span| span["traceId"] == TRACE && span["traceState"] == "a=1,b=2"));
    assert_eq!(
        (&request["parentSpanId"], &request["kind"]),
        (&json!("00f067aa0ba902b7"), &json!(2))
    );
    assert_eq!(request["name"], "POST /v1/chat/completions");
    assert_eq!(request["events"][0]["name"], "sfai.first_token");
    let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    for (call, parent) in calls.iter().zip(&parents) {
        assert_eq!(**parent, format!("00-{TRACE}-{}-01", call["spanId"].as_str().unwrap()));
        assert_eq!((&call["parentSpanId"], &call["kind"]), (&request["spanId"], &json!(3)));
        assert!(time(call, "startTimeUnixNano") <= time(call, "endTimeUnixNano"));
        assert!(time(request, "startTimeUnixNano") <= time(call, "startTimeUnixNano"));
        assert!(time(call, "endTimeUnixNano") <= time(request, "endTimeUnixNano"));
    }
    assert_eq!(calls.len(), 3);

    let spans = observed.collector.spans();
    let served = attributes(&spans[0].attributes);
    for (key, value) in [
        ("http.request.method", json!("POST")),
        ("http.route", json!(CHAT)),
        ("http.response.status_code", json!(200)),
        ("url.scheme", json!("http")),
        ("sfai.role", json!("coder")),
        ("sfai.rule", json!("test.sfr:1")),
        ("sfai.outcome", json!("answered")),
        ("sfai.model", json!("openai/m")),
        ("sfai.attempts", json!(3)),
        ("sfai.fallbacks", json!(1)),
        ("sfai.env", json!("test")),
    ] {
        assert_eq!(served[key], value, "{key}");
    }
    assert!(served["sfai.cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(spans[0].status, None);
    let (failed, answered) = (attributes(&spans[1].attributes), attributes(&spans[3].attributes));
    assert_eq!((spans[1].name.as_str(), spans[1].status.as_ref().unwrap().code), ("chat m", 2));
    for (key, value) in [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("anthropic")),
        ("gen_ai.request.model", json!("m")),
        ("gen_ai.request.max_tokens", json!(100)),
        ("gen_ai.request.stream", json!(true)),
        ("server.address", json!("127.0.0.1")),
        ("server.port", json!(observed.upstream.address.port())),
        ("error.type", json!("overloaded")),
        ("http.response.status_code", json!(529)),
        ("sfai.attempt", json!(1)),
        ("sfai.model", json!("anthropic/m")),
    ] {
        assert_eq!(failed[key], value, "{key}");
    }
    assert_eq!(failed.get("gen_ai.usage.input_tokens"), None);
    assert_eq!(
        (&answered["gen_ai.provider.name"], &answered["sfai.attempt"]),
        (&json!("openai"), &json!(3))
    );
    assert_eq!(answered["gen_ai.response.finish_reasons"], json!(["stop"]));
    let (input, output) = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens");
    assert!(answered[input].as_u64().unwrap() > 0 && answered[output].as_u64().unwrap() > 0);
    assert!(answered["gen_ai.usage.cache_read.input_tokens"].is_u64());
    assert!(answered["gen_ai.response.time_to_first_chunk"].as_f64().unwrap() > 0.0);
    assert_eq!(answered["sfai.cost_usd"], served["sfai.cost_usd"]);
    assert_eq!(answered.get("error.type"), None);
}

#[tokio::test]
async fn breakers_are_told_when_they_open_and_while_they_are() {
    let chain = ["anthropic/m", "openai/m"];
    let build = |map: MapBuilder| map.role("coder", &chain, json!({}));
    let observed = start_by(&[], build, start_observed_guarded).await;
    observed.upstream.push("anthropic", [(); 3].map(|()| Fault::status(500)));
    for stream in [true, false, true, false] {
        assert_eq!(observed.ask(&question("coder", stream), &[]).await.0, 200);
    }
    observed.exported().await;
    let metrics = observed.collector.metrics().remove(0);
    let told = |name: &str| -> Vec<_> {
        let points = points(&metrics, name).into_iter();
        points
            .map(|(it, _, value)| (it["sfai.model"].as_str().unwrap().to_owned(), value))
            .collect()
    };
    assert_eq!(told("sfai.breaker.openings"), [("anthropic/m".to_owned(), 1.0)]);
    let mut open = told("sfai.breaker.open");
    open.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(open, [("anthropic/m".to_owned(), 1.0), ("openai/m".to_owned(), 0.0)]);
}

#[tokio::test]
async fn the_sums_of_metrics_are_those_of_the_requests() {
    let variables = [("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), ("OTEL_SERVICE_NAME", "llm")];
    let observed =
        start(&variables, |map| map.role("coder", &["anthropic/m", "openai/m"], json!({}))).await;
    observed.upstream.push("anthropic", [Fault::status(500), Fault::status(529)]);
    let mut used = (0, 0);
    for number in 0..6 {
        let (status, text) = observed.ask(&question("coder", number % 2 == 1), &[]).await;
        assert_eq!(status, 200);
        if let Ok(whole) = serde_json::from_str::<Value>(&text) {
            used.0 += whole["usage"]["prompt_tokens"].as_u64().unwrap();
            used.1 += whole["usage"]["completion_tokens"].as_u64().unwrap();
        }
    }
    observed.upstream.push("", [Fault::status(500), Fault::status(503)]);
    assert_eq!(observed.ask(&question("coder", true), &[]).await.0, 503);
    assert_eq!(observed.ask(&question("nobody", false), &[]).await.0, 404);
    observed.exported().await;

    let export =
        observed.collector.exports().into_iter().find(|it| it.path == "/v1/metrics").unwrap();
    assert_eq!(export.headers["content-encoding"], "gzip");
    let metrics = observed.collector.metrics().remove(0);
    let total = |name: &str, key: &str, value: &str| -> f64 {
        let all = points(&metrics, name).into_iter();
        all.filter(|(it, ..)| key.is_empty() || it[key] == value).map(|it| it.2).sum()
    };
    let count = |name: &str, key: &str, value: Value| -> u64 {
        let all = points(&metrics, name).into_iter();
        all.filter(|(it, ..)| key.is_empty() || it[key] == value).map(|it| it.1).sum()
    };
    assert_eq!(total("sfai.requests", "", ""), 8.0);
    assert_eq!(total("sfai.requests", "sfai.outcome", "answered"), 6.0);
    assert_eq!(total("sfai.requests", "sfai.outcome", "failed"), 1.0);
    assert_eq!(total("sfai.requests", "sfai.outcome", "refused"), 1.0);
    assert_eq!(total("sfai.attempts", "", ""), 10.0);
    assert_eq!(total("sfai.attempts", "sfai.attempt.outcome", "ok"), 6.0);
    assert_eq!(total("sfai.attempts", "sfai.attempt.outcome", "overloaded"), 2.0);
    assert_eq!(total("sfai.attempts", "gen_ai.provider.name", "openai"), 3.0);
    assert_eq!(total("sfai.fallbacks", "sfai.role", "coder"), 3.0);
    let duration = "gen_ai.client.operation.duration";
    assert_eq!(count(duration, "", Value::Null), 10);
    assert_eq!(count(duration, "error.type", json!("server_error")), 2);
    assert_eq!(count("gen_ai.client.operation.time_to_first_chunk", "", Value::Null), 3);
    assert_eq!(count("http.server.request.duration", "", Value::Null), 8);
    for (status, times) in [(200, 6), (503, 1), (404, 1)] {
        let key = "http.response.status_code";
        assert_eq!(count("http.server.request.duration", key, json!(status)), times, "{status}");
    }
    let tokens = "gen_ai.client.token.usage";
    assert_eq!(count(tokens, "gen_ai.token.type", json!("input")), 6);
    assert!(total(tokens, "gen_ai.token.type", "input") > used.0 as f64);
    assert!(total(tokens, "gen_ai.token.type", "output") > used.1 as f64);
    let spans = observed.collector.spans();
    let costs = spans.iter().filter(|it| it.kind == 2);
    let cost: f64 =
        costs.filter_map(|it| attributes(&it.attributes)["sfai.cost_usd"].as_f64()).sum();
    assert!(cost > 0.0 && (total("sfai.cost", "", "") - cost).abs() < 1e-12);
    assert_eq!(spans.len(), 8 + 10);
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|it| hex(&it.span_id)).collect();
    assert_eq!(ids.len(), 18);
    // Sums go on: the next export holds the same, and more.
    observed.telemetry.flush(LONG).await;
    let again = observed.collector.metrics().pop().unwrap();
    assert_eq!(points(&again, "sfai.requests"), points(&metrics, "sfai.requests"));
}

#[tokio::test]
async fn sums_that_begin_anew_lose_nothing_when_the_collector_is_busy() {
    let delta = [
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ];
    let observed = start(&delta, |map| map.role("coder", &["openai/m"], json!({}))).await;
    assert_eq!(observed.ask(&question("coder", false), &[]).await.0, 200);
    observed.collector.answers([Answers::Status(429, Some("0")), Answers::Status(503, Some("0"))]);
    observed.told().await;
    for _ in 0..3 {
        observed.telemetry.flush(LONG).await;
    }
    // The sum was given away: there is nothing more to export.
    observed.telemetry.flush(LONG).await;
    let metrics = observed.collector.metrics();
    assert_eq!((metrics.len(), observed.collector.exports().len()), (1, 3));
    assert_eq!(points(&metrics[0], "sfai.requests")[0].2, 1.0);
    // No span was made, and none is the upstream told of.
    assert_eq!(observed.upstream.arrivals()[0].header("traceparent"), None);
}

#[tokio::test]
async fn a_collector_that_is_down_slow_or_busy_changes_no_answer_and_is_left_alone() {
    let observed = start(&[("OTEL_METRICS_EXPORTER", "none")], |map| {
        map.role("coder", &["openai/m"], json!({}))
    })
    .await;
    let whole = observed.ask(&question("coder", false), &[]).await;
    assert_eq!(whole.0, 200);
    observed.collector.answers([Answers::Status(503, Some("0")), Answers::Never]);
    observed.told().await;
    observed.telemetry.flush(LONG).await;
    assert!(observed.collector.spans().is_empty());
    let begun = Instant::now();
    observed.telemetry.flush(Duration::from_secs(1)).await;
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(observed.collector.exports().len(), 2);
    // What may have arrived is not sent again, and for a while nothing is sent at all.
    assert_eq!(observed.ask(&question("coder", false), &[]).await.0, 200);
    observed.telemetry.flush(LONG).await;
    assert_eq!(observed.collector.exports().len(), 2);
    observed.telemetry.shut_down().await;
    assert_eq!((observed.collector.exports().len(), observed.collector.spans().len()), (3, 2));
}

#[tokio::test]
async fn what_a_collector_leaves_out_is_counted_and_not_sent_again() {
    let observed = start(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], |map| {
        map.role("coder", &["openai/m"], json!({}))
    })
    .await;
    assert_eq!(observed.ask(&question("coder", false), &[]).await.0, 200);
    let kind = "application/json";
    let partly = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#;
    observed.collector.answers([Answers::Says(kind, partly); 2]);
    observed.exported().await;
    observed.telemetry.flush(LONG).await;
    let dropped = |metrics: &[_]| points(metrics, "sfai.telemetry.dropped_spans");
    let last = observed.collector.metrics().pop().unwrap();
    assert_eq!(dropped(&last)[0].2, 1.0, "{last:?}");
    // The collector is not left alone for it, and gets no span twice.
    assert_eq!(observed.collector.spans().len(), 2);
}

#[tokio::test]
async fn who_has_no_right_key_is_told_of_too() {
    let keys = format!("ada:{KEY}");
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.json");
    std::fs::write(&path, map(&upstream).role("coder", &["openai/m"], json!({})).bytes()).unwrap();
    let url = collector.url();
    let collects = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url);
    let env = [collects, ("SFAI_CLIENT_KEYS", &*keys), ("SFAI_LOG", "text")];
    let router = RouterProcess::start(&["--map", path.to_str().unwrap()], &env).await;
    for key in ["canary-wrong-key-of-24", KEY] {
        let request = client().post(format!("http://{}{CHAT}", router.address)).bearer_auth(key);
        let request = request.header("traceparent", PARENT);
        request.body(question("coder", false).to_string()).send().await.unwrap();
    }
    // What is no request for an answer is none of these.
    let models = client().get(format!("http://{}/v1/models", router.address));
    assert_eq!(models.send().await.unwrap().status(), 401);
    let said = router.terminate().await;
    assert!(said.contains(" 401 refused ") && !said.contains("canary"), "{said}");
    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "{spans:?}");
    let refused = attributes(&spans[0].attributes);
    assert_eq!(refused["http.response.status_code"], 401);
    assert_eq!(refused["sfai.outcome"], "refused");
    assert_eq!(
        (refused["http.route"].as_str(), hex(&spans[0].trace_id)),
        (Some(CHAT), TRACE.into())
    );
    let metrics = collector.metrics().pop().unwrap();
    let refusals = points(&metrics, "sfai.requests");
    let refusals: Vec<_> = refusals.iter().filter(|it| it.0["sfai.outcome"] == "refused").collect();
    assert_eq!((refusals.len(), refusals[0].2), (1, 1.0));
}

#[tokio::test]
async fn the_model_that_answered_is_named_as_it_names_itself() {
    let observed = start(&[], |map| {
        let map = map.role("gpt", &["openai/m"], json!({}));
        map.role("claude", &["openai/m", "anthropic/m"], json!({}))
    })
    .await;
    let chunks = concat!(
        ": hello\n\ndata: {\"id\":\"c\",\"model\":\"m-2026-01-31\",\"choices\":[{\"index\":0,",
        "\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"}}]}\n\n",
        "data: {\"model\":\"other\",\"choices\":[{\"index\":0,\"delta\":{},",
        "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant",
        "model": "m-2026-02-28", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}});
    let chat = Fault::recorded(chunks.as_bytes(), &[5, 90]);
    let whole = Fault::status(200).with_body(&message.to_string());
    let ask = async |path: &str, role: &str, stream: bool| {
        let mut body = question(role, stream);
        body["input"] = body["messages"][0]["content"].clone();
        let sent = client().post(observed.running.url(path)).body(body.to_string()).send().await;
        let response = sent.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
    };
    let refused = || Fault::status(529);
    for (path, stream, role, openai, anthropic) in [
        (CHAT, true, "gpt", Some(chat.clone()), None),
        (CHAT, false, "claude", Some(refused()), Some(whole.clone())),
        ("/v1/messages", true, "gpt", Some(chat), None),
        ("/v1/messages", false, "claude", Some(refused()), Some(whole.clone())),
        ("/v1/responses", false, "claude", Some(refused()), Some(whole)),
    ] {
        observed.upstream.push("openai", openai);
        observed.upstream.push("anthropic", anthropic);
        ask(path, role, stream).await;
    }
    observed.exported().await;
    let spans = observed.collector.spans();
    let calls = spans.iter().filter(|it| it.kind == 3).map(|it| attributes(&it.attributes));
    let named: Vec<_> = calls
        .map(|it| {
            assert_eq!(it["gen_ai.request.model"], "m");
            it.get("gen_ai.response.model").map(|it| it.as_str().unwrap().to_owned())
        })
        .collect();
    let (gpt, claude) = (Some("m-2026-01-31".to_owned()), Some("m-2026-02-28".to_owned()));
    let pair = [None, claude];
    let gpt = std::slice::from_ref(&gpt);
    let expected = [gpt, &pair[..], gpt, &pair, &pair].concat();
    assert_eq!(named, expected);
}

#[tokio::test]
async fn what_is_not_sampled_is_no_span_but_is_passed_on_and_counted() {
    let off =
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];
    let observed = start(&off, |map| map.role("coder", &["openai/m"], json!({}))).await;
    let not_sampled = format!("00-{TRACE}-00f067aa0ba902b7-00");
    for parent in [None, Some(PARENT), Some(&*not_sampled), Some("00-not-a-parent-01")] {
        let sent: Vec<_> = parent.map(|it| ("traceparent", it)).into_iter().collect();
        assert_eq!(observed.ask(&question("coder", false), &sent).await.0, 200);
    }
    observed.exported().await;
    let arrivals = observed.upstream.arrivals();
    let carried: Vec<_> = arrivals.iter().map(|it| it.header("traceparent").unwrap()).collect();
    let sampled = |text: &str| text.ends_with("-01") || text.ends_with("-03");
    assert_eq!(
        carried.iter().map(|it| sampled(it)).collect::<Vec<_>>(),
        [false, true, false, false]
    );
    let continued: Vec<_> = carried.iter().map(|it| it.contains(TRACE)).collect();
    assert_eq!(continued, [false, true, true, false]);
    assert!(carried.iter().all(|it| !it.contains("00f067aa0ba902b7")));
    // The one that the client records.
    assert_eq!(observed.collector.spans().len(), 2);
    let metrics = observed.collector.metrics().remove(0);
    assert_eq!(points(&metrics, "sfai.requests")[0].2, 4.0);
}

#[tokio::test]
async fn without_a_collector_the_clients_context_is_passed_on_as_it_is() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("coder", &["openai/m"], json!({})).bytes();
    let running = crate::running::start(&map).await;
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = client().post(running.url(CHAT));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(question("coder", false).to_string()).send().await.unwrap().status()
    };
    assert_eq!(
        ask(&[("traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "b=c")]).await,
        200
    );
    assert_eq!(ask(&[("traceparent", "00-bad"), ("tracestate", "a=1")]).await, 200);
    assert_eq!(ask(&[]).await, 200);
    let arrivals = upstream.arrivals();
    assert_eq!(arrivals[0].header("traceparent"), Some(PARENT));
    assert_eq!(arrivals[0].header("tracestate"), Some("a=1"));
    for arrival in &arrivals {
        assert_eq!(arrival.header("baggage"), None);
    }
    for arrival in &arrivals[1..] {
        assert_eq!((arrival.header("traceparent"), arrival.header("tracestate")), (None, None));
    }
}

#[tokio::test]
async fn nothing_that_was_said_and_no_key_is_exported() {
    let json_encoding = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary-export-key"),
    ];
    let full = json!({"audit": "full"});
    let observed =
        start(&json_encoding, |map| map.role("coder", &["anthropic/m", "openai/m"], full)).await;
    let mut body = question("coder", true);
    body["messages"][0]["content"] = "canary-prompt".into();
    body["user"] = "canary-user".into();
    body["metadata"] = json!({"team": "canary-metadata"});
    body["stop"] = json!(["canary-stop"]);
    let sent = [("x-team", "canary-header"), ("baggage", "a=canary-baggage")];
    observed.upstream.push("anthropic", [Fault::Cut(At::AfterFirstToken), Fault::status(400)]);
    for _ in 0..2 {
        observed.ask(&body, &sent).await;
    }
    body["model"] = "canary-role".into();
    assert_eq!(observed.ask(&body, &sent).await.0, 404);
    observed.exported().await;
    let exports = observed.collector.exports();
    assert_eq!(exports.len(), 2);
    for export in exports {
        assert_eq!(export.headers["authorization"], "Bearer canary-export-key");
        let text = String::from_utf8(export.body.to_vec()).unwrap();
        for said in ["canary", "hello", "Hello", "Bearer"] {
            assert!(!text.contains(said), "{said}: {text}");
        }
    }
    let broken = &observed.collector.spans()[0];
    assert_eq!(attributes(&broken.attributes)["error.type"], "network");
    assert_eq!(attributes(&broken.attributes)["sfai.outcome"], "broken");
}

#[tokio::test]
async fn a_server_exports_in_the_background_and_when_it_is_told_to_stop() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.json");
    std::fs::write(&path, map(&upstream).role("coder", &["openai/m"], json!({})).bytes()).unwrap();
    let ask = async |router: &RouterProcess| {
        let url = format!("http://{}{CHAT}", router.address);
        let sent = client().post(url).body(question("coder", false).to_string()).send().await;
        assert_eq!(sent.unwrap().status(), 200);
    };
    let arguments = ["--map", path.to_str().unwrap()];
    let url = collector.url();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    let often = [("OTEL_BSP_SCHEDULE_DELAY", "20"), ("OTEL_METRIC_EXPORT_INTERVAL", "20")];
    let router = RouterProcess::start(&arguments, &[endpoint, often[0], often[1]]).await;
    ask(&router).await;
    collector.taken("/v1/traces", 1).await;
    collector.taken("/v1/metrics", 1).await;
    drop(router);

    let before = collector.spans().len();
    let seldom =
        [("OTEL_BSP_SCHEDULE_DELAY", "3600000"), ("OTEL_METRIC_EXPORT_INTERVAL", "3600000")];
    let router = RouterProcess::start(&arguments, &[endpoint, seldom[0], seldom[1]]).await;
    ask(&router).await;
    let said = router.terminate().await;
    assert!(!said.contains("not delivered"), "{said}");
    assert_eq!(collector.spans().len(), before + 2);
    let last = collector.metrics().pop().unwrap();
    assert_eq!(points(&last, "sfai.requests")[0].2, 1.0);
}

#[tokio::test]
async fn a_wrong_setting_is_told_before_anything_is_served() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sfai-router"))
        .args(["--demo", "--listen", "127.0.0.1:0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && said.contains("http://localhost:4318"),
        "{said}"
    );
}

#[tokio::test]
async fn a_function_exports_before_it_asks_for_its_next_event() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let (_folder, function) = deployed(&upstream, &collector).await;
    for number in 1..4 {
        let streamed = url_event("POST", CHAT, &question("coder", true).to_string());
        let mut posted = function.invoke(streamed).await;
        let (_, stream) = posted.prelude().await;
        // The next event is asked for after this one's export: by its reply it has arrived.
        assert!(collector.spans().len() >= 4 * number - 4);
        assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
        drop(posted);
        let buffered = api_event("POST", CHAT, &question("coder", false).to_string());
        let posted = function.invoke(buffered).await;
        assert!(collector.spans().len() >= 4 * number - 2);
        assert_eq!(posted.buffered().await["statusCode"], 200);
    }
    // By the reply to the next one all have.
    let health = function.invoke(api_event("GET", "/health", "")).await;
    drop(health);
    assert_eq!(collector.spans().len(), 12);
    let last = collector.metrics().pop().unwrap();
    assert_eq!(points(&last, "sfai.requests")[0].2, 6.0);
    let span = attributes(&collector.spans()[0].attributes);
    assert_eq!(span["url.scheme"], "https");
}

#[tokio::test]
async fn a_dead_collector_costs_a_function_a_second_once_and_the_client_nothing() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    collector.answers([Answers::Never; 8]);
    let (_folder, function) = deployed(&upstream, &collector).await;
    let begun = Instant::now();
    for _ in 0..5 {
        let event = url_event("POST", CHAT, &question("coder", true).to_string());
        let mut posted = function.invoke(event).await;
        let (prelude, stream) = posted.prelude().await;
        assert_eq!(prelude["statusCode"], 200);
        assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
    }
    // Without the bound each would hang for the ten seconds of a timeout.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // One try of each signal, or two where the machine is so busy that the pause is over.
    assert!((2..=4).contains(&collector.exports().len()), "{}", collector.exports().len());
}

async fn deployed(upstream: &Upstream, collector: &Collector) -> (tempfile::TempDir, Function) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model_map.json");
    std::fs::write(&path, map(upstream).role("coder", &["openai/m"], json!({})).bytes()).unwrap();
    let keys = format!("ada:{KEY}");
    let endpoint = collector.url();
    let env = [("SFAI_CLIENT_KEYS", &*keys), ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)];
    let function = Function::start(&path, &env).await;
    (folder, function)
}
