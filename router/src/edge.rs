//! What clients and proxies ask of every response: compression, the shape of errors.
//!
//! Owns what is done to a request before anything reads it and to a response on its way out; what
//! either says is decided elsewhere, and which pages may read it by [`Cors`].

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ORIGIN, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::answer::Answer;
use crate::cors::Cors;
use crate::{front, respond};

/// The largest body, unpacked: what the local server takes unpacked, too.
const UNPACKED_LIMIT: usize = 16 * 1024 * 1024;

/// Smaller bodies are not worth packing.
const PACK_FROM: usize = 2048;

/// What takes longer to unpack is not done between other requests.
const UNPACK_APART_FROM: usize = 64 * 1024;

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

    /// Gives a response the form that the caller reads. A router that asks for no key `is_open`.
    pub(crate) fn finish(&self, cors: &Cors, is_open: bool, response: &mut Response<Answer>) {
        if self.speaks_messages {
            front::dress(response);
        }
        if self.takes_gzip {
            pack(response);
        }
        if let Some(origin) = &self.origin {
            cors.finish(origin, is_open, response.headers_mut());
        }
    }
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

/// Packs a whole body; a stream is for reading as it comes. A function of its own, as what it needs
/// of the stack is much.
#[inline(never)]
fn pack(response: &mut Response<Answer>) {
    if response.headers().contains_key(CONTENT_ENCODING) {
        return;
    }
    let Some(body) = response.body().bytes() else { return };
    if body.len() < PACK_FROM {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    // Writing into memory cannot fail.
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    let Ok(packed) = packed else { return };
    response.body_mut().pack(packed.into());
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
}

/// Whether a request's body is packed.
pub(crate) fn is_packed(head: &Parts) -> bool {
    let coding = head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// Unpacks a request's body that is packed.
pub(crate) async fn unpacked(head: &Parts, body: Bytes) -> Result<Bytes, Box<Response<Answer>>> {
    let coding = head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
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

/// Stops at the limit, however much more there would be. Apart, as `pack` is.
#[inline(never)]
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
}
