use proptest::prelude::*;
use serde_json::json;

use super::*;

fn event(path: &str, stage: &str) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "authorization": "Bearer key"},
        "requestContext": {
            "domainName": "abc.execute-api.ap-northeast-1.amazonaws.com",
            "stage": stage,
            "http": {"method": "POST", "path": path},
        },
        "body": "{}",
        "isBase64Encoded": false,
    })
}

fn path_of(path: &str, stage: &str) -> String {
    request(event(path, stage)).unwrap().uri().to_string()
}

#[test]
fn a_request_is_read() {
    let mut event = event("/v1/chat/completions", "$default");
    event["rawQueryString"] = "api-version=1".into();
    event["cookies"] = json!(["a=1", "b=2"]);
    event["body"] = "e30K".into();
    event["isBase64Encoded"] = true.into();
    let request = request(event).unwrap();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "/v1/chat/completions?api-version=1");
    assert_eq!(request.headers()["authorization"], "Bearer key");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["cookie"], "a=1; b=2");
    assert_eq!(request.body(), "{}\n");
}

#[test]
fn the_stage_is_not_part_of_the_path() {
    assert_eq!(path_of("/prod/v1/chat/completions", "prod"), "/v1/chat/completions");
    assert_eq!(path_of("/prod", "prod"), "/");
    assert_eq!(path_of("/production/v1", "prod"), "/production/v1");
    assert_eq!(path_of("/v1/models", "prod"), "/v1/models", "a custom domain maps the stage away");
    assert_eq!(path_of("/v1/models", "$default"), "/v1/models");
    assert_eq!(path_of("/v1/v1/models", "v1"), "/v1/models");
}

#[test]
fn what_no_path_can_hold_is_encoded() {
    assert_eq!(path_of("/v1/mod els/ä", "$default"), "/v1/mod%20els/%C3%A4");
    assert_eq!(path_of("/a?b#c", "$default"), "/a%3Fb%23c");
    assert_eq!(path_of("", "$default"), "/");
    assert_eq!(path_of("*", "$default"), "/*");
    assert_eq!(path_of("//evil.example/v1", "$default"), "//evil.example/v1");
    assert_eq!(path_of("/a%2Fb", "$default"), "/a%2Fb");
}

#[test]
fn the_front_is_told_by_the_domain() {
    let front = |domain: Value| Front::of(&json!({"requestContext": {"domainName": domain}}));
    assert_eq!(front("x.lambda-url.eu-west-1.on.aws".into()), Front::FunctionUrl);
    assert_eq!(front("x.execute-api.eu-west-1.amazonaws.com".into()), Front::HttpApi);
    assert_eq!(front(7.into()), Front::HttpApi);
    assert_eq!(Front::of(&json!("warm-up")), Front::HttpApi);
}

#[test]
fn odd_events_say_what_is_wrong() {
    let changed = |pointer: &str, value: Value| {
        let mut event = event("/", "$default");
        *event.pointer_mut(pointer).unwrap() = value;
        request(event).unwrap_err().0
    };
    assert_eq!(changed("/version", "1.0".into()), "its payload format is 1.0, not 2.0");
    assert!(changed("/rawPath", 7.into()).contains("expected a string"));
    assert_eq!(changed("/requestContext/http/method", "P O".into()), "its method is none");
    assert_eq!(changed("/headers", json!({"a b": "c"})), "\"a b\" is no name of a header");
    let secret = changed("/headers", json!({"authorization": "Bearer s3cret\n"}));
    assert!(secret.contains("authorization") && !secret.contains("s3cret"), "{secret}");
    let mut not_base64 = event("/", "$default");
    not_base64["isBase64Encoded"] = true.into();
    assert!(request(not_base64).unwrap_err().0.contains("not base64"));
    assert!(request(json!({})).unwrap_err().0.contains("version"));
    assert!(request(json!(null)).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_value_anywhere_gives_a_request_or_a_reason(
        key in prop::sample::select(vec![
            "version", "rawPath", "rawQueryString", "headers", "cookies", "requestContext",
            "body", "isBase64Encoded",
        ]),
        value in any_json(),
        path in ".{0,40}",
    ) {
        let mut event = event(&path, "prod");
        event[key] = value;
        Front::of(&event);
        if let Ok(request) = request(event) {
            prop_assert!(request.uri().path().starts_with('/'));
        }
    }
}
