//! The event of a REST API: payload format 1.0.
//!
//! Owns that format as far as the router needs it; the request is put together by [`super`].

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::Value;

use super::{BadEvent, Parts, assemble, push_encoded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    http_method: String,
    /// Without the stage.
    path: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    /// Decoded, as nothing else in an event is.
    #[serde(default)]
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Whether an event is a REST API's: it has a method at the top and, unlike an HTTP API's of the
/// same format, no version.
pub(super) fn is_rest(event: &Value) -> bool {
    event.get("httpMethod").is_some_and(Value::is_string) && event.get("version").is_none()
}

/// Reads the request out of it.
///
/// # Errors
/// When a part of it can be in no HTTP request.
pub(super) fn request(event: Value) -> Result<Request<Bytes>, BadEvent> {
    let event = Event::deserialize(event).map_err(|error| BadEvent(error.to_string()))?;
    let several = event.multi_value_headers.unwrap_or_default();
    let several = several
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    let mut headers: Vec<(String, String)> = several.collect();
    if headers.is_empty() {
        headers = event.headers.unwrap_or_default().into_iter().collect();
    }
    assemble(Parts {
        method: event.http_method,
        path: event.path,
        query: query(event.multi_value_query_string_parameters.unwrap_or_default()),
        headers,
        body: event.body.unwrap_or_default(),
        is_base64: event.is_base64_encoded,
    })
}

fn query(parameters: BTreeMap<String, Vec<String>>) -> String {
    let mut query = String::new();
    for (name, values) in parameters {
        for value in values {
            if !query.is_empty() {
                query.push('&');
            }
            push_encoded(&mut query, &name, b"&=+%#");
            query.push('=');
            push_encoded(&mut query, &value, b"&=+%#");
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "resource": "/{proxy+}",
            "path": "/v1/chat/completions",
            "httpMethod": "POST",
            "headers": {"authorization": "Bearer two"},
            "multiValueHeaders": {"authorization": ["Bearer one"], "accept": ["a", "b"]},
            "queryStringParameters": {"q": "b&c"},
            "multiValueQueryStringParameters": {"q": ["a b", "b&c"]},
            "requestContext": {"stage": "prod", "path": "/prod/v1/chat/completions",
                "domainName": "abc.execute-api.ap-northeast-1.amazonaws.com"},
            "body": "e30=",
            "isBase64Encoded": true,
        })
    }

    #[test]
    fn a_request_is_read() {
        assert!(is_rest(&event()));
        let request = request(event()).unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/v1/chat/completions?q=a%20b&q=b%26c");
        assert_eq!(request.headers()["authorization"], "Bearer one");
        assert_eq!(request.headers().get_all("accept").iter().count(), 2);
        assert_eq!(request.body(), "{}");
    }

    #[test]
    fn what_it_leaves_out_is_empty() {
        let mut event = event();
        for name in ["multiValueHeaders", "multiValueQueryStringParameters", "body"] {
            event[name] = Value::Null;
        }
        event["isBase64Encoded"] = false.into();
        let request = request(event).unwrap();
        assert_eq!(request.uri(), "/v1/chat/completions");
        assert_eq!(request.headers()["authorization"], "Bearer two");
        assert!(request.body().is_empty());
    }

    #[test]
    fn an_http_api_of_the_same_format_is_another() {
        let mut event = event();
        event["version"] = "1.0".into();
        assert!(!is_rest(&event));
        assert!(!is_rest(&json!({"httpMethod": 7})));
    }
}
