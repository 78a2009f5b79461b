//! Conversations told turn by turn to providers of every protocol: those that recorded requests
//! hold, and one in which every recorded answer of an OpenAI dialect is a turn. What the router makes
//! of each breaks no rule of the provider that it goes to.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::ledger::said::{events, whole_chat};
use crate::replay::{patient, recordings};
use crate::rules;
use crate::running::{self, MapBuilder, Running, client};

/// The roles, each with one model: two of OpenAI's, one that reasons and one that does not, one of
/// Mistral's, one of Anthropic's and one of Bedrock's.
const ROLES: [&str; 5] = ["reasoning", "plain", "mistral", "anthropic", "bedrock"];

async fn serve(upstream: &Upstream) -> Running {
    let bedrock = json!({"protocol": "bedrock", "base_url": format!("{}/aws", upstream.url()),
        "headers": {"authorization": "Bearer a-key"}});
    let reasoning = json!({"provider": "openai", "id": "gpt-5.4", "endpoints": ["chat"],
        "past_reasoning": "refused", "system_role": "developer", "stop_sequences": 0,
        "sampling": "refused", "output_limit_key": "max_completion_tokens",
        "effort_with_tools": "refused", "efforts": ["none", "low", "medium", "high"], "context_tokens": 400_000, "output_tokens": 1000});
    let plain = json!({"provider": "openai", "id": "gpt-4.1", "endpoints": ["chat"],
        "past_reasoning": "refused", "stop_sequences": 4, "context_tokens": 400_000,
        "output_tokens": 1000});
    let mut mistral = plain.clone();
    (mistral["id"], mistral["call_ids"]) = (json!("mistral-large-latest"), json!("nine"));
    let prompt = model_map::prompt_id("Be of use.");
    let mut role = patient();
    role["system"] = json!({ "prompts": [prompt] });
    let map = MapBuilder::new(upstream.address)
        .with(json!({
            "providers": {"bedrock": bedrock},
            "models": {"openai/gpt-5.4": reasoning, "openai/gpt-4.1": plain,
                "openai/mistral-large-latest": mistral,
                "anthropic/m": {"prefill": true},
                "bedrock/anthropic.claude-x": {"provider": "bedrock", "id": "anthropic.claude-x",
                    "prefill": true, "output_tokens": 1000}},
            "prompts": {prompt: "Be of use."},
        }))
        .role("reasoning", &["openai/gpt-5.4"], role.clone())
        .role("plain", &["openai/gpt-4.1"], role.clone())
        .role("mistral", &["openai/mistral-large-latest"], role.clone())
        .role("anthropic", &["anthropic/m"], role.clone())
        .role("bedrock", &["bedrock/anthropic.claude-x"], role)
        .role("recorded", &["openai/gpt-4.1"], patient());
    running::start(&map.bytes()).await
}

async fn post(router: &Running, path: &str, body: &Value) -> (u16, String) {
    let request = client().post(router.url(path)).header("anthropic-version", "2023-06-01");
    let response = request.body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// What is wrong with the last request that a role's provider got.
fn wrong(upstream: &Upstream, role: &str) -> Vec<String> {
    let sent = upstream.arrivals().last().unwrap().json();
    match role {
        "anthropic" => rules::messages(&sent),
        "bedrock" => rules::converse(&sent),
        _ => [rules::chat(&sent), rules::chat_parameters(&sent, role == "reasoning")].concat(),
    }
}

#[tokio::test]
async fn every_recorded_answer_of_an_openai_dialect_is_sent_back_by_the_rules() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let mut history = vec![
        json!({"role": "developer", "content": "Be brief."}),
        json!({"role": "user", "content": "Hello."}),
    ];
    let (mut turns, mut asked, mut refused) = (0, 0, Vec::new());
    let answers = |streamed| recordings("chat.completions", streamed).into_iter();
    let cases: Vec<_> =
        answers(true).map(|it| (it, true)).chain(answers(false).map(|it| (it, false))).collect();
    for (case, streamed) in &cases {
        upstream.push("", [Fault::recorded(&case.stream, &[])]);
        let question = json!({"model": "recorded", "stream": streamed, "messages": history});
        let (status, text) = post(&router, "/v1/chat/completions", &question).await;
        let Some(message) = (status == 200).then(|| kept(&text, *streamed)).flatten() else {
            continue;
        };
        let results: Vec<Value> = results(&message).collect();
        history.push(message);
        history.extend(results);
        history.push(json!({"role": "user", "content": format!("Turn {turns}.")}));
        turns += 1;
        for role in ROLES {
            let body = json!({"model": role, "stream": true, "max_tokens": 500, "temperature": 0.5,
                "stop": ["a", "b", "c", "d", "e"], "reasoning_effort": "low", "logprobs": true,
                "messages": history, "tools": tools()});
            let (status, text) = post(&router, "/v1/chat/completions", &body).await;
            let wrong = wrong(&upstream, role);
            if status != 200 || !wrong.is_empty() {
                refused.push(format!("{} to {role}: {status} {wrong:?} {text}", case.name));
            }
            asked += 1;
        }
    }
    assert!(refused.is_empty(), "{} of {asked}: {refused:#?}", refused.len());
    println!("{} cases, {turns} turns, {asked} requests, {asked} accepted", cases.len());
    assert!(cases.is_empty() || turns > 35, "{turns} turns");
}

fn tools() -> Value {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    ["get_weather", "f"].map(tool).into_iter().collect()
}

/// The message that a client sends back; none where the answer broke off.
fn kept(text: &str, streamed: bool) -> Option<Value> {
    let whole = match streamed {
        true => {
            let events = events(text);
            if events.iter().any(|event| !event["error"].is_null()) {
                return None;
            }
            whole_chat(&events)
        }
        false => serde_json::from_str(text).unwrap(),
    };
    let mut message = whole["choices"][0]["message"].clone();
    let members = message.as_object_mut()?;
    // What is spoken is sent back by an id that its own provider alone knows.
    if members.get("audio").is_some_and(Value::is_object) {
        return None;
    }
    members.retain(|name, value| !value.is_null() || name == "content");
    let calls = members.get("tool_calls").and_then(Value::as_array);
    let is_foreign = calls.is_some_and(|calls| calls.iter().any(|it| it["type"] == "custom"));
    (!is_foreign && !members.contains_key("function_call")).then_some(message)
}

fn results(message: &Value) -> impl Iterator<Item = Value> + '_ {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    calls.map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "a result"}))
}

/// A request that was really sent.
struct Recorded {
    name: String,
    path: &'static str,
    body: Value,
}

fn recorded() -> Vec<Recorded> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded");
    let Ok(index) = std::fs::read(folder.join("index.json")) else {
        println!("SKIPPED: there are no recorded exchanges beside this checkout");
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let of = |entry: &Value| {
        let path = match entry["api"].as_str().unwrap() {
            "messages" => "/v1/messages",
            "chat.completions" => "/v1/chat/completions",
            _ => return None,
        };
        // What its own provider refused is no example.
        let file = entry["files"]["request"].as_str().filter(|_| entry["kind"] == "response")?;
        // Its tools are OpenRouter's own: they are passed on, and the provider has to know them.
        if entry["case"] == "annotations-stream" {
            return None;
        }
        let name = ["group", "case"].map(|key| entry[key].as_str().unwrap()).join("/");
        let body = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        Some(Recorded { name, path, body })
    };
    index.iter().filter_map(of).collect()
}

/// The request as it was after each turn of the user's.
fn turns(body: &Value) -> Vec<Value> {
    let messages = body["messages"].as_array().unwrap();
    let ends = (1..=messages.len()).filter(|end| {
        let is_turn = |it: &Value| matches!(it["role"].as_str(), Some("user" | "tool"));
        let goes_on = messages.get(*end).is_some_and(|next| next["role"] != "assistant");
        *end == messages.len() || (is_turn(&messages[end - 1]) && !goes_on)
    });
    ends.map(|end| {
        let mut body = body.clone();
        body["messages"] = messages[..end].iter().cloned().collect();
        body
    })
    .collect()
}

#[tokio::test]
async fn recorded_conversations_are_told_by_the_rules_turn_by_turn() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let (mut asked, mut accepted) = (0, 0);
    let (mut refused, mut broken) = (Vec::new(), Vec::new());
    let recorded = recorded();
    for Recorded { name, path, body } in &recorded {
        for (turn, mut body) in turns(body).into_iter().enumerate() {
            for role in ROLES {
                body["model"] = json!(role);
                body["stream"] = json!(true);
                let before = upstream.arrivals().len();
                let (status, text) = post(&router, path, &body).await;
                asked += 1;
                if upstream.arrivals().len() == before {
                    // The router says which part the provider has no words for.
                    assert_eq!(status, 400, "{name} to {role}: {text}");
                    let told: Value = serde_json::from_str(&text).unwrap();
                    let why = told["error"]["message"].as_str().unwrap();
                    refused.push(format!("{name} to {role}, turn {turn}: {why}"));
                    continue;
                }
                let wrong = wrong(&upstream, role);
                if status != 200 || !wrong.is_empty() {
                    broken.push(format!("{name} to {role}: {status} {wrong:?} {text}"));
                }
                accepted += 1;
            }
        }
    }
    assert!(broken.is_empty(), "{} of {asked}: {broken:#?}", broken.len());
    let refusals = refused.len();
    println!(
        "{} requests, {asked} turns asked, {accepted} accepted, {refusals} refused:",
        recorded.len()
    );
    refused.iter().for_each(|why| println!("    {why}"));
    assert!(recorded.is_empty() || (accepted > 300 && refusals < accepted / 5), "{accepted}");
}

#[test]
fn the_rules_of_openai_and_bedrock_find_what_breaks_them() {
    let chat = |change: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "q"}]});
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let found = |body: Value, reasons: bool, what: &str| {
        let wrong = rules::chat_parameters(&body, reasons);
        assert!(wrong.iter().any(|it| it.contains(what)), "{body}: {wrong:?}");
    };
    assert_eq!(rules::chat_parameters(&chat(json!({"stop": ["a"]})), false), Vec::<String>::new());
    found(chat(json!({"stop": ["a", "b", "c", "d", "e"]})), false, "stop");
    found(chat(json!({"stop": "a"})), true, "`stop`");
    found(chat(json!({"temperature": 1})), true, "`temperature`");
    found(chat(json!({"max_tokens": 1})), true, "`max_tokens`");
    found(chat(json!({"logprobs": true})), true, "`logprobs`");
    let tools = |name: &str| json!([{"type": "function", "function": {"name": name}}]);
    let beside = |model: &str, effort: Value| {
        chat(json!({"model": model, "tools": tools("f"), "reasoning_effort": effort}))
    };
    found(beside("gpt-5.4", json!("low")), true, "an effort beside tools");
    found(beside("gpt-5.5", Value::Null), true, "an effort beside tools");
    for fine in [beside("gpt-5.5", json!("none")), beside("gpt-5.1", json!("low"))] {
        assert_eq!(rules::chat_parameters(&fine, true), Vec::<String>::new());
    }
    found(chat(json!({"tools": tools(&"n".repeat(65))})), false, "longer than 64");
    found(chat(json!({"tool_choice": "auto"})), false, "without tools");
    found(chat(json!({"user": "u".repeat(65)})), false, "`user` over 64");
    let result = json!([{"role": "tool", "tool_call_id": "c".repeat(41), "content": "r"}]);
    let wrong = rules::chat(&json!({ "messages": result }));
    assert!(wrong.iter().any(|it| it.contains("longer than 40")), "{wrong:?}");
    for (id, is_wrong) in [("call_0fypS1hVX", true), ("call_0fyp", true), ("D681PevKs", false)] {
        let calls = json!([{"role": "assistant", "tool_calls": [{"id": id}]},
            {"role": "tool", "tool_call_id": id, "content": "r"}]);
        let wrong = rules::chat(&json!({"model": "mistral-small", "messages": calls}));
        let told = wrong.iter().filter(|it| it.contains("nine letters or digits")).count();
        assert_eq!((told, wrong.len()), if is_wrong { (2, 2) } else { (0, 0) }, "{wrong:?}");
    }
    let wrong = rules::responses(&json!({"input": [{"call_id": "c".repeat(65)}]}));
    assert!(wrong.iter().any(|it| it.contains("longer than 64")), "{wrong:?}");
    found(chat(json!({"stream_options": {}})), false, "stream_options");
    let both = json!([{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]);
    found(chat(json!({ "messages": both })), false, "developer");
    let said = |role: &str, content: Value| json!({"role": role, "content": content});
    let hello = said("user", json!([{"text": "q"}]));
    let call =
        said("assistant", json!([{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]));
    let result =
        said("user", json!([{"toolResult": {"toolUseId": "t", "content": [{"text": "r"}]}}]));
    let converse =
        |messages: Value| rules::converse(&json!({"messages": messages, "toolConfig": {}}));
    assert_eq!(converse(json!([hello, call, result])), Vec::<String>::new());
    for (broken, what) in [
        (json!([call]), "first turn"),
        (json!([hello, hello]), "alternate"),
        (json!([hello, call, hello]), "have results"),
        (json!([said("user", json!([{"text": ""}]))]), "empty text"),
        (json!([said("user", json!([]))]), "empty turn"),
    ] {
        let wrong = converse(broken.clone());
        assert!(wrong.iter().any(|it| it.contains(what)), "{broken}: {wrong:?}");
    }
    for name in ["a".repeat(65), "a.b".to_owned(), String::new()] {
        let call = json!([{"toolUse": {"toolUseId": "t", "name": name, "input": {}}}]);
        let told = rules::converse(&json!({
            "messages": [hello, said("assistant", call), result],
            "toolConfig": {"tools": [{"toolSpec": {"name": name}}], "toolChoice": {"tool": {"name": name}}}}));
        let named = told.iter().filter(|it| it.contains("the name of a tool")).count();
        assert_eq!(named, 3, "{told:?}");
    }
    let untold = rules::converse(&json!({"messages": [hello, call, result]}));
    assert!(untold.iter().any(|it| it.contains("toolConfig")), "{untold:?}");
}
