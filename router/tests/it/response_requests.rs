//! What a link is sent of a request for a response, and what comes of its errors.

use serde_json::{Value, json};

use crate::faults::{Fault, Then, Upstream};
use crate::rules;
use crate::running::{self, MapBuilder, Running, client};

const GOOD: &str =
    r#"{"object":"response","status":"completed","output":[{"type":"function_call"}]}"#;

async fn ask(router: &Running, body: &Value) -> (u16, Option<String>, String) {
    let request = client().post(router.url("/v1/responses")).body(body.to_string());
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (status, dropped) = (response.status().as_u16(), header("x-sfai-dropped"));
    (status, dropped, response.text().await.unwrap())
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "look", "arguments": "{}"})
}

fn output(id: &str, output: &Value) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": output})
}

#[tokio::test]
async fn pictures_in_results_stand_behind_all_results_of_the_turn() {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address).role("openai", &["openai/m"], json!({})).role(
        "anthropic",
        &["anthropic/m"],
        json!({}),
    );
    let router = running::start(&map.bytes()).await;
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"});
    let seen = json!([{"type": "input_text", "text": "seen"}, picture]);
    for behind in [None, Some(json!({"role": "user", "content": "go on"})), Some(call("d1"))] {
        let mut input = vec![json!({"role": "user", "content": "look"})];
        input.extend(["c1", "c2", "c3"].map(call));
        input.push(output("c1", &seen));
        input.push(output("c2", &json!("two")));
        input.push(output("c3", &seen));
        input.extend(behind.clone());
        if behind.as_ref().is_some_and(|it| it["type"] == "function_call") {
            input.push(output("d1", &json!("four")));
        }
        let body = |model: &str| json!({"model": model, "input": input});
        let (status, _, answer) = ask(&router, &body("openai")).await;
        assert_eq!(status, 200, "{answer}");
        let sent = upstream.arrivals().pop().unwrap().json();
        assert_eq!(rules::chat(&sent), Vec::<String>::new(), "{sent}");
        let messages = sent["messages"].as_array().unwrap();
        let roles: Vec<&str> = messages.iter().map(|it| it["role"].as_str().unwrap()).collect();
        assert_eq!(roles[..6], ["user", "assistant", "tool", "tool", "tool", "user"]);
        let parts = messages[5]["content"].as_array().unwrap();
        let texts: Vec<&Value> = parts.iter().step_by(2).map(|part| &part["text"]).collect();
        assert_eq!(texts, ["From the result of c1:", "From the result of c3:"]);
        assert_eq!(parts[1]["type"], "image_url");
        assert_eq!(messages[2]["content"], "seen");

        let (status, _, answer) = ask(&router, &body("anthropic")).await;
        assert_eq!(status, 200, "{answer}");
        let sent = upstream.arrivals().pop().unwrap().json();
        assert_eq!(rules::messages(&sent), Vec::<String>::new(), "{sent}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_appended_stands_behind_the_last_of_the_clients_instructions() {
    let upstream = Upstream::start().await;
    let id = model_map::prompt_id("Role.");
    let role = json!({"system": {"mode": "append", "prompts": [id]}});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], role)
        .with(json!({"prompts": {(id): "Role."}}));
    let router = running::start(&map.bytes()).await;
    upstream.always("/openai/", Fault::status(200).with_body(GOOD));
    let sent = async |more: Value| {
        let mut body = json!({"model": "r"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(ask(&router, &body).await.0, 200);
        upstream.arrivals().pop().unwrap().json()
    };
    let user = json!({"role": "user", "content": "u"});
    let developer = json!({"role": "developer", "content": "the \"developer\" says"});
    let own = json!({"type": "message", "role": model_map::SystemRole::default().name(),
        "content": "Role."});
    // Behind the last of them, wherever that is; the client's own instructions stay.
    let request = json!({"instructions": "I", "input": [developer, user, developer, user]});
    let was = sent(request).await;
    assert_eq!(was["instructions"], "I");
    assert_eq!(was["input"], json!([developer, user, developer, own, user]));
    // Ahead of what the model cannot read, which goes.
    let sealed = json!({"type": "reasoning", "encrypted_content": "sfai:e30=", "summary": []});
    let was = sent(json!({"input": [sealed, user, developer, sealed, user]})).await;
    assert_eq!(was["input"], json!([user, developer, own, user]));
    assert!(was.get("instructions").is_none());
    // Where there are none but `instructions`, it is a part of those.
    let quoting = json!({"role": "user", "content": "a \"developer\""});
    let was = sent(json!({"instructions": "I", "input": [quoting]})).await;
    assert_eq!(was["instructions"], "I\n\nRole.");
    assert_eq!(was["input"], json!([quoting]));
    let was = sent(json!({"input": "a \"developer\""})).await;
    assert_eq!((&was["instructions"], &was["input"]), (&json!("Role."), &json!("a \"developer\"")));
}

#[tokio::test]
async fn who_the_user_is_is_denied_under_both_names() {
    let upstream = Upstream::start().await;
    let role = json!({"deny": ["user"]});
    let map = MapBuilder::new(upstream.address).role("openai", &["openai/m"], role.clone()).role(
        "anthropic",
        &["anthropic/m"],
        role,
    );
    let router = running::start(&map.bytes()).await;
    for (model, answer) in [("openai", Some(GOOD)), ("openai", None), ("anthropic", None)] {
        if let Some(answer) = answer {
            upstream.push("/openai/", [Fault::status(200).with_body(answer)]);
        }
        let body = json!({"model": model, "input": "a", "user": "one", "safety_identifier": "two"});
        let (status, dropped, text) = ask(&router, &body).await;
        assert_eq!((status, dropped.as_deref()), (200, Some("safety_identifier, user")), "{text}");
        let sent = upstream.arrivals().pop().unwrap().json().to_string();
        assert!(!sent.contains("one") && !sent.contains("two"), "{sent}");
        let body = json!({"model": model, "safety_identifier": "two",
            "messages": [{"role": "user", "content": "a"}]});
        let response = router.chat(&body).await;
        assert_eq!(response.headers()["x-sfai-dropped"], "safety_identifier");
        response.text().await.unwrap();
        let sent = upstream.arrivals().pop().unwrap().json().to_string();
        assert!(!sent.contains("two"), "{sent}");
    }
}

#[tokio::test]
async fn an_error_that_has_a_code_alone_is_of_its_class() {
    let upstream = Upstream::start().await;
    let role = json!({"retry": {"count": 1, "min_backoff_ms": 1, "max_backoff_ms": 1,
        "on": ["server_error"]}});
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], role);
    let router = running::start(&map.bytes()).await;
    let failed = |code: &str| {
        let response = json!({"id": "resp_1", "object": "response", "status": "failed",
            "output": [], "error": {"code": code, "message": "no"}});
        let event = json!({"type": "response.failed", "sequence_number": 1, "response": response});
        format!("event: response.failed\ndata: {event}\n\n")
    };
    let flat = json!({"type": "error", "code": "context_length_exceeded", "message": "no",
        "param": null, "sequence_number": 1});
    let cases = [
        (failed("context_length_exceeded"), 400, "context_length"),
        (format!("event: error\ndata: {flat}\n\n"), 400, "context_length"),
        (failed("invalid_prompt"), 400, "invalid_request"),
        (failed("image_content_policy_violation"), 400, "content_filter"),
        (failed("rate_limit_exceeded"), 429, "rate_limit"),
    ];
    for (event, status, class) in cases {
        upstream.push("/openai/", [Fault::Part(vec![event.clone().into_bytes()], Then::End)]);
        let before = upstream.arrivals().len();
        let request = client().post(router.url("/v1/responses"));
        let body = json!({"model": "r", "stream": true, "input": "a"});
        let response = request.body(body.to_string()).send().await.unwrap();
        assert_eq!(response.status(), status, "{event}");
        assert_eq!(response.headers()["x-sfai-attempts"], format!("openai/m={class}").as_str());
        assert_eq!(upstream.arrivals().len(), before + 1, "{event}: is not repeated");
    }
    // The same in a chat's stream.
    let event = json!({"error": {"code": "context_length_exceeded", "message": "no"}});
    let part = format!("data: {event}\n\n").into_bytes();
    upstream.push("/openai/", [Fault::Part(vec![part], Then::End)]);
    let body =
        json!({"model": "r", "stream": true, "messages": [{"role": "user", "content": "a"}]});
    let response = router.chat(&body).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-sfai-attempts"], "openai/m=context_length");
}
