//! Responses with the headers that say what the router did, and errors in OpenAI's shape.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use model_map::{FailureClass, Plan};

use crate::answer::Answer;
use crate::attempt::{Delivered, Failed};
use crate::audit::Trail;
use crate::openai::error::{ClientError, body};
use crate::wire::Told;

/// Every response carries it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The digest of the map that the request ran on.
pub(crate) const MAP: HeaderName = HeaderName::from_static("x-sfai-map");
const ROLE: HeaderName = HeaderName::from_static("x-sfai-role");
const MODEL: HeaderName = HeaderName::from_static("x-sfai-model");
const RULE: HeaderName = HeaderName::from_static("x-sfai-rule");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-sfai-attempts");
const DROPPED: HeaderName = HeaderName::from_static("x-sfai-dropped");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// `false` tells clients not to try again by themselves.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// As many headers as an answer has at most.
const HEADERS: usize = 12;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// OpenAI's error type of a failure.
pub(crate) fn error_kind(class: FailureClass) -> &'static str {
    match class {
        FailureClass::InvalidRequest
        | FailureClass::ContextLength
        | FailureClass::ContentFilter => "invalid_request_error",
        FailureClass::RateLimit => "rate_limit_error",
        FailureClass::Timeout => "timeout_error",
        _ => "server_error",
    }
}

/// The code of a failure by which OpenAI's clients know it, told in a provider's words: its own
/// where those are OpenAI's, else the name that OpenAI has for the class; ours where it has none.
pub(crate) fn error_code(class: FailureClass, told: Option<&str>) -> String {
    // The codes of other dialects are types, names of exceptions or numbers.
    let is_openais = |code: &&str| {
        let is_name = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_name && !code.is_empty() && !code.ends_with("_error")
    };
    let own = told.filter(is_openais);
    let code = match class {
        FailureClass::ContextLength => "context_length_exceeded",
        FailureClass::RateLimit if own == Some("insufficient_quota") => "insufficient_quota",
        FailureClass::RateLimit => "rate_limit_exceeded",
        FailureClass::ContentFilter | FailureClass::InvalidRequest => own.unwrap_or(class.name()),
        _ => class.name(),
    };
    code.to_owned()
}

/// The code where all attempts failed. A quota that is used up hides no limit that will pass.
fn code_of(failed: &Failed, class: FailureClass) -> String {
    let mut limited = failed.attempts.log().iter().filter_map(|attempt| attempt.failure.as_ref());
    let passes = limited.any(|it| it.class == FailureClass::RateLimit && it.repeatable);
    let told = failed.error.as_ref().and_then(|error| error.code.as_deref());
    error_code(class, told.filter(|_| class != FailureClass::RateLimit || !passes))
}

/// A JSON body.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An error of the request itself.
#[cold]
pub(crate) fn error(status: StatusCode, error: &ClientError) -> Response<Answer> {
    let mut response = json(status, body(error));
    // For those whose protocol has another shape: see `front::error`.
    response.extensions_mut().insert(error.clone());
    response
}

/// An error of the request itself that has a code and concerns no parameter.
#[cold]
pub(crate) fn refuse(
    status: StatusCode,
    code: &str,
    message: impl Into<String>,
) -> Response<Answer> {
    let kind = "invalid_request_error";
    error(
        status,
        &ClientError { message: message.into(), kind, code: Some(code.into()), param: None },
    )
}

/// What every response of a planned request says, whatever comes of it.
pub(crate) fn head(plan: &Plan<'_>, map: &HeaderValue, id: HeaderValue) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(HEADERS);
    head.insert(REQUEST_ID, id);
    head.insert(MAP, map.clone());
    put(&mut head, ROLE, plan.role_name);
    if !plan.rule.is_empty() {
        put(&mut head, RULE, plan.rule);
    }
    head
}

/// The answer of an attempt.
pub(crate) fn delivered(delivered: Delivered, head: HeaderMap) -> Response<Answer> {
    let is_stream = delivered.answer.is_stream();
    let mut response = Response::new(delivered.answer);
    *response.headers_mut() = head;
    let headers = response.headers_mut();
    if is_stream {
        headers.insert(CONTENT_TYPE, EVENT_STREAM);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    } else {
        headers.insert(CONTENT_TYPE, JSON);
    }
    put(headers, MODEL, &delivered.model);
    if !delivered.dropped.is_empty() {
        put(headers, DROPPED, &delivered.dropped.join(", "));
    }
    response
}

/// The error of a request all of whose attempts failed.
#[cold]
pub(crate) fn failed(plan: &Plan<'_>, failed: &Failed, tried: &str) -> Response<Answer> {
    let telling = failed.attempts.most_telling();
    let status = telling.map_or(502, model_map::Failure::client_status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let class = telling.map_or(FailureClass::ServerError, |failure| failure.class);
    let mut response = error(
        status,
        &ClientError {
            message: message(plan, failed, class, tried),
            kind: error_kind(class),
            code: Some(code_of(failed, class)),
            param: failed.error.as_ref().and_then(|error| error.param.clone()),
        },
    );
    response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    if let Some(wait) = failed.attempts.retry_after() {
        // Rounded up: a client that comes back too early is turned away again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Names the role and what was tried. A provider's own words are passed on only where they are
/// about the client's request: others may hold a part of a key.
fn message(plan: &Plan<'_>, failed: &Failed, class: FailureClass, tried: &str) -> String {
    let role = plan.role_name;
    let words = failed.error.as_ref().map(|error| error.message.as_str());
    match (class, words) {
        (
            FailureClass::InvalidRequest
            | FailureClass::ContextLength
            | FailureClass::ContentFilter,
            Some(words),
        ) if !words.is_empty() => format!("{words} (role `{role}`: {tried})"),
        _ => format!("Role `{role}` got no answer from any of its models: {tried}."),
    }
}

/// Adds what came of a planned request.
pub(crate) fn describe(response: &mut Response<Answer>, tried: &str, took: Duration) {
    let headers = response.headers_mut();
    put(headers, ATTEMPTS, tried);
    // Whole numbers of few digits: what writes long and broken ones is seldom at hand.
    let (millis, tenths) = (took.as_secs() * 1000, took.subsec_micros() / 100);
    let millis = millis + u64::from(tenths / 10);
    put(headers, SERVER_TIMING, &format!("total;dur={millis}.{}", tenths % 10));
}

/// The same response, whose end is noted.
pub(crate) fn noted(response: Response<Answer>, mut trail: Trail, told: Told) -> Response<Answer> {
    trail.responds(response.status().as_u16());
    response.map(|answer| answer.noted(trail, told))
}

/// Adds a header, unless its value has characters that no header can have.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_openais() {
        use FailureClass::{ContentFilter, ContextLength, InvalidRequest, Overloaded, RateLimit};
        for (class, told, code) in [
            (ContextLength, Some("context_length_exceeded"), "context_length_exceeded"),
            (ContextLength, Some("invalid_request_error"), "context_length_exceeded"),
            (ContextLength, None, "context_length_exceeded"),
            (RateLimit, Some("rate_limit_error"), "rate_limit_exceeded"),
            (RateLimit, Some("insufficient_quota"), "insufficient_quota"),
            (InvalidRequest, Some("unsupported_parameter"), "unsupported_parameter"),
            (InvalidRequest, Some("invalid_request_error"), "invalid_request"),
            (InvalidRequest, Some("ValidationException"), "invalid_request"),
            (InvalidRequest, Some("400"), "invalid_request"),
            (ContentFilter, Some("content_policy_violation"), "content_policy_violation"),
            (ContentFilter, None, "content_filter"),
            (Overloaded, Some("slow_down"), "overloaded"),
            // It would be taken for the client's own.
            (FailureClass::Auth, Some("invalid_api_key"), "auth"),
        ] {
            assert_eq!(error_code(class, told), code, "{class} {told:?}");
        }
    }
}
