//! A collector of telemetry: takes OTLP over HTTP, in either encoding, and answers as told.
//!
//! It owns what arrived; what it should be is the test's affair.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Nothing here takes that long; it turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running collector; it ends when this is dropped.
pub struct Collector {
    pub address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    arrived: watch::Sender<Vec<Export>>,
    answers: Mutex<VecDeque<Answers>>,
}

/// How a request is answered; with 200 where nothing is queued.
#[derive(Debug, Clone, Copy)]
pub enum Answers {
    /// A status, and when to come back.
    Status(u16, Option<&'static str>),
    /// Never.
    Never,
    /// It takes the request, and says this in this media type.
    Says(&'static str, &'static str),
}

/// A request as it arrived, unpacked.
#[derive(Debug, Clone)]
pub struct Export {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether it was answered with 200.
    pub taken: bool,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = watch::Sender::new(Vec::new());
        let state = Arc::new(State { arrived, answers: Mutex::default() });
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues answers for the next requests.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answers>) {
        self.state.answers.lock().unwrap().extend(answers);
    }

    /// All that has arrived.
    pub fn exports(&self) -> Vec<Export> {
        self.state.arrived.borrow().clone()
    }

    /// Waits until so many requests to a path have arrived and were taken.
    pub async fn taken(&self, path: &str, count: usize) {
        let mut arrived = self.state.arrived.subscribe();
        let holds = |all: &Vec<Export>| {
            all.iter().filter(|it| it.taken && it.path == path).count() >= count
        };
        let waited = tokio::time::timeout(PATIENCE, arrived.wait_for(holds)).await.is_ok();
        assert!(waited, "waited in vain for {count} of {path}");
    }

    /// The spans that were taken, in their order.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests::<ExportTraceServiceRequest>("/v1/traces");
        let all = requests.into_iter().flat_map(|it| it.resource_spans);
        all.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
    }

    /// The metrics of each request that was taken.
    pub fn metrics(&self) -> Vec<Vec<Metric>> {
        let requests = self.requests::<ExportMetricsServiceRequest>("/v1/metrics");
        let of = |request: ExportMetricsServiceRequest| {
            let all = request.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
            all.flat_map(|it| it.metrics).collect()
        };
        requests.into_iter().map(of).collect()
    }

    fn requests<T: Message + Default + DeserializeOwned>(&self, path: &str) -> Vec<T> {
        let all = self.exports().into_iter().filter(|it| it.taken && it.path == path);
        all.map(|it| it.decoded()).collect()
    }
}

impl Export {
    fn decoded<T: Message + Default + DeserializeOwned>(&self) -> T {
        match self.headers["content-type"].to_str().unwrap() {
            "application/json" => serde_json::from_slice(&self.body).unwrap(),
            "application/x-protobuf" => T::decode(self.body.clone()).unwrap(),
            other => panic!("{other} is no encoding"),
        }
    }

    /// The body of one in JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Attributes as a JSON object.
pub fn attributes(all: &[KeyValue]) -> Value {
    let one = |it: &KeyValue| {
        let value = match it.value.as_ref().unwrap().value.as_ref().unwrap() {
            any_value::Value::StringValue(text) => Value::from(text.as_str()),
            any_value::Value::IntValue(whole) => Value::from(*whole),
            any_value::Value::DoubleValue(number) => Value::from(*number),
            any_value::Value::BoolValue(flag) => Value::from(*flag),
            any_value::Value::ArrayValue(list) => {
                let texts = list.values.iter().map(|it| match it.value.as_ref().unwrap() {
                    any_value::Value::StringValue(text) => Value::from(text.as_str()),
                    other => panic!("{other:?}"),
                });
                texts.collect()
            }
            other => panic!("{other:?}"),
        };
        (it.key.clone(), value)
    };
    Value::Object(all.iter().map(one).collect())
}

/// The points of a metric: their attributes, and their sum or their count and sum.
pub fn points(metrics: &[Metric], name: &str) -> Vec<(Value, u64, f64)> {
    let Some(metric) = metrics.iter().find(|it| it.name == name) else { return Vec::new() };
    match metric.data.as_ref().unwrap() {
        metric::Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            let point = |it: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
                let value = match it.value.unwrap() {
                    number_data_point::Value::AsInt(value) => value as f64,
                    number_data_point::Value::AsDouble(value) => value,
                };
                (attributes(&it.attributes), 0, value)
            };
            sum.data_points.iter().map(point).collect()
        }
        metric::Data::Histogram(histogram) => {
            let point = |it: &opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| {
                assert_eq!(it.bucket_counts.len(), it.explicit_bounds.len() + 1);
                assert_eq!(it.bucket_counts.iter().sum::<u64>(), it.count);
                assert!(it.start_time_unix_nano <= it.time_unix_nano);
                (attributes(&it.attributes), it.count, it.sum.unwrap())
            };
            histogram.data_points.iter().map(point).collect()
        }
        metric::Data::Gauge(gauge) => {
            let point = |it: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
                let number_data_point::Value::AsInt(value) = it.value.unwrap() else {
                    panic!("{it:?}")
                };
                (attributes(&it.attributes), 0, value as f64)
            };
            gauge.data_points.iter().map(point).collect()
        }
        other => panic!("{other:?}"),
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(state.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let mut body = body.collect().await.unwrap().to_bytes();
        if head.headers.get("content-encoding").is_some_and(|it| it == "gzip") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut plain).unwrap();
            body = plain.into();
        }
        let answer = self.answers.lock().unwrap().pop_front();
        let taken = matches!(answer, None | Some(Answers::Says(..)));
        let path = head.uri.path().to_owned();
        let export = Export { path, headers: head.headers, body, taken };
        self.arrived.send_modify(|all| all.push(export));
        match answer {
            None => Response::new(Full::default()),
            Some(Answers::Never) => std::future::pending().await,
            Some(Answers::Says(kind, body)) => {
                let response = Response::builder().header("content-type", kind);
                response.body(Full::from(body)).unwrap()
            }
            Some(Answers::Status(status, again)) => {
                let mut response = Response::builder().status(status);
                if let Some(again) = again {
                    response = response.header("retry-after", again);
                }
                response.body(Full::from("no")).unwrap()
            }
        }
    }
}
