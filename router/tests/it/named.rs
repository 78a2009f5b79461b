//! What a link has no place for: it is named, and a strict role refuses it; what asks for nothing
//! is neither.

use serde_json::{Value, json};

use crate::faults::Upstream;
use crate::running::{self, MapBuilder, Running, client};

const CHAT: &str = "/v1/chat/completions";

async fn serve(upstream: &Upstream) -> Running {
    let model = json!({"provider": "openai", "id": "m", "endpoints": ["chat"]});
    let map = MapBuilder::new(upstream.address)
        .with(json!({"models": {"openai/chats": model}}))
        .role("chats", &["openai/chats"], json!({}))
        .role("anthropic", &["anthropic/m"], json!({}))
        .role("strict", &["anthropic/m"], json!({"strict": true}));
    running::start(&map.bytes()).await
}

/// The status, what was dropped and the answer.
async fn post(router: &Running, path: &str, body: &Value) -> (u16, Option<String>, String) {
    let response = client().post(router.url(path)).body(body.to_string()).send().await.unwrap();
    let dropped = response.headers().get("x-sfai-dropped");
    let dropped = dropped.map(|it| it.to_str().unwrap().to_owned());
    (response.status().as_u16(), dropped, response.text().await.unwrap())
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn what_a_client_set_is_named_though_it_is_zero_or_empty() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let asked = json!([{"role": "user", "content": "q"}]);
    let named = json!([{"role": "user", "name": "bob", "content": "q"}]);
    let grammar = json!([{"type": "custom", "name": "patch",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\""}}]);
    let plain = json!([{"type": "custom", "name": "patch", "format": {"type": "text"}}]);
    let result = json!([{"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls":
            [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "name": "f", "content": "r"}]);
    let completions = "/v1/completions";
    for (path, more, dropped) in [
        (CHAT, json!({"messages": asked, "seed": 0}), Some("seed")),
        (CHAT, json!({"messages": asked, "web_search_options": {}}), Some("web_search_options")),
        (CHAT, json!({"messages": asked, "user": 7}), Some("user")),
        (CHAT, json!({"messages": named}), Some("messages.name")),
        (CHAT, json!({"messages": asked, "user": "", "n": 1, "logit_bias": {}}), None),
        (CHAT, json!({"messages": asked, "presence_penalty": 0, "logprobs": false}), None),
        (CHAT, json!({"messages": result}), None),
        (completions, json!({"prompt": "q", "logprobs": 0}), Some("logprobs")),
        (completions, json!({"prompt": "q", "best_of": 3}), Some("best_of")),
        (completions, json!({"prompt": "q", "min_tokens": 3}), Some("min_tokens")),
        (completions, json!({"prompt": "q", "n": 2}), Some("n")),
        (completions, json!({"prompt": "q", "best_of": 1, "n": 1, "min_tokens": 0}), None),
        ("/v1/responses", json!({"input": "q", "tools": grammar}), Some("tools.format")),
        ("/v1/responses", json!({"input": "q", "tools": plain}), None),
    ] {
        let body = with(json!({"model": "anthropic"}), &more);
        let (status, named, text) = post(&router, path, &body).await;
        assert_eq!((status, named.as_deref()), (200, dropped), "{body}: {text}");
        let (status, _, text) = post(&router, path, &with(body, &json!({"model": "strict"}))).await;
        assert_eq!(status, if dropped.is_some() { 400 } else { 200 }, "{text}");
        assert!(dropped.is_none_or(|name| text.contains(&format!("`{name}`"))), "{text}");
    }
}

#[tokio::test]
async fn what_is_said_of_a_document_reaches_a_chat() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": "aGk="});
    let document = json!({"type": "document", "context": "From 2024.", "source": source});
    let body = json!({"model": "chats", "max_tokens": 9,
        "messages": [{"role": "user", "content": [document]}]});
    let (status, dropped, text) = post(&router, "/v1/messages", &body).await;
    assert_eq!((status, dropped), (200, None), "{text}");
    let sent = upstream.arrivals().last().unwrap().json();
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[0], json!({"type": "text", "text": "From 2024."}));
    assert_eq!(content[1]["type"], "file");
}

#[tokio::test]
async fn a_picture_among_instructions_is_refused_as_in_a_chat() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,aGk="});
    let input = json!([
        {"role": "developer", "content": [{"type": "input_text", "text": "a"}, picture]},
        {"role": "user", "content": "q"}]);
    for role in ["chats", "anthropic"] {
        let body = json!({"model": role, "input": input});
        let (status, _, text) = post(&router, "/v1/responses", &body).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("input[0].content[1]") && text.contains("is not text"), "{text}");
    }
}

#[tokio::test]
async fn a_request_that_says_nothing_is_refused_whichever_way_it_goes() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let blank = json!([{"role": "user", "content": " \n"}]);
    for (path, role, more) in [
        (CHAT, "anthropic", json!({"messages": blank})),
        ("/v1/messages", "chats", json!({"messages": blank, "max_tokens": 9})),
        ("/v1/responses", "chats", json!({"input": []})),
    ] {
        let (status, _, text) = post(&router, path, &with(json!({"model": role}), &more)).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("nothing but white space"), "{text}");
    }
    assert_eq!(upstream.arrivals().len(), 0);
}

#[tokio::test]
async fn a_completion_by_a_chat_is_as_long_as_the_client_or_the_role_says() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("none", &["anthropic/m"], json!({}))
        .role("set", &["anthropic/m"], json!({"parameters": {"max_tokens": 64}}))
        .role("limited", &["anthropic/m"], json!({"limits": {"max_tokens": 100}}));
    let router = running::start(&map.bytes()).await;
    let limit = async |role: &str, more: Value| {
        let body = with(json!({"model": role, "prompt": "fn f() {"}), &more);
        let (status, _, text) = post(&router, "/v1/completions", &body).await;
        assert_eq!(status, 200, "{text}");
        upstream.arrivals().last().unwrap().json()["max_tokens"].as_u64().unwrap()
    };
    assert_eq!(limit("none", json!({})).await, 512);
    assert_eq!(limit("set", json!({})).await, 64);
    assert_eq!(limit("limited", json!({})).await, 100);
    for (role, expected) in [("none", 300), ("set", 300), ("limited", 100)] {
        assert_eq!(limit(role, json!({"max_tokens": 300})).await, expected);
    }
}
