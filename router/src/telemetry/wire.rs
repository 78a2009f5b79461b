//! Spans and metrics as the bytes of an OTLP request.
//!
//! Owns the two encodings; what is in the messages is [`super::spans`]' and [`super::meter`]'s.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde::Serialize;

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// A message as the body of a request.
    pub(crate) fn body(self, message: &(impl Message + Serialize), gzip: bool) -> Bytes {
        let plain = match self {
            Self::Protobuf => message.encode_to_vec(),
            // Maps with keys that are no text and numbers that are none are not in it.
            Self::Json => serde_json::to_vec(message).unwrap_or_default(),
        };
        if !gzip {
            return plain.into();
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Memory takes every write.
        let written = encoder.write_all(&plain).and_then(|()| encoder.finish());
        written.unwrap_or_default().into()
    }
}

/// A request with these spans.
pub(crate) fn traces(resource: &[KeyValue], spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    let spans = ResourceSpans { resource: of(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

/// A request with these metrics.
pub(crate) fn metrics(resource: &[KeyValue], metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
    let resource = of(resource);
    let metrics = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![metrics] }
}

fn scope() -> Option<InstrumentationScope> {
    let (name, version) = ("sfai-router".into(), env!("CARGO_PKG_VERSION").into());
    Some(InstrumentationScope { name, version, ..InstrumentationScope::default() })
}

fn of(attributes: &[KeyValue]) -> Option<Resource> {
    Some(Resource { attributes: attributes.to_vec(), ..Resource::default() })
}
