//! What browsers and proxies ask of every response: CORS, compression, the shape of errors.
//!
//! Owns what is done to a request before anything reads it and to a response on its way out; what
//! either says is decided elsewhere.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_ENCODING, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::answer::Answer;
use crate::{front, respond};

/// The largest body, unpacked: what the local server takes unpacked, too.
const UNPACKED_LIMIT: usize = 16 * 1024 * 1024;

/// Smaller bodies are not worth packing.
const PACK_FROM: usize = 2048;

/// What takes longer to unpack is not done between other requests.
const UNPACK_APART_FROM: usize = 64 * 1024;

/// Headers that a page may read besides the usual ones.
const EXPOSED: &str = "request-id, retry-after, server-timing, x-request-id, x-sfai-attempts, \
x-sfai-count, x-sfai-dropped, x-sfai-map, x-sfai-model, x-sfai-role, x-sfai-rule, x-should-retry";

/// What a request says of the response that it can read.
#[derive(Debug)]
pub(crate) struct Caller {
    speaks_messages: bool,
    origin: Option<HeaderValue>,
    takes_gzip: bool,
}

impl Caller {
    /// Reads it from a request's path and headers.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        Self {
            speaks_messages: front::speaks_messages(path, headers),
            origin: headers.get(ORIGIN).cloned(),
            takes_gzip: takes_gzip(headers),
        }
    }

    /// Gives a response the form that the caller reads. A router that asks for no key `is_open`:
    /// then only pages of this machine may read it, since any other could spend its owner's money.
    pub(crate) fn finish(&self, is_open: bool, response: &mut Response<Answer>) {
        if self.speaks_messages {
            front::dress(response);
        }
        if self.takes_gzip {
            pack(response);
        }
        let Some(origin) = &self.origin else { return };
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        if !is_open {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else if is_of_this_machine(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        } else {
            return;
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The answer to a browser that asks whether it may send a request; none for any other request.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response<Answer>> {
    let asks = headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if method != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = Response::new(Answer::whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
    let to = response.headers_mut();
    to.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    to.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    if let Some(wanted) = wanted.filter(|wanted| wanted.as_bytes().iter().all(is_in_names)) {
        to.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
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
    let host = match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => rest.split(':').next(),
    };
    matches!(host, Some("localhost" | "127.0.0.1" | "::1"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = lists.flat_map(|list| list.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse::<f64>();
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// Packs a whole body; a stream is for reading as it comes.
fn pack(response: &mut Response<Answer>) {
    if response.headers().contains_key(CONTENT_ENCODING) {
        return;
    }
    let Answer::Whole(Some(body)) = response.body() else { return };
    if body.len() < PACK_FROM {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    // Writing into memory cannot fail.
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    let Ok(packed) = packed else { return };
    *response.body_mut() = Answer::whole(packed);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
}

/// Unpacks a request's body, if it is packed.
pub(crate) async fn unpacked(head: &Parts, body: Bytes) -> Result<Bytes, Box<Response<Answer>>> {
    let coding = head.headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], HeaderValue::as_bytes);
    if coding.eq_ignore_ascii_case(b"identity") {
        return Ok(body);
    }
    if !coding.eq_ignore_ascii_case(b"gzip") {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "The body's content-encoding is not known here: send it as gzip, or without.".into(),
        ));
    }
    if body.len() < UNPACK_APART_FROM {
        return unpack(&body);
    }
    let unpacking = tokio::task::spawn_blocking(move || unpack(&body)).await;
    unpacking.unwrap_or_else(|_| Err(not_gzip()))
}

/// Stops at the limit, however much more there would be.
fn unpack(body: &[u8]) -> Result<Bytes, Box<Response<Answer>>> {
    let mut decoder = MultiGzDecoder::new(body).take(UNPACKED_LIMIT as u64 + 1);
    let mut unpacked = Vec::with_capacity((body.len() * 4).min(UNPACKED_LIMIT));
    decoder.read_to_end(&mut unpacked).map_err(|_| not_gzip())?;
    if unpacked.len() > UNPACKED_LIMIT {
        let megabytes = UNPACKED_LIMIT / (1024 * 1024);
        let message = format!("The request is larger than {megabytes} MB when it is unpacked.");
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message));
    }
    Ok(unpacked.into())
}

fn not_gzip() -> Box<Response<Answer>> {
    let message = "The body is not the gzip that its content-encoding says.";
    refusal(StatusCode::BAD_REQUEST, "invalid_encoding", message.into())
}

fn refusal(status: StatusCode, code: &str, message: String) -> Box<Response<Answer>> {
    Box::new(respond::refuse(status, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        assert!(takes("gzip") && takes("br;q=1.0, GZIP;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("gzip;q=0") && !takes("br") && !takes("x-gzips") && !takes(""));
    }

    #[test]
    fn a_page_of_another_machine_is_told_from_one_of_this() {
        let own = |origin: &'static str| is_of_this_machine(&HeaderValue::from_static(origin));
        for origin in
            ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8", "vscode-webview://x"]
        {
            assert!(own(origin), "{origin}");
        }
        for origin in ["https://example.com", "http://localhost.example.com", "null", "x"] {
            assert!(!own(origin), "{origin}");
        }
    }
}
