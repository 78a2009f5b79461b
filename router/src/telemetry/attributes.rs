//! Attributes of spans and metrics, and the values that the conventions give them.
//!
//! Owns the names of providers and operations; which attributes go where is [`super::spans`]' and
//! [`super::measure`]'s.

use model_map::{ModelMap, Protocol, Provider};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};

use crate::front::Front;

/// A list of them, none twice.
pub(crate) type Attributes = Vec<(&'static str, Value)>;

/// A value that can tell series apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Flag(bool),
}

impl Value {
    pub(crate) fn of(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// As OTLP has them.
pub(crate) fn proto(attributes: &Attributes) -> Vec<KeyValue> {
    let one = |(key, value): &(&'static str, Value)| match value {
        Value::Text(text) => text_value(key, text),
        Value::Whole(whole) => pair(key, any_value::Value::IntValue(*whole)),
        Value::Flag(flag) => pair(key, any_value::Value::BoolValue(*flag)),
    };
    attributes.iter().map(one).collect()
}

pub(crate) fn pair(key: &str, value: any_value::Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

pub(crate) fn text_value(key: &str, value: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.into()))
}

pub(crate) fn whole(key: &str, value: u64) -> KeyValue {
    pair(key, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(crate) fn flag(key: &str, value: bool) -> KeyValue {
    pair(key, any_value::Value::BoolValue(value))
}

pub(crate) fn double(key: &str, value: f64) -> KeyValue {
    pair(key, any_value::Value::DoubleValue(value))
}

pub(crate) fn list(key: &str, value: &str) -> KeyValue {
    let value = any_value::Value::StringValue(value.into());
    let values = vec![AnyValue { value: Some(value) }];
    pair(key, any_value::Value::ArrayValue(ArrayValue { values }))
}

/// `gen_ai.operation.name`. The conventions have none for counting.
pub(crate) const fn operation(front: Front) -> &'static str {
    match front {
        Front::Chat | Front::Messages | Front::Responses => "chat",
        Front::Completions | Front::Fim => "text_completion",
        Front::Embeddings => "embeddings",
        Front::CountTokens => "count_tokens",
    }
}

/// `http.route`: of several spellings the first.
pub(crate) const fn route(front: Front) -> &'static str {
    match front {
        Front::Chat => "/v1/chat/completions",
        Front::Messages => "/v1/messages",
        Front::Responses => "/v1/responses",
        Front::Completions => "/v1/completions",
        Front::Fim => "/v1/fim/completions",
        Front::Embeddings => "/v1/embeddings",
        Front::CountTokens => "/v1/messages/count_tokens",
    }
}

/// A model of a map as the conventions name it.
pub(crate) struct Named<'m> {
    /// `gen_ai.provider.name`
    pub(crate) provider: &'m str,
    /// `gen_ai.request.model`
    pub(crate) model: &'m str,
    /// `server.address` and `server.port`
    pub(crate) server: Option<(String, u16)>,
}

impl<'m> Named<'m> {
    /// The model of a key, `provider/model-id`.
    pub(crate) fn of(map: &'m ModelMap, key: &'m str) -> Self {
        let Some(model) = map.models.get(key) else {
            let (provider, model) = key.split_once('/').unwrap_or((key, key));
            return Self { provider, model, server: None };
        };
        let provider = map.providers.get(&model.provider);
        let url = provider.and_then(|it| it.base_url.as_ref()?.parse::<http::Uri>().ok());
        let server = url.as_ref().and_then(|url| {
            let implied = if url.scheme_str() == Some("https") { 443 } else { 80 };
            Some((url.host()?.to_owned(), url.port_u16().unwrap_or(implied)))
        });
        let host = server.as_ref().map_or("", |(host, _)| host.as_str());
        let name = provider.and_then(|it| by_place(it, host)).or_else(|| by_name(&model.provider));
        Self { provider: name.unwrap_or(&model.provider), model: &model.id, server }
    }

    /// What tells series of it apart.
    pub(crate) fn attributes(&self) -> Attributes {
        let mut attributes = vec![
            ("gen_ai.provider.name", Value::of(self.provider)),
            ("gen_ai.request.model", Value::of(self.model)),
        ];
        if let Some((address, port)) = &self.server {
            attributes.push(("server.address", Value::of(address)));
            attributes.push(("server.port", Value::Whole((*port).into())));
        }
        attributes
    }
}

/// A provider by where it is.
fn by_place(provider: &Provider, host: &str) -> Option<&'static str> {
    if provider.protocol == Protocol::Bedrock {
        return Some("aws.bedrock");
    }
    let hosts = [
        ("api.openai.com", "openai"),
        (".openai.azure.com", "azure.ai.openai"),
        (".services.ai.azure.com", "azure.ai.inference"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.deepseek.com", "deepseek"),
        ("api.x.ai", "x_ai"),
        ("api.groq.com", "groq"),
        ("api.cohere.com", "cohere"),
        ("api.perplexity.ai", "perplexity"),
        ("api.moonshot.ai", "moonshot_ai"),
    ];
    hosts.into_iter().find(|(end, _)| host.ends_with(end)).map(|(_, name)| name)
}

/// A provider behind another host, a proxy's say, by the name that the map gives it. One that the
/// conventions have no name for keeps its own.
fn by_name(name: &str) -> Option<&'static str> {
    let names = [
        ("openai", "openai"),
        ("azure", "azure.ai.openai"),
        ("anthropic", "anthropic"),
        ("bedrock", "aws.bedrock"),
        ("google", "gcp.gemini"),
        ("gemini", "gcp.gemini"),
        ("vertex", "gcp.vertex_ai"),
        ("mistral", "mistral_ai"),
        ("deepseek", "deepseek"),
        ("xai", "x_ai"),
        ("groq", "groq"),
    ];
    names.into_iter().find(|(own, _)| *own == name).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn providers_are_named_as_the_conventions_do() {
        let provider = |protocol: &str, url: &str| json!({"protocol": protocol, "base_url": url});
        let model = |provider: &str| json!({"provider": provider, "id": "m"});
        let map: ModelMap = serde_json::from_value(json!({
            "digest": "", "env": "test", "format": 1, "prompts": {}, "roles": {},
            "models": {"work/m": model("work"), "openai/m": model("openai"), "own/m": model("own")},
            "providers": {
                "work": provider("openai", "https://x.openai.azure.com/openai/v1"),
                "openai": provider("openai", "http://127.0.0.1:9999"),
                "own": provider("openai", "https://llm.example.com"),
            },
        }))
        .unwrap();
        for (key, name, server) in [
            ("work/m", "azure.ai.openai", Some(("x.openai.azure.com".to_owned(), 443))),
            ("openai/m", "openai", Some(("127.0.0.1".to_owned(), 9999))),
            ("own/m", "own", Some(("llm.example.com".to_owned(), 443))),
            ("gone/n", "gone", None),
        ] {
            let named = Named::of(&map, key);
            assert_eq!((named.provider, named.server), (name, server), "{key}");
        }
    }
}
