//! Who asks and which call is meant, on the way to a provider that did not choose the words: each
//! gets such as it takes, the same in every turn.

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::replay::patient;
use crate::rules;
use crate::running::{self, MapBuilder, Running, client};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

async fn serve(upstream: &Upstream) -> Running {
    let bedrock = json!({"protocol": "bedrock", "base_url": format!("{}/aws", upstream.url()),
        "headers": {"authorization": "Bearer a-key"}});
    let map = MapBuilder::new(upstream.address)
        .with(json!({
            "providers": {"bedrock": bedrock},
            "models": {
                "bedrock/c": {"provider": "bedrock", "id": "anthropic.claude-x", "output_tokens": 9},
                "openai/chats": {"provider": "openai", "id": "m", "endpoints": ["chat"]},
                "openai/mistral-small-latest": {"provider": "openai", "id": "mistral-small-latest"},
                "openai/mistral-large-latest": {"provider": "openai", "id": "mistral-large-latest",
                    "endpoints": ["chat"], "call_ids": "nine"}},
        }))
        .role("mistral", &["openai/mistral-large-latest"], patient())
        .role("unknown", &["openai/mistral-small-latest"], patient())
        .role("openai", &["openai/m"], patient())
        .role("chats", &["openai/chats"], patient())
        .role("anthropic", &["anthropic/m"], patient())
        .role("bedrock", &["bedrock/c"], patient());
    running::start(&map.bytes()).await
}

/// What the upstream got of a request.
async fn sent(router: &Running, upstream: &Upstream, path: &str, body: &Value) -> Value {
    let response = client().post(router.url(path)).body(body.to_string()).send().await.unwrap();
    let status = response.status();
    assert_eq!(status, 200, "{path} {body}: {}", response.text().await.unwrap());
    upstream.arrivals().last().unwrap().json()
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn hello() -> Value {
    json!([{"role": "user", "content": "q"}])
}

#[tokio::test]
async fn who_asks_is_told_as_each_provider_takes_it() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let session = |end: &str| {
        let user = "7f3c".repeat(16);
        format!("user_{user}_account__session_3d6a54e2-1111-4222-8333-9444555{end}")
    };
    let claude_code = |end: &str| {
        json!({"model": "chats", "max_tokens": 9, "messages": hello(),
            "metadata": {"user_id": session(end)}})
    };
    let user = async |end: &str| {
        let sent = sent(&router, &upstream, MESSAGES, &claude_code(end)).await;
        assert_eq!(rules::chat_parameters(&sent, false), Vec::<String>::new());
        sent["user"].as_str().unwrap().to_owned()
    };
    let first = user("00000").await;
    assert!(first.starts_with("user_7f3c7f3c"), "{first}");
    assert_eq!(first, user("00000").await);
    assert_ne!(first, user("00001").await);
    let names = ["prompt_cache_key", "safety_identifier", "user"];
    let long: Value = names.map(|name| (name, session("00000"))).into_iter().collect();
    let short: Value = names.map(|name| (name, "u".repeat(64))).into_iter().collect();
    for (path, question) in [
        (CHAT, json!({"model": "openai", "messages": hello()})),
        (RESPONSES, json!({"model": "openai", "input": "q"})),
        ("/v1/completions", json!({"model": "openai", "prompt": "q"})),
    ] {
        let sent_as = sent(&router, &upstream, path, &with(question.clone(), &long)).await;
        assert_eq!(rules::responses(&sent_as), Vec::<String>::new(), "{path}");
        assert_eq!(sent_as["user"], first, "{path}");
        let sent_as = sent(&router, &upstream, path, &with(question, &short)).await;
        assert_eq!(sent_as["user"], short["user"], "{path}");
    }
    for (user, is_kept) in [
        (session("00000"), true),
        ("jo@example.com".to_owned(), false),
        ("+1 555 010 9999".to_owned(), false),
        ("u".repeat(300), false),
    ] {
        let body = json!({"model": "anthropic", "messages": hello(), "user": user});
        let sent = sent(&router, &upstream, CHAT, &body).await;
        assert_eq!(rules::messages(&sent), Vec::<String>::new(), "{user}");
        assert_eq!(sent["metadata"]["user_id"] == user, is_kept, "{sent}");
        assert!(sent["metadata"]["user_id"].is_string(), "{sent}");
    }
}

/// Ids as providers and servers give them.
fn ids() -> [String; 6] {
    ["functions.f:0", "call:1", "call/1", "toolu_01-A", &"c".repeat(41), &"d".repeat(65)]
        .map(str::to_owned)
}

/// A conversation with a call of each id, in a client's words.
fn conversation(path: &str) -> Value {
    let asked = json!({"role": "user", "content": "q"});
    let mut turns = vec![asked.clone()];
    for id in ids() {
        let turn = match path {
            CHAT => json!([
                {"role": "assistant", "content": null, "tool_calls":
                    [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": id, "content": "r"}]),
            MESSAGES => json!([
                {"role": "assistant", "content":
                    [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
                {"role": "user", "content":
                    [{"type": "tool_result", "tool_use_id": id, "content": "r"}]}]),
            _ => json!([
                {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": id, "output": "r"}]),
        };
        turns.extend(turn.as_array().unwrap().iter().cloned());
    }
    let name = if path == RESPONSES { "input" } else { "messages" };
    json!({ name: turns, "max_tokens": 9 })
}

#[tokio::test]
async fn ids_of_one_provider_s_calls_are_taken_by_the_next() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    for path in [CHAT, MESSAGES, RESPONSES] {
        for role in ["openai", "chats", "anthropic", "bedrock"] {
            let mut body = conversation(path);
            body["model"] = json!(role);
            if path == RESPONSES {
                body.as_object_mut().unwrap().remove("max_tokens");
            }
            let sent = sent(&router, &upstream, path, &body).await;
            let wrong = match role {
                "anthropic" => rules::messages(&sent),
                "bedrock" => rules::converse(&sent),
                "openai" if path == RESPONSES => rules::responses(&sent),
                _ => rules::chat(&sent),
            };
            assert_eq!(wrong, Vec::<String>::new(), "{path} to {role}");
            // All stay apart, and what is taken stays as it is.
            let sent = sent.to_string();
            let ids = ids().map(|id| sent.matches(&format!(":\"{id}\"")).count());
            assert_eq!(ids[3], 2, "{path} to {role}: {sent}");
            assert!(ids.iter().all(|count| matches!(count, 0 | 2)), "{path} to {role}: {ids:?}");
        }
    }
}

/// A chat with a call of each id, in one message.
fn beside_each_other(role: &str, ids: &[&str]) -> Value {
    let call =
        |id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let calls: Vec<_> = ids.iter().map(call).collect();
    let mut messages =
        vec![hello()[0].clone(), json!({"role": "assistant", "content": "", "tool_calls": calls})];
    messages
        .extend(ids.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": "r"})));
    json!({"model": role, "messages": messages})
}

/// The ids of calls and of results in a chat, in their order.
fn ids_in(sent: &Value) -> [Vec<String>; 2] {
    let messages = || sent["messages"].as_array().unwrap().iter();
    let calls = messages().flat_map(|it| it["tool_calls"].as_array().into_iter().flatten());
    let text = |id: &Value| id.as_str().map(str::to_owned);
    [
        calls.filter_map(|call| text(&call["id"])).collect(),
        messages().filter_map(|it| text(&it["tool_call_id"])).collect(),
    ]
}

#[tokio::test]
async fn a_conversation_with_another_provider_s_calls_goes_on_with_mistral() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let mut every = Vec::new();
    for path in [CHAT, MESSAGES, RESPONSES] {
        let mut body = with(conversation(path), &json!({"model": "mistral"}));
        if path == RESPONSES {
            body.as_object_mut().unwrap().remove("max_tokens");
        }
        let sent = sent(&router, &upstream, path, &body).await;
        assert_eq!(rules::chat(&sent), Vec::<String>::new(), "{path}");
        let [calls, results] = ids_in(&sent);
        assert_eq!((calls.len(), &calls), (ids().len(), &results), "{path}");
        every.push(calls);
    }
    assert!(every.iter().all(|calls| *calls == every[0]), "an id is one's own: {every:?}");
    // Mistral's own stays beside those of others, and these are the same in every turn.
    let signed = format!("function-call-1__thought__{}", "s".repeat(300));
    let of = ["call_0fypS1hVX", "D681PevKs", "toolu_01-A", &signed];
    let body = beside_each_other("mistral", &of);
    let [calls, results] = ids_in(&sent(&router, &upstream, CHAT, &body).await);
    assert_eq!((&calls, calls[1].as_str()), (&results, "D681PevKs"));
    assert_eq!(calls[2], every[0][3]);
    let apart: std::collections::BTreeSet<_> = calls.iter().collect();
    assert_eq!(apart.len(), of.len(), "{calls:?}");
    // Where nobody knows of it, the server is sent what the client has.
    let body = beside_each_other("unknown", &of).to_string();
    let response = client().post(router.url(CHAT)).body(body).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let told = response.text().await.unwrap();
    assert!(told.contains("Tool call id was call_0fypS1hVX but must be"), "{told}");
}

/// An answer with a call that has no id, by a server that numbers its answers or does not.
fn nameless(answer: &str, streamed: bool) -> Fault {
    let call = json!({"index": 0, "type": "function",
        "function": {"name": "f", "arguments": "{}"}});
    let said = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let of = |name: &str| {
        json!({"id": answer, "model": "m", "choices":
            [{"index": 0, name: said, "finish_reason": "tool_calls"}]})
    };
    if streamed {
        let stream = format!("data: {}\n\ndata: [DONE]\n\n", of("delta"));
        return Fault::recorded(stream.as_bytes(), &[]);
    }
    Fault::status(200).with_body(&of("message").to_string())
}

#[tokio::test]
async fn calls_without_ids_get_such_as_no_other_answer_gives() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let mut seen = std::collections::BTreeSet::new();
    for (path, key, question) in [
        (MESSAGES, "\"id\":\"toolu_", json!({"max_tokens": 9, "messages": hello()})),
        (RESPONSES, "\"call_id\":\"", json!({"input": "q"})),
    ] {
        for streamed in [false, true] {
            // The last two are the same answer to whoever looks at its id alone.
            for answer in ["chatcmpl-1", "chatcmpl-2", "chatcmpl-2"] {
                upstream.push("", [nameless(answer, streamed)]);
                let more = json!({"model": "chats", "stream": streamed});
                let body = with(question.clone(), &more);
                let request = client().post(router.url(path)).body(body.to_string());
                let text = request.send().await.unwrap().text().await.unwrap();
                let id = text.split_once(key).unwrap_or_else(|| panic!("{text}")).1;
                let id = id.split('"').next().unwrap().to_owned();
                assert!(id.len() <= 40, "{id}");
                assert!(seen.insert(id.clone()), "{id} again: {seen:?}");
            }
        }
    }
}
