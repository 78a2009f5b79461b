//! A conversation in which every recorded answer is a turn: what the client makes of each is sent
//! back with the next question, and what the router makes of that breaks no rule of the provider.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::replay::{cases, patient};
use crate::rules;
use crate::running::{self, MapBuilder, Running};

/// What a client keeps of a stream: the message that it sends back.
pub fn kept(stream: &str) -> Option<Value> {
    let (mut content, mut reasoning) = (String::new(), String::new());
    let mut details: BTreeMap<u64, Value> = BTreeMap::new();
    let mut calls: BTreeMap<u64, Value> = BTreeMap::new();
    for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        if data == "[DONE]" {
            continue;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        if chunk["error"].is_object() {
            return None;
        }
        let delta = &chunk["choices"][0]["delta"];
        content += delta["content"].as_str().unwrap_or_default();
        reasoning += delta["reasoning_content"].as_str().unwrap_or_default();
        for piece in delta["reasoning_details"].as_array().into_iter().flatten() {
            add(details.entry(piece["index"].as_u64().unwrap()).or_insert(json!({})), piece);
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            add(calls.entry(piece["index"].as_u64().unwrap()).or_insert(json!({})), piece);
        }
    }
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into_values().collect();
    }
    if !details.is_empty() {
        message["reasoning_content"] = json!(reasoning);
        message["reasoning_details"] = details.into_values().collect();
    }
    Some(message)
}

/// Adds the pieces of texts up; whatever else comes stays as it first came.
fn add(to: &mut Value, piece: &Value) {
    for (key, value) in piece.as_object().unwrap() {
        match (to.get_mut(key), value) {
            (Some(Value::Object(_)), Value::Object(_)) => add(&mut to[key], value),
            (Some(Value::String(text)), Value::String(more))
                if matches!(key.as_str(), "text" | "arguments" | "signature") =>
            {
                text.push_str(more);
            }
            (Some(_), _) => (),
            (None, _) => to[key] = value.clone(),
        }
    }
}

fn results(message: &Value) -> Vec<Value> {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    calls
        .enumerate()
        .map(|(number, call)| {
            // Continue sends nothing for a tool that says nothing.
            let content = if number % 2 == 0 { "a result" } else { "" };
            json!({"role": "tool", "tool_call_id": call["id"], "content": content})
        })
        .collect()
}

async fn ask(router: &Running, role: &str, history: &[Value]) -> (u16, String) {
    let names = ["get_weather", "f"];
    let tools: Vec<_> = names.iter().map(|name| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})).collect();
    let body = json!({"model": role, "stream": true, "max_tokens": 500, "messages": history, "tools": tools});
    let response = router.chat(&body).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn every_recorded_answer_is_sent_back_by_the_rules() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("anthropic", &["anthropic/m"], patient())
        .role("cached", &["anthropic/m"], json!({"cache": "conversation"}))
        .role("openai", &["openai/m"], patient());
    let router = running::start(&map.bytes()).await;
    let mut history = vec![
        json!({"role": "system", "content": "Be brief."}),
        json!({"role": "user", "content": "Hello."}),
    ];
    let (mut turns, mut signed) = (0, 0);
    let cases = cases("messages");
    for case in &cases {
        upstream.push("", [Fault::recorded(&case.stream, &[])]);
        let (status, text) = ask(&router, "anthropic", &history).await;
        let Some(message) = (status == 200).then(|| kept(&text)).flatten() else { continue };
        let is_silent = message["content"] == "" && message.get("tool_calls").is_none();
        let has_thoughts = message.get("reasoning_details").is_some();
        let results = results(&message);
        history.push(message);
        history.extend(results);
        history.push(json!({"role": "user", "content": format!("Turn {turns}.")}));
        turns += 1;
        for role in ["anthropic", "cached"] {
            let (status, text) = ask(&router, role, &history).await;
            assert_eq!(status, 200, "{}: {text}", case.name);
            let sent = upstream.arrivals().last().unwrap().json();
            assert_eq!(rules::messages(&sent), Vec::<String>::new(), "{}: {role}", case.name);
            let all = sent["messages"].to_string();
            if has_thoughts && !is_silent {
                signed += 1;
                assert!(all.contains("thinking\""), "{}: its thinking is lost", case.name);
            }
        }
        let (status, text) = ask(&router, "openai", &history).await;
        assert_eq!(status, 200, "{}: {text}", case.name);
        let sent = upstream.arrivals().last().unwrap().json();
        let wrong: Vec<_> =
            rules::chat(&sent).into_iter().filter(|what| !what.contains("`reasoning")).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", case.name);
    }
    println!("{} cases, {turns} turns, {signed} with thinking", cases.len());
    assert!(
        cases.is_empty() || (turns > 30 && signed > 5),
        "{turns} turns, {signed} with thinking"
    );
}

#[test]
fn the_rules_find_what_breaks_them() {
    let ask = |messages: Value| json!({"model": "m", "max_tokens": 1, "messages": messages});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": ""});
    let user = |content: Value| json!({"role": "user", "content": content});
    let said = |content: Value| json!({"role": "assistant", "content": content});
    let fine = ask(json!([
        user(json!("q")),
        said(json!([call("a"), call("b")])),
        user(json!([result("b"), result("a")]))
    ]));
    assert_eq!(rules::messages(&fine), Vec::<String>::new());
    for (broken, what) in [
        (json!([said(json!("a"))]), "first turn"),
        (json!([user(json!("q")), user(json!("q"))]), "alternate"),
        (json!([user(json!(" "))]), "an empty text"),
        (json!([user(json!("q")), said(json!([call("a")])), user(json!("q"))]), "have results"),
        (
            json!([
                user(json!("q")),
                said(json!([call("a")])),
                user(json!([{"type": "text", "text": "t"}, result("a")]))
            ]),
            "behind something",
        ),
        (
            json!([user(json!("q")), said(json!([call("a b")])), user(json!([result("a b")]))]),
            "an id",
        ),
        (
            json!([
                user(json!("q")),
                said(json!([{"type": "thinking", "thinking": "t", "signature": ""}]))
            ]),
            "signature",
        ),
        (json!([user(json!("q")), said(json!([call("a")]))]), "at the end"),
    ] {
        let wrong = rules::messages(&ask(broken.clone()));
        assert!(wrong.iter().any(|it| it.contains(what)), "{broken}: {wrong:?}");
    }
    let with = |name: &str, value: Value| {
        let mut body = ask(json!([user(json!("q"))]));
        body[name] = value;
        body
    };
    let budget = json!({"type": "enabled", "budget_tokens": 1024});
    let closed = json!({"type": "object", "additionalProperties": false, "properties": {"a": {"minimum": 1}}});
    for (broken, what) in [
        (with("thinking", budget), "no part of"),
        (with("tools", json!([{"strict": true, "input_schema": {"type": "object"}}])), "open"),
        (with("output_config", json!({"format": {"schema": closed}})), "`minimum`"),
    ] {
        let wrong = rules::messages(&broken);
        assert!(wrong.iter().any(|it| it.contains(what)), "{broken}: {wrong:?}");
    }
    let chat = |messages: Value| rules::chat(&json!({ "messages": messages }));
    let called = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "a"}]});
    let answered = json!({"role": "tool", "tool_call_id": "a", "content": ""});
    assert_eq!(chat(json!([called, answered])), Vec::<String>::new());
    assert_eq!(chat(json!([called, {"role": "user", "content": "q"}])).len(), 1);
    assert_eq!(chat(json!([answered])).len(), 1);
    assert_eq!(chat(json!([{"role": "user", "content": "q", "cache_control": {}}])).len(), 1);
}
