//! The real binary as a Lambda function, through a Function URL and through an HTTP API.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::{At, End, Fault, Gate, Upstream};
use crate::running::{MapBuilder, question};
use crate::runtime_api::{Function, Posted, command};

pub const KEY: &str = "0123456789abcdef";

/// A function with a role for each protocol, and its upstream.
struct Deployed {
    function: Function,
    upstream: Upstream,
    _folder: TempDir,
}

async fn deploy() -> Deployed {
    deploy_with(&[]).await
}

async fn deploy_with(env: &[(&str, &str)]) -> Deployed {
    let upstream = Upstream::start().await;
    let map = MapBuilder::new(upstream.address)
        .role("gpt", &["openai/m"], json!({}))
        .role("claude", &["anthropic/m"], json!({}))
        .bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model_map.json");
    std::fs::write(&path, map).unwrap();
    let keys = format!("ada:{KEY}");
    let mut env = env.to_vec();
    env.push(("SFAI_CLIENT_KEYS", &keys));
    let function = Function::start(&path, &env).await;
    Deployed { function, upstream, _folder: folder }
}

/// An event of a Function URL.
pub fn url_event(method: &str, path: &str, body: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "authorization": format!("Bearer {KEY}"),
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.ap-northeast-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "1",
            "routeKey": "$default",
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The same through an HTTP API with the stage `prod`.
pub fn api_event(method: &str, path: &str, body: &str) -> Value {
    let mut event = url_event(method, &format!("/prod{path}"), body);
    let context = &mut event["requestContext"];
    context["domainName"] = "abc.execute-api.ap-northeast-1.amazonaws.com".into();
    context["stage"] = "prod".into();
    event
}

fn chat(role: &str, stream: bool) -> String {
    question(role, stream).to_string()
}

const CHAT: &str = "/v1/chat/completions";

/// The status and the body of a streamed response.
async fn whole(mut posted: Posted) -> (Value, String) {
    let (prelude, stream) = posted.prelude().await;
    let text = stream.rest().await;
    assert!(posted.trailers.is_none(), "the runtime met an error in the stream");
    (prelude, text)
}

/// Both parsed from the text of a buffered one.
async fn json_of(posted: Posted) -> (Value, Value) {
    let mut reply = posted.buffered().await;
    assert_eq!(reply["isBase64Encoded"], false);
    let body = reply["body"].take();
    (reply, serde_json::from_str(body.as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn a_function_url_gets_each_chunk_when_it_is_produced() {
    let deployed = deploy().await;
    for (number, role) in ["gpt", "claude"].into_iter().enumerate() {
        let second = Gate::default();
        deployed.upstream.push("", [Fault::Hold(At::AfterFirstToken, second.clone())]);
        let mut posted = deployed.function.invoke(url_event("POST", CHAT, &chat(role, true))).await;
        let (prelude, mut stream) = posted.prelude().await;
        assert_eq!(prelude["statusCode"], 200);
        assert_eq!(prelude["headers"]["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(prelude["headers"]["x-sfai-role"], role);
        assert!(prelude["headers"]["x-request-id"].is_string());

        // The upstream sends its second token only after the first one has come out here.
        let first = stream.text_until("\"content\":\"").await;
        let first = first + &stream.text_until("\n\n").await;
        assert!(first.starts_with("data: {"), "{first}");
        assert!(deployed.upstream.arrivals()[number].end.is_none());
        second.open();
        let rest = stream.rest().await;
        assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
        assert!(posted.trailers.is_none());
        assert_eq!(deployed.upstream.ended(number).await, End::Answered);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error_event() {
    let deployed = deploy().await;
    for role in ["gpt", "claude"] {
        deployed.upstream.push("", [Fault::Cut(At::AfterFirstToken)]);
        let event = url_event("POST", CHAT, &chat(role, true));
        let (prelude, text) = whole(deployed.function.invoke(event).await).await;
        assert_eq!(prelude["statusCode"], 200);
        assert!(text.contains("\"error\""), "{text}");
        assert!(!text.contains("[DONE]"), "{text}");
    }
}

#[tokio::test]
async fn an_http_api_gets_one_buffered_answer() {
    let deployed = deploy().await;
    for role in ["gpt", "claude"] {
        let event = api_event("POST", CHAT, &chat(role, false));
        let (reply, answer) = json_of(deployed.function.invoke(event).await).await;
        assert_eq!(reply["statusCode"], 200);
        assert_eq!(reply["headers"]["content-type"], "application/json");
        assert_eq!(reply["headers"]["x-sfai-role"], role);
        assert!(!answer["choices"][0]["message"]["content"].as_str().unwrap().is_empty());

        let event = api_event("POST", CHAT, &chat(role, true));
        let reply = deployed.function.invoke(event).await.buffered().await;
        assert_eq!(reply["headers"]["content-type"], "text/event-stream; charset=utf-8");
        assert!(reply["body"].as_str().unwrap().ends_with("data: [DONE]\n\n"));
    }
}

/// An event of a REST API, as AWS documents it for proxy integrations, streamed or not.
pub fn rest_event(path: &str, body: &str) -> Value {
    let bearer = format!("Bearer {KEY}");
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Authorization": bearer, "Content-Type": "application/json"},
        "multiValueHeaders": {"Authorization": [bearer], "Content-Type": ["application/json"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {"proxy": path.trim_start_matches('/')},
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.execute-api.ap-northeast-1.amazonaws.com",
            "domainPrefix": "abc",
            "httpMethod": "POST",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "curl/8"},
            "path": format!("/v{path}"),
            "protocol": "HTTP/1.1",
            "requestId": "1",
            "resourceId": "def",
            "resourcePath": "/{proxy+}",
            "stage": "v",
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The reply has the format that AWS documents for streams of REST APIs, which is the Function URL's:
/// a prelude of status, headers and cookies alone, its end within the first 16 kB, eight NULs, and
/// the body as it is produced. `Posted::prelude` holds it to the NULs and to the mode.
#[tokio::test]
async fn a_rest_api_gets_each_chunk_when_it_is_produced() {
    let deployed = deploy().await;
    let second = Gate::default();
    deployed.upstream.push("", [Fault::Hold(At::AfterFirstToken, second.clone())]);
    let mut posted = deployed.function.invoke(rest_event(CHAT, &chat("gpt", true))).await;
    let (prelude, mut stream) = posted.prelude().await;
    assert_eq!(prelude["statusCode"], 200);
    assert!(prelude.to_string().len() < 16 * 1024);
    let members = prelude.as_object().unwrap().keys();
    assert!(members.clone().all(|it| ["statusCode", "headers", "cookies"].contains(&&**it)));
    stream.text_until("\"content\":\"").await;
    assert!(deployed.upstream.arrivals()[0].end.is_none());
    second.open();
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
    drop(posted);
    let posted = deployed.function.invoke(rest_event("/v1/x", "{}")).await;
    let (prelude, text) = whole(posted).await;
    assert_eq!(prelude["statusCode"], 404, "{text}");
}

#[tokio::test]
async fn what_cannot_be_served_is_told_through_both_fronts() {
    let deployed = deploy().await;
    let anonymous = |mut event: Value| {
        event["headers"] = json!({});
        event
    };
    let not_base64 = |mut event: Value| {
        event["isBase64Encoded"] = true.into();
        event
    };
    for event in [url_event, api_event] {
        let cases = [
            (event("POST", CHAT, &chat("nobody", false)), 404, "nobody"),
            (event("POST", CHAT, "{"), 400, "not valid"),
            (event("POST", CHAT, ""), 400, "not valid"),
            (event("POST", "/v1/nothing", "{}"), 404, "/v1/nothing"),
            (event("POST", "/v1/chat completions/ä", "{}"), 404, "/v1/chat"),
            (event("POST", "//example.com/v1", "{}"), 404, "There is no"),
            (event("GET", CHAT, ""), 405, "POST"),
            (event("P OST", CHAT, ""), 400, "method"),
            (anonymous(event("POST", CHAT, &chat("gpt", false))), 401, "key"),
            (not_base64(event("POST", CHAT, "{}")), 400, "base64"),
        ];
        for (event, status, says) in cases {
            let is_url = event["requestContext"]["stage"] == "$default";
            let posted = deployed.function.invoke(event).await;
            let (head, body) = if is_url {
                let (head, text) = whole(posted).await;
                (head, serde_json::from_str(&text).unwrap())
            } else {
                json_of(posted).await
            };
            let message = body["error"]["message"].as_str().unwrap();
            assert_eq!(head["statusCode"], status, "{message}");
            assert_eq!(head["headers"]["content-type"], "application/json");
            assert!(message.contains(says), "{message}");
        }
    }
    assert!(deployed.upstream.arrivals().is_empty());
}

#[tokio::test]
async fn an_event_of_another_kind_is_a_buffered_400() {
    let deployed = deploy().await;
    let rest_api = json!({"httpMethod": "POST", "path": CHAT, "body": "{}", "version": "1.0"});
    let odd_domain = json!({"requestContext": {"domainName": {"a": 1}}});
    for event in [rest_api, odd_domain, json!({}), json!([]), json!(null), json!("warm-up")] {
        let (reply, body) = json_of(deployed.function.invoke(event).await).await;
        assert_eq!(reply["statusCode"], 400);
        assert_eq!(body["error"]["code"], "invalid_event");
    }
    // The function is still there for the next one.
    let health = deployed.function.invoke(api_event("GET", "/health", "")).await;
    assert_eq!(json_of(health).await.0["statusCode"], 200);
}

#[tokio::test]
async fn a_base64_body_is_read() {
    use base64::Engine;
    let deployed = deploy().await;
    let body = base64::prelude::BASE64_STANDARD.encode(chat("gpt", false));
    for mut event in [url_event("POST", "/", &body), api_event("POST", CHAT, &body)] {
        event["isBase64Encoded"] = true.into();
        let is_url = event["requestContext"]["stage"] == "$default";
        let posted = deployed.function.invoke(event).await;
        let head = if is_url { whole(posted).await.0 } else { json_of(posted).await.0 };
        assert_eq!(head["statusCode"], 200);
    }
}

#[tokio::test]
async fn every_streamed_body_has_a_byte() {
    let deployed = deploy().await;
    for (method, path) in [("OPTIONS", CHAT), ("OPTIONS", "/"), ("HEAD", "/health")] {
        let (_, text) = whole(deployed.function.invoke(url_event(method, path, "")).await).await;
        assert!(!text.is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_call_through_both_fronts() {
    let origin = "https://app.example.com";
    let deployed = deploy_with(&[("SFAI_CORS_ORIGINS", origin)]).await;
    let from = |mut event: Value, headers: Value| {
        event["headers"] = headers;
        event
    };
    for event in [url_event, api_event] {
        let asks = json!({"origin": origin, "access-control-request-method": "POST",
            "access-control-request-headers": "authorization"});
        let preflight = from(event("OPTIONS", CHAT, ""), asks);
        // Without a key: a page's error is to be readable, too.
        let refused = from(event("POST", CHAT, "{}"), json!({"origin": origin}));
        let other =
            json!({"origin": "https://other.example", "access-control-request-method": "POST"});
        let other = from(event("OPTIONS", CHAT, ""), other);
        for (event, status, allowed) in [
            (preflight, 200, json!(origin)),
            (refused, 401, json!(origin)),
            (other, 401, Value::Null),
        ] {
            let is_url = event["requestContext"]["stage"] == "$default";
            let posted = deployed.function.invoke(event).await;
            let head = if is_url { whole(posted).await.0 } else { posted.buffered().await };
            assert_eq!(head["statusCode"], status);
            assert_eq!(head["headers"]["access-control-allow-origin"], allowed);
        }
    }
}

#[tokio::test]
async fn the_end_of_the_invocation_is_told_before_it_comes() {
    let deployed = deploy().await;
    deployed.upstream.push("", [Fault::Hang(At::BeforeHeaders)]);
    let event = url_event("POST", CHAT, &chat("gpt", true));
    let posted = deployed.function.invoke_for(event, Duration::from_millis(1200)).await;
    let (head, text) = whole(posted).await;
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&head["statusCode"], &body["error"]["code"]), (&json!(504), &json!("timeout")));
    assert_eq!(deployed.upstream.ended(0).await, End::ClientLeft);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_cleanly() {
    let deployed = deploy().await;
    let mut body = question("gpt", false);
    body["messages"][0]["content"] = "x".repeat(7 << 20).into();
    let url = deployed.function.invoke(url_event("POST", CHAT, &body.to_string())).await;
    let (head, text) = whole(url).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(head["statusCode"], 413);
    assert_eq!(answer["error"]["code"], "request_too_large");
    let api = deployed.function.invoke(api_event("POST", "/v1/messages", &body.to_string())).await;
    let (head, answer) = json_of(api).await;
    assert_eq!((&head["statusCode"], &answer["type"]), (&json!(413), &json!("error")));
    assert!(deployed.upstream.arrivals().is_empty());
    let next = deployed.function.invoke(url_event("POST", CHAT, &chat("gpt", false))).await;
    assert_eq!(whole(next).await.0["statusCode"], 200);
}

#[tokio::test]
async fn surroundings_that_are_not_lambdas_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model_map.json");
    let nowhere = "127.0.0.1:9".parse().unwrap();
    std::fs::write(&path, MapBuilder::new(nowhere).role("gpt", &["openai/m"], json!({})).bytes())
        .unwrap();
    let output = command(nowhere)
        .env("LAMBDA_TASK_ROOT", folder.path())
        .env("SFAI_CLIENT_KEYS", format!("ada:{KEY}"))
        .env_remove("AWS_LAMBDA_FUNCTION_VERSION")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("AWS_LAMBDA_FUNCTION_VERSION") && !said.contains("panicked"), "{said}");
}
