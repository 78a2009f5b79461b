//! What a role makes of a request: its arm, its prompt, its bounds, and who may ask for it.

use std::time::SystemTime;

use serde_json::{Value, json};
use sfai_router::auth::{ClientKeys, Reach};
use sfai_router::config::{Config, Surroundings, Upstreams};

use crate::faults::{Fault, Upstream};
use crate::running::{self, MapBuilder, Running, client, question};

const ADA: &str = "0123456789abcdef";
const BOB: &str = "fedcba9876543210";

fn attempts(response: &reqwest::Response) -> String {
    response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned()
}

fn arm(when: Value, model: &str) -> Value {
    json!({"when": when, "chain": [{ "model": model }]})
}

async fn serve(upstream: &Upstream, role: Value) -> Running {
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], role);
    running::start_with(&map.bytes(), &format!("ada:{ADA},bob:{BOB}"), Upstreams::Real).await
}

/// Who answers a request with these headers, asked by `ada`.
async fn answered_by(router: &Running, body: &Value, headers: &[(&str, &str)]) -> String {
    let mut request = client().post(router.url("/")).bearer_auth(ADA).body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    response.headers()["x-sfai-model"].to_str().unwrap().to_owned()
}

fn with(more: Value) -> Value {
    let mut body = question("r", false);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_request_itself_decides_the_arm() {
    let upstream = Upstream::start().await;
    let text = |fact: Value, is: Value| json!({"text": {"fact": fact, "is": is}});
    let schema = json!({"type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object", "properties": {}}}});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {}}});
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let long = "word ".repeat(4000);
    let say = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let cases = [
        (json!({"flag": "image"}), with(say(json!([image])))),
        (json!({"flag": "json"}), with(json!({ "response_format": schema }))),
        (json!({"flag": "stream"}), with(json!({"stream": true}))),
        (json!({"flag": "tools"}), with(json!({ "tools": [tool] }))),
        (json!({"number": {"fact": "tokens", "at_least": 4000}}), with(say(json!(long)))),
        (json!({"number": {"fact": "max_tokens", "at_most": 50}}), with(json!({"max_tokens": 50}))),
        (
            json!({"number": {"fact": "messages", "at_least": 2}}),
            with(json!({"messages": [{"role": "system", "content": "s"},
                {"role": "user", "content": "u"}]})),
        ),
        (
            text(json!({"metadata": "team"}), json!({"one_of": ["search"]})),
            with(json!({"metadata": {"team": "search"}})),
        ),
    ];
    for (when, body) in cases {
        let arms =
            json!({"arms": [arm(when.clone(), "second/m"), {"chain": [{"model": "openai/m"}]}]});
        let router = serve(&upstream, arms).await;
        assert_eq!(answered_by(&router, &body, &[]).await, "second/m", "{when}");
        assert_eq!(answered_by(&router, &with(json!({})), &[]).await, "openai/m", "not {when}");
    }
    let header = text(json!({"header": "x-team"}), json!({"matches": "sea*"}));
    let arms = json!({"arms": [arm(header, "second/m"), {"chain": [{"model": "openai/m"}]}]});
    let router = serve(&upstream, arms).await;
    let plain = with(json!({}));
    assert_eq!(answered_by(&router, &plain, &[("X-Team", "search")]).await, "second/m");
    assert_eq!(answered_by(&router, &plain, &[("X-Team", "ads")]).await, "openai/m");
    let ada = text(json!("client"), json!({"one_of": ["ada"]}));
    let arms = json!({"arms": [arm(ada, "second/m"), {"chain": [{"model": "openai/m"}]}]});
    let router = serve(&upstream, arms).await;
    assert_eq!(answered_by(&router, &plain, &[]).await, "second/m");
    let bob = client().post(router.url("/")).bearer_auth(BOB).body(plain.to_string());
    assert_eq!(bob.send().await.unwrap().headers()["x-sfai-model"], "openai/m");
}

#[tokio::test]
async fn a_conversation_stays_with_the_model_that_it_drew() {
    let upstream = Upstream::start().await;
    let half = |model: &str| json!({"model": model, "percent": 50});
    let arms = json!({"arms": [{"chain": [], "draw": [half("openai/m"), half("second/m")]}]});
    let router = serve(&upstream, arms).await;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..20 {
        let first = json!({"role": "user", "content": format!("question {number}")});
        let body = with(json!({"messages": [first]}));
        let model = answered_by(&router, &body, &[]).await;
        let later = with(json!({"messages": [first, {"role": "assistant", "content": "a"},
            {"role": "user", "content": "and then?"}]}));
        assert_eq!(answered_by(&router, &later, &[]).await, model);
        seen.insert(model);
    }
    assert_eq!(seen.len(), 2, "twenty conversations draw both");
}

/// What the upstream got last.
fn received(upstream: &Upstream) -> Value {
    upstream.arrivals().last().unwrap().json()
}

#[tokio::test]
async fn guards_bounds_and_denials_change_what_the_upstream_gets() {
    let upstream = Upstream::start().await;
    let guard = json!({"when": {"flag": "stream"}, "parameters": {"temperature": 0.5},
        "system": {"mode": "replace", "prompts": [model_map::prompt_id("Guarded.")]}});
    let role = json!({"deny": ["seed", "max_tokens"], "limits": {"max_tokens": 70},
        "parameters": {"temperature": 0.1}, "guards": [guard],
        "system": {"mode": "append", "prompts": [model_map::prompt_id("Usual.")]}});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], role)
        .role("capped", &["openai/m"], json!({"limits": {"max_tokens": 70}}))
        .with(json!({"prompts": {(model_map::prompt_id("Usual.")): "Usual.",
            (model_map::prompt_id("Guarded.")): "Guarded."}}));
    let router = running::start(&map.bytes()).await;
    let messages = json!([{"role": "system", "content": "own"}, {"role": "user", "content": "u"}]);
    let ask = async |more: Value| {
        let mut body = with(json!({"seed": 1, "max_tokens": 9000, "messages": messages}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let response = router.chat(&body).await;
        assert_eq!(response.status(), 200);
        let dropped = response.headers().get("x-sfai-dropped").cloned();
        response.text().await.unwrap();
        (received(&upstream), dropped.map(|value| value.to_str().unwrap().to_owned()))
    };
    let (plain, dropped) = ask(json!({})).await;
    assert_eq!(dropped.as_deref(), Some("max_tokens, seed"));
    assert_eq!((&plain["seed"], &plain["max_tokens"]), (&Value::Null, &json!(70)));
    assert_eq!(plain["temperature"], 0.1);
    let contents = |body: &Value| {
        let messages = body["messages"].as_array().unwrap().clone();
        messages.iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(contents(&plain), ["own", "Usual.", "u"]);
    let (guarded, _) = ask(json!({"stream": true})).await;
    assert_eq!(guarded["temperature"], 0.5);
    assert_eq!(contents(&guarded), ["Guarded.", "u"]);
    let (capped, dropped) = ask(json!({"model": "capped"})).await;
    assert_eq!((&capped["max_tokens"], dropped), (&json!(70), None));
    let (below, _) = ask(json!({"model": "capped", "max_tokens": 7})).await;
    assert_eq!(below["max_tokens"], 7);
}

#[tokio::test]
async fn a_guards_timeouts_hold() {
    let upstream = Upstream::start().await;
    let guard = json!({"when": {"flag": "stream"}, "timeouts": {"first_token_ms": 200}});
    let role = json!({"guards": [guard], "arms": [{"chain": [{"model": "openai/m"}, {"model": "second/m"}]}]});
    let map = MapBuilder::new(upstream.address).role("r", &[], role);
    let router = running::start(&map.bytes()).await;
    upstream.push("/openai/", [Fault::Hang(crate::faults::At::BeforeHeaders)]);
    assert_eq!(attempts(&router.ask("r", true).await), "openai/m=timeout, second/m=ok");
}

#[tokio::test]
async fn fallback_goes_where_the_role_says() {
    let upstream = Upstream::start().await;
    let both = ["openai/m", "second/m"];
    let map = MapBuilder::new(upstream.address)
        .role("narrow", &both, json!({"fallback_on": ["overloaded"]}))
        .role("wide", &both, json!({"fallback_on": ["content_filter"]}));
    let router = running::start(&map.bytes()).await;
    upstream.push("/openai/", [Fault::status(500), Fault::status(529)]);
    assert_eq!(attempts(&router.ask("narrow", true).await), "openai/m=server_error");
    assert_eq!(attempts(&router.ask("narrow", true).await), "openai/m=overloaded, second/m=ok");
    let body = r#"{"error":{"message":"no","type":"t","code":"content_filter"}}"#;
    upstream.push("/openai/", [Fault::status(400).with_body(body)]);
    assert_eq!(attempts(&router.ask("wide", true).await), "openai/m=content_filter, second/m=ok");
}

#[tokio::test]
async fn a_strict_role_refuses_what_it_would_have_to_drop() {
    let upstream = Upstream::start().await;
    let strict = json!({"strict": true});
    let map = MapBuilder::new(upstream.address)
        .role("alone", &["anthropic/m"], strict.clone())
        .role("rescued", &["anthropic/m", "openai/m"], strict);
    let router = running::start(&map.bytes()).await;
    let ask = |role: &str| with(json!({"model": role, "seed": 1, "logprobs": true}));
    let response = router.chat(&ask("alone")).await;
    assert_eq!(response.status(), 400);
    let error: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("`seed`") && message.contains("`logprobs`"), "{message}");
    assert!(upstream.arrivals().is_empty());
    let response = router.chat(&ask("rescued")).await;
    assert_eq!(attempts(&response), "anthropic/m=unsupported, openai/m=ok");
    assert_eq!(received(&upstream)["seed"], 1);
}

#[tokio::test]
async fn a_client_sees_and_asks_for_its_own_roles_alone() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("open", &["openai/m"], json!({}))
        .role("secret", &["openai/m"], json!({}))
        .with(json!({"clients": {"bob": {"allow": ["open"]}}}));
    let keys = format!("ada:{ADA},bob:{BOB}");
    let router = running::start_with(&map.bytes(), &keys, Upstreams::Real).await;
    let roles = async |key: &str| {
        let response = client().get(router.url("/v1/models")).bearer_auth(key).send().await;
        let body: Value =
            serde_json::from_slice(&response.unwrap().bytes().await.unwrap()).unwrap();
        let list = body["data"].as_array().unwrap().clone();
        list.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(roles(ADA).await, ["open", "secret"]);
    assert_eq!(roles(BOB).await, ["open"]);
    let ask = async |key: &str, role: &str| {
        let body = question(role, false).to_string();
        client().post(router.url("/")).bearer_auth(key).body(body).send().await.unwrap()
    };
    assert_eq!(ask(ADA, "secret").await.status(), 200);
    assert_eq!(ask(BOB, "open").await.status(), 200);
    let refused = ask(BOB, "secret").await;
    assert_eq!(refused.status(), 404);
    let text = refused.text().await.unwrap();
    assert_eq!(text, ask(BOB, "nobody").await.text().await.unwrap().replace("nobody", "secret"));
}

#[tokio::test]
async fn a_clients_key_comes_from_the_environment() {
    let upstream = Upstream::start().await;
    let keyed = |variable: &str| json!({"clients": {"ada": {"key": {"env": variable}}}});
    let map = |variable| {
        MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({})).with(keyed(variable))
    };
    let router = running::start(&map("SFAI_TEST_NO_SUCH_CLIENT_KEY").bytes()).await;
    assert_eq!(router.ask("r", false).await.status(), 401, "closed, though nobody has a key");
    let missing: Vec<String> = router.config.current().unwrap().missing().collect();
    assert!(missing[0].contains("SFAI_TEST_NO_SUCH_CLIENT_KEY"), "{missing:?}");

    let reach = Reach::Address("127.0.0.1:1".parse().unwrap());
    let keys = ClientKeys::parse(&format!("ada:{ADA}")).ok().unwrap();
    let around = Surroundings::new(Upstreams::Real, keys, reach);
    let twice = Config::new(&map("PATH").bytes(), around, SystemTime::now()).err().unwrap();
    assert!(twice.contains("client `ada`") && twice.contains("SFAI_CLIENT_KEYS"), "{twice}");
}

#[tokio::test]
async fn the_demo_is_a_protocol() {
    let upstream = Upstream::start().await;
    let more = json!({
        "models": {"mock/any": {"provider": "mock", "id": "any"}},
        "providers": {"mock": {"protocol": "demo"}},
    });
    let map = MapBuilder::new(upstream.address).with(more).role("demo", &["mock/any"], json!({}));
    let router = running::start(&map.bytes()).await;
    for stream in [true, false] {
        let response = router.ask("demo", stream).await;
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains("demo"));
    }
    assert!(upstream.arrivals().is_empty());
}

#[cfg(not(feature = "aws"))]
#[tokio::test]
async fn a_build_without_bedrock_passes_it_over() {
    let upstream = Upstream::start().await;
    let more = json!({
        "models": {"aws/any": {"provider": "aws", "id": "any"}},
        "providers": {"aws": {"protocol": "bedrock"}},
    });
    let narrow = json!({"fallback_on": ["overloaded"],
        "retry": {"count": 2, "on": ["server_error"]}});
    let map =
        MapBuilder::new(upstream.address).with(more).role("both", &["aws/any", "openai/m"], narrow);
    let router = running::start(&map.bytes()).await;
    let response = router.ask("both", false).await;
    assert_eq!(attempts(&response), "aws/any=server_error, openai/m=ok");
    let missing: Vec<String> = router.config.current().unwrap().missing().collect();
    assert!(missing.iter().any(|it| it.contains("`aws`") && it.contains("bedrock")), "{missing:?}");
}
