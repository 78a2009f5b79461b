//! A map with everything worked out that does not depend on a request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use model_map::{ModelMap, Protocol, Provider};
use reqwest::Url;
use tokio::sync::Semaphore;

use crate::secrets::{self, MissingKey};

/// The version of the Messages API that the translation was written against.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Where the providers of a map are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstreams {
    /// Where the map says.
    Real,
    /// All at the demo upstream on this address.
    Demo(SocketAddr),
}

/// A map that is ready to serve.
pub struct Prepared {
    /// The map itself.
    pub map: ModelMap,
    /// Its digest as a header.
    pub digest: HeaderValue,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    endpoints: BTreeMap<String, Endpoint>,
}

/// Where and how a provider is called.
#[derive(Debug)]
pub struct Endpoint {
    /// Its dialect.
    pub protocol: Protocol,
    /// Where a chat goes.
    pub url: Url,
    /// All headers but those of the body's length; none when the key is missing.
    pub headers: Result<HeaderMap, MissingKey>,
    /// Places for open requests, where the map limits them.
    pub places: Option<Arc<Semaphore>>,
}

impl Prepared {
    /// Loads a map and works out its endpoints.
    ///
    /// # Errors
    /// When the map is refused; the text says why.
    pub fn load(bytes: &[u8], upstreams: &Upstreams, now: SystemTime) -> Result<Self, String> {
        let map = model_map::load(bytes).map_err(|error| error.to_string())?;
        let endpoint = |(name, provider): (&String, &Provider)| {
            let endpoint = Endpoint::new(name, provider, upstreams);
            endpoint.map(|it| (name.clone(), it)).map_err(|why| format!("provider `{name}`: {why}"))
        };
        let endpoints = map.providers.iter().map(endpoint).collect::<Result<_, _>>()?;
        let digest = HeaderValue::from_str(&map.digest).map_err(|error| error.to_string())?;
        Ok(Self { map, digest, loaded_at: now, endpoints })
    }

    /// The endpoint of a provider that the map names.
    pub fn endpoint(&self, provider: &str) -> Option<&Endpoint> {
        self.endpoints.get(provider)
    }

    /// What providers lack to be called, one sentence each.
    pub fn missing_keys(&self) -> impl Iterator<Item = String> {
        self.endpoints.iter().filter_map(|(name, endpoint)| {
            let missing = endpoint.headers.as_ref().err()?;
            Some(format!("provider `{name}` has no key: {missing}"))
        })
    }
}

impl Endpoint {
    fn new(name: &str, provider: &Provider, upstreams: &Upstreams) -> Result<Self, String> {
        let base = match upstreams {
            Upstreams::Real => provider.base_url.clone(),
            Upstreams::Demo(address) => format!("http://{address}/{name}"),
        };
        let path = match provider.protocol {
            Protocol::Anthropic => "/v1/messages",
            Protocol::Openai => "/chat/completions",
        };
        let url = Url::parse(&format!("{}{path}", base.trim_end_matches('/')))
            .map_err(|error| format!("its base_url is not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("its base_url has a user part; keys belong into api_key".into());
        }
        let places = provider.max_connections.map(|limit| limit as usize);
        Ok(Self {
            protocol: provider.protocol,
            url,
            headers: headers(provider, upstreams)?,
            places: places.map(|places| Arc::new(Semaphore::new(places))),
        })
    }
}

fn headers(
    provider: &Provider,
    upstreams: &Upstreams,
) -> Result<Result<HeaderMap, MissingKey>, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &provider.headers {
        let name: HeaderName =
            name.parse().map_err(|_| format!("its header name `{name}` is not one"))?;
        let value = value.parse().map_err(|_| format!("its header `{name}` has a bad value"))?;
        headers.insert(name, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if provider.protocol == Protocol::Anthropic {
        let version = HeaderName::from_static("anthropic-version");
        headers.entry(version).or_insert(HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    let Some(key) = &provider.api_key else { return Ok(Ok(headers)) };
    let (name, prefix) = match provider.protocol {
        Protocol::Anthropic => (HeaderName::from_static("x-api-key"), ""),
        Protocol::Openai => (AUTHORIZATION, "Bearer "),
    };
    let read = |variable: &str| match upstreams {
        Upstreams::Real => std::env::var(variable).ok(),
        // The demo stands in for a provider: no real key goes there.
        Upstreams::Demo(_) => Some("demo".to_owned()),
    };
    Ok(secrets::header(key, prefix, read).map(|value| {
        headers.insert(name, value);
        headers
    }))
}
