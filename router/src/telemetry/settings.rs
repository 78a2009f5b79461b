//! What is exported, and where to, as the `OTEL_…` variables of the specification say.
//!
//! Owns the variables that count and what they can be; a value that they cannot have is an error
//! when the router starts, and never a setting that is silently another.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::attributes::text_value;
use super::sampler::Sampler;
use super::wire::Encoding;
use crate::config::prepared::host;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";

/// See the module.
pub(crate) struct Settings {
    /// Where spans go; none where they go nowhere.
    pub(crate) traces: Option<Target>,
    /// Where metrics go.
    pub(crate) metrics: Option<Target>,
    pub(crate) sampler: Sampler,
    /// What speaks: service, version and the like.
    pub(crate) resource: Vec<KeyValue>,
    /// Between two exports of spans.
    pub(crate) schedule: Duration,
    /// Between two exports of metrics.
    pub(crate) interval: Duration,
    /// Whether metrics begin anew with every export.
    pub(crate) delta: bool,
}

/// A receiver of one signal.
pub(crate) struct Target {
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) encoding: Encoding,
    pub(crate) gzip: bool,
}

/// One of the two signals: its part of the variables' names, and its path.
struct Signal {
    name: &'static str,
    path: &'static str,
}

const TRACES: Signal = Signal { name: "TRACES", path: "v1/traces" };
const METRICS: Signal = Signal { name: "METRICS", path: "v1/metrics" };

impl Settings {
    /// None where nothing is to be exported. `read` looks a variable up, `random` gives the
    /// process its id.
    ///
    /// # Errors
    /// When a variable has a value that it cannot have; the text says what to do.
    pub(crate) fn read(
        read: impl Fn(&str) -> Option<String>,
        random: fn() -> u64,
    ) -> Result<Option<Self>, String> {
        let read = |name: &str| {
            let value = read(name)?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        if read("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let (traces, metrics) = (target(&TRACES, &read)?, target(&METRICS, &read)?);
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let sampler = match read("OTEL_TRACES_SAMPLER") {
            None => Sampler::default(),
            Some(name) => Sampler::parse(&name, read("OTEL_TRACES_SAMPLER_ARG").as_deref())?,
        };
        Ok(Some(Self {
            traces,
            metrics,
            sampler,
            resource: resource(&read, random)?,
            schedule: milliseconds(&read, "OTEL_BSP_SCHEDULE_DELAY", 5_000)?,
            interval: milliseconds(&read, "OTEL_METRIC_EXPORT_INTERVAL", 60_000)?,
            delta: delta(&read)?,
        }))
    }
}

/// Looks a variable up; an empty one is none.
trait Read: Fn(&str) -> Option<String> {}
impl<F: Fn(&str) -> Option<String>> Read for F {}

/// A variable of a signal, or else of both: its name and its value.
fn of(signal: &Signal, what: &str, read: &impl Read) -> Option<(String, String)> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name);
    let both = format!("OTEL_EXPORTER_OTLP_{what}");
    [own, both].into_iter().find_map(|name| read(&name).map(|value| (name, value)))
}

fn target(signal: &Signal, read: &impl Read) -> Result<Option<Target>, String> {
    let exporter = format!("OTEL_{}_EXPORTER", signal.name);
    match read(&exporter).as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(other) => return Err(format!("{exporter} is {other:?}: it is either otlp or none")),
    }
    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name);
    let url = match (read(&own), read(ENDPOINT)) {
        (Some(exact), _) => url(&own, &exact, &exact)?,
        (None, Some(base)) => {
            url(ENDPOINT, &base, &format!("{}/{}", base.trim_end_matches('/'), signal.path))?
        }
        (None, None) => return Ok(None),
    };
    if let Some((name, _)) = of(signal, "CERTIFICATE", read) {
        return Err(format!(
            "{name} is set, and the router knows the public certificate authorities alone: unset it, and send to a collector with a public certificate or over plain http on the same host"
        ));
    }
    let encoding = encoding(signal, read)?;
    let gzip = match of(signal, "COMPRESSION", read) {
        None => false,
        Some((_, value)) if value == "none" => false,
        Some((_, value)) if value == "gzip" => true,
        Some((name, value)) => {
            return Err(format!("{name} is {value:?}: it is either gzip or none"));
        }
    };
    let timeout = match of(signal, "TIMEOUT", read) {
        None => Duration::from_secs(10),
        Some((name, value)) => read_milliseconds(&name, &value)?,
    };
    let mut headers = match of(signal, "HEADERS", read) {
        None => HeaderMap::new(),
        Some((name, value)) => headers(&name, &value)?,
    };
    headers.insert(HOST, host(&url)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(Some(Target { url, headers, timeout, encoding, gzip }))
}

fn url(name: &str, given: &str, whole: &str) -> Result<Uri, String> {
    let refuse = |why: &str| {
        format!(
            "{name} {why}: set it to an address such as http://localhost:4318, or unset it to export nothing"
        )
    };
    // Before it is shown: what stands before the host is a password.
    if given.split('/').nth(2).is_some_and(|authority| authority.contains('@')) {
        return Err(refuse(
            "holds a user or a password, which belong into OTEL_EXPORTER_OTLP_HEADERS",
        ));
    }
    let url: Uri = whole.parse().map_err(|_| refuse(&format!("is {given:?}, which is no URL")))?;
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    match url.scheme_str() {
        Some("http" | "https") if has_host => Ok(url),
        _ => Err(refuse(&format!("is {given:?}, which is no http or https URL"))),
    }
}

fn encoding(signal: &Signal, read: &impl Read) -> Result<Encoding, String> {
    match of(signal, "PROTOCOL", read) {
        None => Ok(Encoding::Protobuf),
        Some((_, value)) if value == "http/protobuf" => Ok(Encoding::Protobuf),
        Some((_, value)) if value == "http/json" => Ok(Encoding::Json),
        Some((name, value)) => Err(format!(
            "{name} is {value:?}: the router sends http/protobuf, which collectors take on port 4318, or http/json"
        )),
    }
}

/// Values are secrets: an error never shows one.
fn headers(name: &str, text: &str) -> Result<HeaderMap, String> {
    let refuse = |at: usize| {
        let number = at + 1;
        format!(
            "{name}: its entry {number} is no header; it is to be name=value, several comma separated, with %20 and the like in values"
        )
    };
    let mut headers = HeaderMap::new();
    for (at, entry) in pairs(text).enumerate() {
        let (key, value) = entry.ok_or_else(|| refuse(at))?;
        let key: HeaderName = key.parse().map_err(|_| refuse(at))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| refuse(at))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// The pairs of a list such as `a=1,b=x%20y`; none for what is no pair.
fn pairs(text: &str) -> impl Iterator<Item = Option<(&str, String)>> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(|entry| {
        let (key, value) = entry.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then_some(())?;
        Some((key, decoded(value.trim())?))
    })
}

/// Undoes percent encoding.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn resource(read: &impl Read, random: fn() -> u64) -> Result<Vec<KeyValue>, String> {
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    let mut attributes = std::collections::BTreeMap::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            attributes.insert(key.to_owned(), value);
        }
    };
    set("service.name", Some("sfai-router".into()));
    set("service.version", Some(env!("CARGO_PKG_VERSION").into()));
    set("service.instance.id", Some(format!("{:016x}{:016x}", random(), random())));
    set("telemetry.sdk.language", Some("rust".into()));
    set("telemetry.sdk.name", Some("sfai".into()));
    set("telemetry.sdk.version", Some(env!("CARGO_PKG_VERSION").into()));
    if let Some(function) = read("AWS_LAMBDA_FUNCTION_NAME") {
        set("cloud.provider", Some("aws".into()));
        set("cloud.platform", Some("aws_lambda".into()));
        set("cloud.region", read("AWS_REGION"));
        set("faas.name", Some(function));
        set("faas.version", read("AWS_LAMBDA_FUNCTION_VERSION"));
    }
    for entry in pairs(&read(name).unwrap_or_default()) {
        let (key, value) = entry.ok_or_else(|| {
            format!("{name} is to be key=value, several comma separated, with %2C and the like in values")
        })?;
        set(key, Some(value));
    }
    set("service.name", read("OTEL_SERVICE_NAME"));
    Ok(attributes.iter().map(|(key, value)| text_value(key, value)).collect())
}

fn delta(read: &impl Read) -> Result<bool, String> {
    match read(TEMPORALITY).map(|value| value.to_ascii_lowercase()).as_deref() {
        None | Some("cumulative") => Ok(false),
        // Counters and histograms are all there is: for these both are the same.
        Some("delta" | "lowmemory") => Ok(true),
        Some(other) => {
            Err(format!("{TEMPORALITY} is {other:?}: it is cumulative, delta or lowmemory"))
        }
    }
}

fn milliseconds(read: &impl Read, name: &str, otherwise: u64) -> Result<Duration, String> {
    read(name).map_or(Ok(Duration::from_millis(otherwise)), |value| read_milliseconds(name, &value))
}

fn read_milliseconds(name: &str, value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        _ => {
            Err(format!("{name} is {value:?}: it is to be a whole number of milliseconds above 0"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let pairs: BTreeMap<&str, &str> = pairs.iter().copied().collect();
        Settings::read(|name| pairs.get(name).map(|&value| value.to_owned()), || 7)
    }

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        read(pairs).unwrap().unwrap()
    }

    #[test]
    fn without_an_endpoint_or_disabled_there_is_nothing() {
        assert!(read(&[("OTEL_SERVICE_NAME", "x")]).unwrap().is_none());
        let endpoint = (ENDPOINT, "http://c:4318");
        assert!(read(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap().is_none());
        let none = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
        assert!(read(&[endpoint, none[0], none[1]]).unwrap().is_none());
        let metrics = settings(&[endpoint, none[0]]);
        assert!(metrics.traces.is_none() && metrics.metrics.is_some());
    }

    #[test]
    fn a_base_is_followed_by_the_path_and_a_signals_own_address_is_exact() {
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t.example.com:8443/x?y=1");
        let both = settings(&[(ENDPOINT, "http://c:4318/otlp/"), own]);
        let (traces, metrics) = (both.traces.unwrap(), both.metrics.unwrap());
        assert_eq!(traces.url, own.1.parse::<Uri>().unwrap());
        assert_eq!(metrics.url, "http://c:4318/otlp/v1/metrics".parse::<Uri>().unwrap());
        assert_eq!(metrics.headers[HOST], "c:4318");
        assert_eq!(metrics.headers[CONTENT_TYPE], "application/x-protobuf");
        assert!(settings(&[own]).metrics.is_none());
    }

    #[test]
    fn headers_timeouts_and_protocols_are_a_signals_own_or_boths() {
        let target = settings(&[
            (ENDPOINT, "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20eA%3D%3D, x-a=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-b=2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ]);
        let (traces, metrics) = (target.traces.unwrap(), target.metrics.unwrap());
        assert_eq!(metrics.headers["authorization"], "Basic eA==");
        assert_eq!(
            (&metrics.headers["x-a"], traces.headers.get("x-a")),
            (&"1".parse().unwrap(), None)
        );
        assert_eq!(traces.timeout, Duration::from_millis(250));
        assert_eq!((traces.encoding, metrics.encoding), (Encoding::Protobuf, Encoding::Json));
        assert!(traces.gzip && traces.headers[CONTENT_ENCODING] == "gzip");
    }

    #[test]
    fn the_resource_is_named_by_the_surroundings() {
        let resource = |pairs: &[(&str, &str)]| {
            let all = settings(&[&[(ENDPOINT, "http://c:4318")][..], pairs].concat()).resource;
            serde_json::to_string(&all).unwrap()
        };
        assert!(
            resource(&[])
                .contains(r#"{"key":"service.name","value":{"stringValue":"sfai-router"}}"#)
        );
        let named = resource(&[
            ("OTEL_SERVICE_NAME", "llm"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=no,deployment.environment.name=a%2Cb"),
            ("AWS_LAMBDA_FUNCTION_NAME", "sfai"),
        ]);
        for part in ["\"llm\"", "\"a,b\"", "\"aws_lambda\""] {
            assert!(named.contains(part), "{named}");
        }
        assert!(!named.contains("\"no\""));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do_and_no_secret() {
        let wrong = |pairs: &[(&str, &str)]| {
            read(&[&[(ENDPOINT, "http://c:4318")][..], pairs].concat()).err().unwrap()
        };
        for (name, value, says) in [
            (ENDPOINT, "localhost:4318", "http://localhost:4318"),
            (ENDPOINT, "grpc://c:4317", "no http or https URL"),
            (ENDPOINT, "https://", "URL"),
            (ENDPOINT, "https://u:hidden@", "OTEL_EXPORTER_OTLP_HEADERS"),
            (ENDPOINT, "https://u:hidden@c", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1,hidden", "entry 2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=hidden%zz", "entry 1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x a=hidden", "entry 1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "above 0"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/x.pem", "unset it"),
            ("OTEL_TRACES_SAMPLER", "xray", "always_on"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a", "key=value"),
            (TEMPORALITY, "both", "cumulative"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-1", "milliseconds"),
        ] {
            let why = wrong(&[(name, value)]);
            assert!(why.contains(says) && !why.contains("hidden"), "{name}={value}: {why}");
            assert!(why.contains("OTEL_"), "{why}");
        }
    }
}
