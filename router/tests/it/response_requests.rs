//! What a link is sent of a request for a response, and what comes of its errors.

use serde_json::json;

use crate::faults::{Fault, Then, Upstream};
use crate::running::{self, MapBuilder, client};

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
