//! The facts of requests, one question at a time.

use bytes::Bytes;
use model_map::role::{Arm, Link, Share};
use serde_json::{Value, json};

use super::*;

fn request(body: &Value) -> ClientRequest {
    of_front(Front::Chat, body)
}

fn of_front(front: Front, body: &Value) -> ClientRequest {
    ClientRequest::parse(front, &HeaderMap::new(), Bytes::from(body.to_string())).unwrap()
}

fn chat(more: Value) -> ClientRequest {
    let mut body = json!({"model": "r", "messages": [{"role": "user", "content": "four"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request(&body)
}

fn ask<T>(request: &ClientRequest, see: impl FnOnce(&RequestFacts<'_>) -> T) -> T {
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-team"),
        http::HeaderValue::from_static("search"),
    )]);
    see(&RequestFacts::new(request, &headers, Some("ada")))
}

#[test]
fn flags() {
    let flags = |more| {
        let request = chat(more);
        ask(&request, |facts| Flag::ALL.map(|flag| facts.flag(flag)))
    };
    assert_eq!(flags(json!({})), [false; 4]);
    assert_eq!(flags(json!({"tools": []})), [false; 4]);
    assert_eq!(flags(json!({"tools": null, "functions": [{}]})), [false, false, false, true]);
    let formats = [("json_schema", true), ("json_object", true), ("text", false)];
    for (kind, expected) in formats {
        assert_eq!(flags(json!({"response_format": {"type": kind}}))[1], expected, "{kind}");
    }
    assert!(!flags(json!({"response_format": "nonsense"}))[1]);
    assert!(flags(json!({"stream": true}))[2]);
    let part = json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}});
    assert!(flags(json!({"messages": [{"role": "user", "content": [part]}]}))[0]);
}

#[test]
fn anthropics_words_mean_the_same() {
    let format = json!({"type": "json_schema", "schema": {}});
    let body = json!({"model": "r", "max_tokens": 7, "system": "eight ch", "stream": true,
        "messages": [{"role": "user", "content": "four"}], "tools": [{"name": "f"}],
        "output_config": {"format": format}, "metadata": {"user_id": "u"}});
    let request = of_front(Front::Messages, &body);
    let flags = ask(&request, |facts| Flag::ALL.map(|flag| facts.flag(flag)));
    assert_eq!(flags, [false, true, true, true]);
    let number = |fact| ask(&request, |facts| facts.number(fact));
    assert_eq!(number(NumberFact::MaxTokens), Some(7));
    assert_eq!(number(NumberFact::Messages), Some(2), "the system prompt is one");
    assert_eq!(number(NumberFact::Tokens), Some(1 + 2 + 4));
}

#[test]
fn numbers() {
    let number = |more, fact| {
        let request = chat(more);
        ask(&request, |facts| facts.number(fact))
    };
    assert_eq!(number(json!({}), NumberFact::MaxTokens), None);
    assert_eq!(number(json!({"max_tokens": 5}), NumberFact::MaxTokens), Some(5));
    let both = json!({"max_tokens": 5, "max_completion_tokens": 7});
    assert_eq!(number(both, NumberFact::MaxTokens), Some(7), "as upstream requests have it");
    assert_eq!(number(json!({"max_tokens": "many"}), NumberFact::MaxTokens), None);
    assert_eq!(number(json!({}), NumberFact::Messages), Some(1));
    assert_eq!(number(json!({}), NumberFact::Tokens), Some(1));
    let tools = json!({"tools": [{"type": "function"}]});
    assert_eq!(number(tools, NumberFact::Tokens), Some(1 + 6));
}

#[test]
fn texts() {
    let request = chat(json!({"metadata": {"team": "a\"b", "count": 3}}));
    ask(&request, |facts| {
        let header = |name: &str| facts.text(&TextFact::Header(name.into())).map(str::to_owned);
        let metadata = |key: &str| facts.text(&TextFact::Metadata(key.into())).map(str::to_owned);
        assert_eq!(facts.text(&TextFact::Client), Some("ada"));
        assert_eq!(header("x-team").as_deref(), Some("search"));
        assert_eq!(header("x-other"), None);
        assert_eq!(metadata("team").as_deref(), Some("a\"b"));
        assert_eq!(metadata("count"), None);
        assert_eq!(metadata("none"), None);
    });
}

#[test]
fn nothing_is_looked_at_before_it_is_asked_for() {
    let request = chat(json!({"metadata": {"a": "b"}}));
    ask(&request, |facts| {
        facts.flag(Flag::Stream);
        facts.text(&TextFact::Client);
        facts.draw(&Role::of(vec![Arm::always(vec![])]));
        assert!(facts.survey.get().is_none() && facts.metadata.get().is_none());
    });
}

#[test]
fn a_conversation_keeps_its_draw() {
    let shares = |percent| Share { model: "m".into(), percent };
    let arm = Arm { draw: vec![shares(50), shares(50)], ..Arm::always(Vec::<Link>::new()) };
    let role = Role::of(vec![arm]);
    let draw = |messages: Value, more: Value| {
        let mut body = json!({"messages": messages});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = chat(body);
        ask(&request, |facts| facts.draw(&role))
    };
    let user = |text: &str| json!({"role": "user", "content": text});
    let first = draw(json!([user("first")]), json!({}));
    let later = json!([user("first"), {"role": "assistant", "content": "a"}, user("second")]);
    assert_eq!(draw(later.clone(), json!({})), first);
    let session = json!({"metadata": {"session_id": "s"}});
    assert_eq!(draw(json!([user("x")]), session.clone()), draw(json!([user("y")]), session));
    let percents: std::collections::BTreeSet<u8> =
        (0..200).map(|n| draw(json!([user(&n.to_string())]), json!({})).as_percent()).collect();
    assert!(percents.len() > 60, "{} different draws of 200 conversations", percents.len());
    let users = |user: &str| draw(later.clone(), json!({"user": user}));
    assert!((0..20).any(|n| users(&n.to_string()) != users("u")), "`user` counts");
}
