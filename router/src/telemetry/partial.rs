//! What a receiver says that it has left out of a request that it took.
//!
//! Owns the reading of such an answer in both encodings; what becomes of it is [`super::export`]'s.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde::Deserialize;

/// Of what it says no more is repeated.
const WORDS: usize = 200;

/// A request that was taken in part, or with a warning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partial {
    /// Spans or data points; none where it only warns.
    pub(crate) rejected: u64,
    /// Why, in one line; possibly empty.
    pub(crate) why: String,
}

/// Reads the answer to a request that was taken; none where all is well, and where it is nothing
/// that is known, since receivers answer with all manner of things.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Partial> {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (rejected, why) = if kind.starts_with("application/json") {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let partial = answer.partial_success?;
        let count = partial.rejected_spans.or(partial.rejected_data_points);
        (count.map_or(0, Count::value), partial.error_message.unwrap_or_default())
    } else if kind.starts_with("application/x-protobuf") {
        // The answer about metrics has the same fields with the same numbers.
        let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
        (partial.rejected_spans, partial.error_message)
    } else {
        return None;
    };
    let rejected = u64::try_from(rejected).unwrap_or_default();
    let why: String = why.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let why: String = why.trim().chars().take(WORDS).collect();
    (rejected > 0 || !why.is_empty()).then_some(Partial { rejected, why })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    partial_success: Option<PartialSuccess>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialSuccess {
    rejected_spans: Option<Count>,
    rejected_data_points: Option<Count>,
    error_message: Option<String>,
}

/// JSON has 64-bit numbers as texts; some receivers write numbers all the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(i64),
    Text(String),
}

impl Count {
    fn value(self) -> i64 {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => text.parse().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };

    use super::*;

    fn of(kind: &str, body: &[u8]) -> Option<(u64, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        read(&headers, body).map(|it| (it.rejected, it.why))
    }

    #[test]
    fn what_was_left_out_is_read_in_both_encodings() {
        let json = |body: &str| of("application/json; charset=utf-8", body.as_bytes());
        let spans = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too\nold"}}"#;
        assert_eq!(json(spans), Some((3, "too old".to_owned())));
        let points = r#"{"partialSuccess":{"rejectedDataPoints":2}}"#;
        assert_eq!(json(points), Some((2, String::new())));
        let warns = r#"{"partialSuccess":{"errorMessage":"use gzip"},"more":1}"#;
        assert_eq!(json(warns), Some((0, "use gzip".to_owned())));
        let partial = ExportMetricsPartialSuccess {
            rejected_data_points: 7,
            error_message: "x".repeat(1_000),
        };
        let binary = ExportMetricsServiceResponse { partial_success: Some(partial) };
        let (rejected, why) = of("application/x-protobuf", &binary.encode_to_vec()).unwrap();
        assert_eq!((rejected, why.len()), (7, WORDS));
    }

    #[test]
    fn a_full_success_is_one_and_so_is_what_nobody_can_read() {
        for (kind, body) in [
            ("application/json", r#"{"partialSuccess":{}}"#),
            ("application/json", r#"{"partialSuccess":null}"#),
            ("application/json", r#"{"partialSuccess":{"rejectedSpans":"-1"}}"#),
            ("application/json", "{}"),
            ("application/json", "ok"),
            ("application/json", ""),
            ("application/x-protobuf", ""),
            ("application/x-protobuf", "\n\u{0}"),
            ("application/x-protobuf", "gibberish"),
            ("text/html", r#"{"partialSuccess":{"rejectedSpans":"3"}}"#),
        ] {
            assert_eq!(of(kind, body.as_bytes()), None, "{kind} {body}");
        }
    }
}
