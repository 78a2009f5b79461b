//! Which web pages may call: answers to preflights, and the headers that let a page read.
//!
//! Owns CORS alone; a page's requests need a key as all others do.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::answer::Answer;
use crate::hosts;

/// The variable that holds `https://one.example,https://two.example`, or `*`.
pub const CORS_ORIGINS: &str = "SFAI_CORS_ORIGINS";

/// Two hours: what browsers cap it to.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// What a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset, request-id, retry-after, server-timing, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, x-request-id, x-sfai-attempts, x-sfai-count, x-sfai-dropped, x-sfai-map, x-sfai-model, x-sfai-role, x-sfai-rule, x-should-retry",
);

/// The pages that may call.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// Of any origin where a key is asked for, since no browser adds it by itself. A router that
    /// asks for none answers pages of this machine: any other could spend its owner's money.
    #[default]
    ByKey,
    /// Of any origin.
    Any,
    /// Of these.
    Named(Vec<HeaderValue>),
}

impl Cors {
    /// Reads the list.
    ///
    /// # Errors
    /// When a part is no origin; the text says which.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut named = Vec::new();
        for part in parts {
            if part == "*" {
                return Ok(Self::Any);
            }
            named.push(origin(part).ok_or_else(|| {
                format!(
                    "{CORS_ORIGINS}: {part:?} is no origin; one is a scheme and a host, https://app.example.com"
                )
            })?);
        }
        Ok(if named.is_empty() { Self::ByKey } else { Self::Named(named) })
    }

    /// The answer to a browser that asks whether a page may send a request; none for any other
    /// request. What lets the page read it comes with [`Self::finish`].
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
        is_open: bool,
    ) -> Option<Response<Answer>> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.allowed(headers.get(ORIGIN)?, is_open)?;
        // 200 and not 204: a Lambda front sends at least one byte.
        let mut response = Response::new(Answer::whole(""));
        let to = response.headers_mut();
        to.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        to.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        // Whatever a page may send is looked at as if a program had sent it.
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(wanted) = wanted.filter(|wanted| wanted.as_bytes().iter().all(is_in_names)) {
            to.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(response)
    }

    /// Lets the page that sent a request read the response, if it may.
    pub(crate) fn finish(&self, origin: &HeaderValue, is_open: bool, response: &mut HeaderMap) {
        response.append(VARY, HeaderValue::from_static("origin"));
        if let Some(allowed) = self.allowed(origin, is_open) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Whether a page of this origin may call, and so what of it is sent: a router that asks for no
    /// key is called by any page that the user looks at, which need not read the answer.
    pub(crate) fn may_call(&self, origin: &HeaderValue, is_open: bool) -> bool {
        self.allowed(origin, is_open).is_some()
    }

    fn allowed(&self, origin: &HeaderValue, is_open: bool) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(ANY),
            Self::ByKey if !is_open => Some(ANY),
            Self::ByKey => is_of_this_machine(origin).then(|| origin.clone()),
            Self::Named(named) => named.contains(origin).then(|| origin.clone()),
        }
    }
}

/// An origin as it is written in a list.
fn origin(text: &str) -> Option<HeaderValue> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_host = !host.is_empty() && !host.contains('/');
    HeaderValue::from_str(text).ok().filter(|_| is_host)
}

/// Whether a byte stands in a list of headers' names.
fn is_in_names(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_, ".contains(byte)
}

/// Whether a page comes from this machine: served on loopback, or a program's own.
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let Some((scheme, rest)) = origin.to_str().ok().and_then(|it| it.split_once("://")) else {
        return false;
    };
    if !matches!(scheme, "http" | "https") {
        return true;
    }
    hosts::is_this_machine(hosts::without_port(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a preflight of a page says, if the page may call.
    fn preflight(cors: &Cors, origin: &'static str, is_open: bool) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        let names = HeaderValue::from_static("authorization,content-type");
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, names);
        let mut response = cors.preflight(&Method::OPTIONS, &headers, is_open)?;
        cors.finish(&HeaderValue::from_static(origin), is_open, response.headers_mut());
        Some(response.headers().clone())
    }

    #[test]
    fn a_page_of_a_named_origin_may_call() {
        let cors = Cors::parse("https://a.example, http://localhost:3000").unwrap();
        let headers = preflight(&cors, "http://localhost:3000", false).unwrap();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "authorization,content-type");
        assert_eq!(headers[VARY], "origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert!(preflight(&cors, "https://a.example.evil", false).is_none());
        let any = Cors::parse("*").unwrap();
        assert!(preflight(&any, "https://any.example", true).is_some());
    }

    #[test]
    fn without_names_the_key_decides() {
        let cors = Cors::default();
        let headers = preflight(&cors, "https://a.example", false).unwrap();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(preflight(&cors, "https://a.example", true).is_none());
        assert!(preflight(&cors, "http://localhost:3000", true).is_some());
    }

    #[test]
    fn an_options_request_that_is_no_preflight_is_another_request() {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://a.example"));
        assert!(Cors::Any.preflight(&Method::OPTIONS, &headers, false).is_none());
    }

    #[test]
    fn a_page_of_another_machine_is_told_from_one_of_this() {
        let own = |origin: &'static str| is_of_this_machine(&HeaderValue::from_static(origin));
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:8",
            "http://app.localhost",
            "vscode-webview://x",
        ] {
            assert!(own(origin), "{origin}");
        }
        for origin in ["https://example.com", "http://localhost.example.com", "null", "x"] {
            assert!(!own(origin), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_named() {
        for text in ["a.example", "https://", "https://a.example/path", "null"] {
            let why = Cors::parse(text).unwrap_err();
            assert!(why.contains(text) && why.contains(CORS_ORIGINS), "{why}");
        }
        assert_eq!(Cors::parse(" , ").unwrap(), Cors::default());
    }
}
