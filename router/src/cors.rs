//! Which web pages may call: answers to preflights, and the headers that let a page read.
//!
//! Owns CORS alone; a page's requests need a key as all others do.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use crate::answer::Answer;

/// The variable that holds `https://one.example,https://two.example`, or `*`.
pub const CORS_ORIGINS: &str = "SFAI_CORS_ORIGINS";

/// An hour: browsers ask again then, and cap it themselves.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// What a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, x-sfai-role, x-sfai-model, x-sfai-rule, x-sfai-attempts, x-sfai-map, x-sfai-dropped, server-timing, retry-after, x-should-retry",
);

/// The origins whose pages may call; none until some are named.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// Reads the list.
    ///
    /// # Errors
    /// When a part is no origin; the text says which.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cors = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "*" {
                cors.any = true;
                continue;
            }
            let host = part.strip_prefix("https://").or_else(|| part.strip_prefix("http://"));
            let value = HeaderValue::from_str(part).ok();
            match (host, value) {
                (Some(host), Some(value)) if !host.is_empty() && !host.contains('/') => {
                    cors.origins.push(value);
                }
                _ => {
                    return Err(format!(
                        "{CORS_ORIGINS}: {part:?} is no origin; one is a scheme and a host, https://app.example.com"
                    ));
                }
            }
        }
        Ok(cors)
    }

    /// The answer to a preflight of a page that may call.
    pub(crate) fn preflight(&self, request: &Request<Bytes>) -> Option<Response<Answer>> {
        let asked = request.headers();
        if request.method() != Method::OPTIONS || !asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let origin = self.allowed(asked)?;
        // 200 and not 204: a Lambda front sends at least one byte.
        let mut response = Response::new(Answer::whole(Bytes::new()));
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        // Whatever a page may send is looked at as if a program had sent it.
        if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        self.allow(Some(origin), headers);
        Some(response)
    }

    /// The origin of a request, if its page may call.
    pub(crate) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        (self.any || self.origins.contains(origin)).then(|| origin.clone())
    }

    /// Lets the page of an allowed origin read a response.
    pub(crate) fn allow(&self, origin: Option<HeaderValue>, response: &mut HeaderMap) {
        if let Some(origin) = origin {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        if self.any || !self.origins.is_empty() {
            response.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(cors: &Cors, origin: &'static str) -> Option<Response<Answer>> {
        let request = Request::options("/v1/chat/completions")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type");
        cors.preflight(&request.body(Bytes::new()).unwrap())
    }

    #[test]
    fn a_page_of_a_named_origin_may_call() {
        let cors = Cors::parse("https://a.example, http://localhost:3000").unwrap();
        let response = preflight(&cors, "http://localhost:3000").unwrap();
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "authorization,content-type");
        assert_eq!(headers[VARY], "origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert!(preflight(&cors, "https://a.example.evil").is_none());
        assert!(preflight(&Cors::default(), "https://a.example").is_none());
        assert!(preflight(&Cors::parse("*").unwrap(), "https://any.example").is_some());
    }

    #[test]
    fn an_options_request_that_is_no_preflight_is_another_request() {
        let request = Request::options("/").header(ORIGIN, "https://a.example");
        let request = request.body(Bytes::new()).unwrap();
        assert!(Cors::parse("*").unwrap().preflight(&request).is_none());
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
