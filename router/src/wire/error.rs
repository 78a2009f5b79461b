//! A provider's error in one shape, from an HTTP answer or from an event inside a stream.
//!
//! Owns the reading of both protocols' error objects; when to come back is in
//! [`super::retry_after`], and what follows from a failure in [`model_map::attempt`].

use std::time::SystemTime;

use http::HeaderMap;
use model_map::{Failure, FailureClass, Words};
use serde_json::Value;

use super::retry_after;

/// Longer messages are cut: they are for people.
const MAX_MESSAGE: usize = 2000;

/// What a provider says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// Its class, and what that allows.
    pub failure: Failure,
    /// The provider's words, or ours where it has none. May name what the client sent; for an
    /// `auth` failure it may hold a part of our key and must not reach a client or a log.
    pub message: String,
    /// The provider's code, else its type.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
}

impl UpstreamError {
    /// An error of our own finding.
    pub fn of(class: FailureClass, message: impl Into<String>) -> Self {
        Self { failure: Failure::of(class), message: message.into(), code: None, param: None }
    }
}

/// Reads an HTTP answer that is an error, of either protocol; one under a 200 too. `now` is taken
/// where a header names an instant.
pub fn read(status: u16, headers: &HeaderMap, body: &[u8], now: SystemTime) -> UpstreamError {
    let object = serde_json::from_slice::<Value>(body).ok();
    let object = object.as_ref().map(ErrorObject::of_body).unwrap_or_default();
    let refused = headers.get("x-should-retry").is_some_and(|value| value == "false");
    let mut error = object.read(Some(status).filter(|status| *status >= 300), || {
        format!("HTTP {status} without an error object")
    });
    error.failure.repeatable &= !refused;
    error.failure.retry_after = retry_after::read(headers, now);
    error
}

/// Reads the data of an error event under a 200.
pub(crate) fn read_event(data: &str) -> UpstreamError {
    let object = serde_json::from_str::<Value>(data).ok();
    let object = object.as_ref().map(ErrorObject::of_body).unwrap_or_default();
    object.read(None, || clip(data))
}

/// What error objects of all dialects hold.
#[derive(Debug, Default)]
struct ErrorObject {
    message: Option<String>,
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    /// A number in place of the code, or beside it.
    status: Option<u16>,
    /// Whether it says that the quota is used up.
    quota: bool,
}

impl ErrorObject {
    /// The error under an HTTP status, else under the one that the object tells or stands for.
    fn read(self, status: Option<u16>, words: impl FnOnce() -> String) -> UpstreamError {
        let named = || {
            let code = self.code.as_deref().and_then(status_of_code);
            code.or_else(|| status_of(self.kind.as_deref()?))
        };
        let status = status.or(self.status).or_else(named);
        let message = self.message.unwrap_or_else(words);
        let code = self.code.or(self.kind);
        let words = Words {
            code: code.as_deref().unwrap_or_default(),
            message: &message,
            param: self.param.as_deref().unwrap_or_default(),
        };
        let mut failure = Failure::of_error(status.unwrap_or(500), words);
        failure.status = status;
        failure.repeatable &= !self.quota;
        UpstreamError { failure, message, code, param: self.param }
    }

    fn of_body(body: &Value) -> Self {
        match body.get("error") {
            Some(Value::String(message)) => {
                Self { message: Some(clip(message)), ..Self::of_object(body) }
            }
            Some(object @ Value::Object(_)) => Self::of_object(object),
            _ => Self::of_object(body),
        }
    }

    fn of_object(object: &Value) -> Self {
        let text = |name: &str| {
            object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(clip)
        };
        let number = |name: &str| {
            let value = object.get(name)?;
            // Azure writes it as a text.
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
            u16::try_from(number).ok().filter(|status| (400..600).contains(status))
        };
        let (kind, code) = (text("type").filter(|kind| kind != "error"), text("code"));
        let quota = [&kind, &code].iter().any(|x| x.as_deref() == Some("insufficient_quota"));
        Self {
            message: text("message").or_else(|| text("detail")),
            param: text("param"),
            status: ["code", "status_code", "status"].into_iter().find_map(number),
            kind,
            code,
            quota,
        }
    }
}

/// The HTTP status that Anthropic's error types come with.
fn status_of(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" | "server_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// The HTTP status that OpenAI's codes stand for. Inside a stream they come without a type: those
/// of a failed response, and of the errors that it also has under a status.
fn status_of_code(code: &str) -> Option<u16> {
    Some(match code {
        "bio_policy"
        | "content_filter"
        | "content_policy_violation"
        | "context_length_exceeded"
        | "cyber_policy"
        | "data_residency_mismatch"
        | "empty_image_file"
        | "failed_to_download_image"
        | "image_content_policy_violation"
        | "image_file_not_found"
        | "image_file_too_large"
        | "image_parse_error"
        | "image_too_large"
        | "image_too_small"
        | "invalid_base64_image"
        | "invalid_image"
        | "invalid_image_format"
        | "invalid_image_mode"
        | "invalid_image_url"
        | "invalid_prompt"
        | "invalid_type"
        | "invalid_value"
        | "missing_required_parameter"
        | "ResponsibleAIPolicyViolation"
        | "string_above_max_length"
        | "unknown_parameter"
        | "unsupported_image_media_type"
        | "unsupported_parameter"
        | "unsupported_value" => 400,
        "invalid_api_key" => 401,
        "model_not_found" => 404,
        "insufficient_quota" | "rate_limit_exceeded" => 429,
        "server_error" => 500,
        "server_is_overloaded" | "slow_down" => 503,
        "vector_store_timeout" => 504,
        _ => return None,
    })
}

fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> UpstreamError {
        read(status, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn reads_every_dialect() {
        let openai = http(
            404,
            r#"{"error":{"message":"no","type":"t","code":"model_not_found","param":"model"}}"#,
        );
        assert_eq!(openai.failure.class, FailureClass::NotFound);
        assert_eq!(
            (openai.code.as_deref(), openai.param.as_deref()),
            (Some("model_not_found"), Some("model"))
        );
        let anthropic = http(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        );
        assert_eq!(anthropic.failure.class, FailureClass::Overloaded);
        assert_eq!(anthropic.code.as_deref(), Some("overloaded_error"));
        assert_eq!(http(400, r#"{"code":"c","error":"words"}"#).message, "words");
        assert_eq!(http(429, r#"{"error":{"code":429,"message":"m"}}"#).code, None);
        assert_eq!(http(422, r#"{"detail":"field"}"#).message, "field");
    }

    #[test]
    fn tells_no_foreign_body() {
        let error = http(502, "<html>secret</html>");
        assert_eq!(error.message, "HTTP 502 without an error object");
        assert_eq!(error.failure.class, FailureClass::ServerError);
    }

    #[test]
    fn an_error_under_a_200_stands_for_its_own_status() {
        let error =
            http(200, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#);
        assert_eq!(
            (error.failure.class, error.failure.status),
            (FailureClass::Overloaded, Some(529))
        );
        assert_eq!(http(200, "<html>").failure.class, FailureClass::ServerError);
    }

    #[test]
    fn an_empty_quota_is_not_repeated() {
        let error =
            http(429, r#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#);
        assert_eq!(
            (error.failure.class, error.failure.repeatable),
            (FailureClass::RateLimit, false)
        );
    }

    #[test]
    fn classes_of_events_come_from_their_type_or_number() {
        let class = |data: &str| read_event(data).failure.class;
        assert_eq!(
            class(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#),
            FailureClass::Overloaded
        );
        assert_eq!(
            class(r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#),
            FailureClass::ServerError
        );
        assert_eq!(
            class(r#"{"error":{"type":"rate_limit_error","message":"m"}}"#),
            FailureClass::RateLimit
        );
        assert_eq!(
            class(r#"{"error":{"code":400,"message":"prompt is too long"}}"#),
            FailureClass::ContextLength
        );
        assert_eq!(
            class(r#"{"error":{"message":"The server had an error"}}"#),
            FailureClass::ServerError
        );
        assert_eq!(class("Internal Server Error"), FailureClass::ServerError);
    }

    #[test]
    fn a_code_without_a_type_has_its_class_and_its_status() {
        use FailureClass::{ContentFilter, ContextLength, InvalidRequest, Overloaded};
        let known = [
            ("context_length_exceeded", ContextLength, 400),
            ("invalid_prompt", InvalidRequest, 400),
            ("invalid_image", InvalidRequest, 400),
            ("invalid_image_format", InvalidRequest, 400),
            ("invalid_base64_image", InvalidRequest, 400),
            ("invalid_image_url", InvalidRequest, 400),
            ("image_too_large", InvalidRequest, 400),
            ("image_too_small", InvalidRequest, 400),
            ("image_parse_error", InvalidRequest, 400),
            ("image_content_policy_violation", ContentFilter, 400),
            ("invalid_image_mode", InvalidRequest, 400),
            ("image_file_too_large", InvalidRequest, 400),
            ("unsupported_image_media_type", InvalidRequest, 400),
            ("empty_image_file", InvalidRequest, 400),
            ("failed_to_download_image", InvalidRequest, 400),
            ("image_file_not_found", InvalidRequest, 400),
            ("content_filter", ContentFilter, 400),
            ("server_error", FailureClass::ServerError, 500),
            ("vector_store_timeout", FailureClass::ServerError, 504),
            ("rate_limit_exceeded", FailureClass::RateLimit, 429),
            ("insufficient_quota", FailureClass::RateLimit, 429),
            ("slow_down", Overloaded, 503),
        ];
        for (code, class, status) in known {
            for data in [
                // A chat's, a response's that failed, and a response's error event.
                format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#),
                format!(r#"{{"status":"failed","error":{{"code":"{code}","message":"m"}}}}"#),
                format!(r#"{{"type":"error","code":"{code}","message":"m","param":null}}"#),
            ] {
                let failure = read_event(&data).failure;
                assert_eq!((failure.class, failure.status), (class, Some(status)), "{data}");
                let failure = http(200, &data).failure;
                assert_eq!((failure.class, failure.status), (class, Some(status)), "{data}");
            }
        }
        // Azure's number is a text.
        let failure = read_event(r#"{"error":{"code":"429","message":"m"}}"#).failure;
        assert_eq!((failure.class, failure.status), (FailureClass::RateLimit, Some(429)));
        // Whatever has no name here is the provider's.
        let failure = read_event(r#"{"error":{"code":"odd","message":"m"}}"#).failure;
        assert_eq!((failure.class, failure.status), (FailureClass::ServerError, None));
    }
}
