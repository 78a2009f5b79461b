//! What a link's model takes, as the map knows it: stop sequences, the role of instructions,
//! endpoints and past reasoning.

use serde_json::{Value, json};

use crate::faults::Upstream;
use crate::running::{self, MapBuilder, Running, client};

/// Roles of one link each, named for it, and `either`: one that lacks what `plain` has.
async fn serve(upstream: &Upstream) -> Running {
    let model = |id: &str, facts: Value| {
        let mut model = json!({"provider": "openai", "id": id, "output_tokens": 1000});
        for (name, value) in facts.as_object().unwrap() {
            model[name] = value.clone();
        }
        model
    };
    let prompt = model_map::prompt_id("Be brief.");
    let system = json!({"system": {"prompts": [prompt]}});
    let models = json!({
        "openai/plain": model("plain", json!({"stop_sequences": 2, "endpoints": ["chat"],
            "past_reasoning": "refused"})),
        "openai/thinker": model("thinker", json!({"stop_sequences": 0,
            "system_role": "developer", "endpoints": ["chat", "responses"]})),
        "openai/codex": model("codex", json!({"endpoints": ["responses"]})),
    });
    let mut map = MapBuilder::new(upstream.address)
        .with(json!({"models": models, "prompts": {prompt.clone(): "Be brief."}}))
        .role("either", &["openai/codex", "openai/plain"], json!({}))
        .role("strict", &["openai/thinker", "openai/plain"], json!({"strict": true}));
    for name in ["plain", "thinker", "codex"] {
        map = map.role(name, &[&format!("openai/{name}")], system.clone());
    }
    running::start(&map.bytes()).await
}

struct Answered {
    status: u16,
    dropped: Option<String>,
    tried: String,
    text: String,
}

async fn post(router: &Running, path: &str, body: Value) -> Answered {
    let response = client().post(router.url(path)).body(body.to_string()).send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (dropped, tried) = (header("x-sfai-dropped"), header("x-sfai-attempts"));
    let status = response.status().as_u16();
    let tried = tried.unwrap_or_default();
    Answered { status, dropped, tried, text: response.text().await.unwrap() }
}

fn chat(role: &str, more: Value) -> Value {
    let mut body = json!({"model": role, "messages": [{"role": "user", "content": "q"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn stop_sequences_beyond_the_model_s_are_named_and_a_strict_role_refuses() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let last = || upstream.arrivals().last().unwrap().json();
    let stop = json!({"stop": ["a", "b", "c"]});
    let answered = post(&router, CHAT, chat("plain", stop.clone())).await;
    assert_eq!((answered.status, answered.dropped.as_deref()), (200, Some("stop")));
    assert_eq!(last()["stop"], json!(["a", "b"]));
    let answered = post(&router, CHAT, chat("thinker", stop.clone())).await;
    assert_eq!(answered.dropped.as_deref(), Some("stop"));
    assert_eq!(last()["stop"], Value::Null);
    // A client of Anthropic's calls it otherwise.
    let more = json!({"max_tokens": 9, "stop_sequences": ["a", "b", "c"]});
    let answered = post(&router, "/v1/messages", chat("plain", more)).await;
    assert_eq!(answered.dropped.as_deref(), Some("stop_sequences"), "{}", answered.text);
    assert_eq!(last()["stop"], json!(["a", "b"]));
    // A strict role takes the next link where that is better, else refuses.
    let answered = post(&router, CHAT, chat("strict", json!({"stop": ["a", "b"]}))).await;
    assert_eq!((answered.status, answered.dropped), (200, None));
    assert_eq!((&last()["model"], &last()["stop"]), (&json!("plain"), &json!(["a", "b"])));
    let answered = post(&router, CHAT, chat("strict", stop)).await;
    assert_eq!(answered.status, 400, "{}", answered.text);
    assert!(
        answered.text.contains("`stop`") && answered.text.contains("strict"),
        "{}",
        answered.text
    );
}

#[tokio::test]
async fn instructions_come_in_the_one_role_that_the_model_knows() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let messages = json!([{"role": "developer", "content": "a"}, {"role": "user", "content": "q"},
        {"role": "system", "content": "b"}, {"role": "user", "content": "r"}]);
    for (role, own) in [("plain", "system"), ("thinker", "developer")] {
        let answered = post(&router, CHAT, chat(role, json!({ "messages": messages }))).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        let sent = upstream.arrivals().last().unwrap().json();
        let roles: Vec<_> =
            sent["messages"].as_array().unwrap().iter().map(|it| it["role"].as_str()).collect();
        assert_eq!(roles, [own, own, "user", own, "user"].map(Some));
        assert_eq!(sent["messages"][0]["content"], "Be brief.");
        let body = json!({"max_tokens": 9, "system": "c"});
        let answered = post(&router, "/v1/messages", chat(role, body)).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        let sent = upstream.arrivals().last().unwrap().json();
        assert_eq!(
            (&sent["messages"][1]["role"], &sent["messages"][1]["content"]),
            (&json!(own), &json!("c"))
        );
    }
}

#[tokio::test]
async fn a_model_is_not_asked_for_what_the_map_says_that_it_lacks() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let paths = || upstream.arrivals().iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    // A chat stands in for a response and for a completion, without a look for the endpoint.
    let response = json!({"model": "plain", "input": "q"});
    assert_eq!(post(&router, "/v1/responses", response).await.status, 200);
    let completion = json!({"model": "plain", "prompt": "fn a() {"});
    assert_eq!(post(&router, "/v1/completions", completion).await.status, 200);
    assert_eq!(paths(), ["/openai/chat/completions"; 2]);
    // Nothing stands in for a chat or for vectors.
    let answered = post(&router, CHAT, chat("codex", json!({}))).await;
    assert_eq!(answered.status, 400, "{}", answered.text);
    assert!(answered.text.contains("has no `chat` endpoint for it"), "{}", answered.text);
    let vectors = json!({"model": "plain", "input": "q"});
    let answered = post(&router, "/v1/embeddings", vectors).await;
    assert_eq!(answered.status, 400, "{}", answered.text);
    assert!(answered.text.contains("`embeddings`"), "{}", answered.text);
    assert_eq!(paths().len(), 2, "it was asked");
    // The next link may have it.
    let answered = post(&router, CHAT, chat("either", json!({}))).await;
    assert_eq!((answered.status, upstream.arrivals().len()), (200, 3), "{}", answered.text);
    assert_eq!(answered.tried, "openai/codex=unsupported, openai/plain=ok");
}
