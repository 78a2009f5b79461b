//! The endpoints beside the three: what each kind of provider makes of them.
//!
//! Owns the second table; the first is the parent's.

use serde_json::{Value, json};

use super::answers::{Ending, ended};
use super::{PROVIDERS, serve};
use crate::faults::{Fault, Upstream};
use crate::running::client;

const ENDPOINTS: [&str; 4] =
    ["/v1/completions", "/v1/fim/completions", "/v1/embeddings", "/v1/messages/count_tokens"];

/// A row for each endpoint.
pub(super) async fn table() -> String {
    let mut text = format!("| | {} |\n| --- | --- | --- | --- |\n", PROVIDERS.join(" | "));
    for endpoint in ENDPOINTS {
        text += &format!("| `{endpoint}` |");
        for provider in PROVIDERS {
            text += &format!(" {} |", cell(endpoint, provider).await);
        }
        text += "\n";
    }
    text
}

fn question(endpoint: &str) -> Value {
    match endpoint {
        "/v1/embeddings" => json!({"model": "plain", "input": "a text"}),
        "/v1/messages/count_tokens" => {
            json!({"model": "plain", "messages": [{"role": "user", "content": "q"}]})
        }
        _ => json!({"model": "plain", "prompt": "let x", "suffix": ";", "max_tokens": 50}),
    }
}

/// What a provider with this endpoint answers; none where no such provider has it.
fn own_answer(endpoint: &str, provider: &str) -> Option<Fault> {
    let body = match (endpoint, provider) {
        ("/v1/embeddings", "openai") => json!({"object": "list", "model": "m",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1}}),
        ("/v1/messages/count_tokens", "anthropic") => json!({"input_tokens": 5}),
        ("/v1/messages/count_tokens", "bedrock") => json!({"inputTokens": 5}),
        ("/v1/completions" | "/v1/fim/completions", "openai") => json!({
            "id": "c", "object": "text_completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "text": " = 1", "finish_reason": "stop", "logprobs": null}]}),
        _ => return None,
    };
    Some(Fault::status(200).with_body(&body.to_string()))
}

async fn cell(endpoint: &str, provider: &str) -> &'static str {
    let upstream = Upstream::start().await;
    let router = serve(&upstream, provider).await;
    upstream.push("", own_answer(endpoint, provider).or_else(|| ended(provider, Ending::Limit)));
    let body = question(endpoint).to_string();
    let response = client().post(router.url(endpoint)).body(body).send().await.unwrap();
    let is_estimated = response.headers().get("x-sfai-count").is_some_and(|it| it == "estimated");
    let asked = upstream.arrivals().last().map(|it| it.path.clone()).unwrap_or_default();
    let is_a_chat =
        ["/chat/completions", "/messages", "/converse"].iter().any(|it| asked.ends_with(it));
    match response.status().as_u16() {
        200 if is_estimated => "estimated",
        200 if is_a_chat => "by a chat",
        200 => "yes",
        _ => "refused",
    }
}
