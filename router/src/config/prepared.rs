//! A map with everything worked out that does not depend on a request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use model_map::{Client, Model, ModelMap, Protocol, Provider, may_ask};
use tokio::sync::Semaphore;

use super::lacks::Lacks;
use super::surroundings::{Surroundings, Upstreams};
use crate::audit::Asked;
use crate::auth::{BadKeys, ClientKeys};
use crate::secrets::{self, MissingKey};
use crate::wire::Dialect;
use crate::wire::dialect::Service;

/// The version of the Messages API that the translation was written against.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A map that is ready to serve.
pub struct Prepared {
    /// The map itself.
    pub map: ModelMap,
    /// Its digest as a header.
    pub digest: HeaderValue,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    /// Who may call.
    pub clients: ClientKeys,
    endpoints: BTreeMap<String, Endpoint>,
    asked: OnceLock<Asked>,
}

/// Where and how a provider is called.
#[derive(Debug)]
pub struct Endpoint {
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Places for open requests, where the map limits them.
    pub places: Option<Arc<Semaphore>>,
    /// What it turned out not to have, where the map does not say.
    pub lacks: Lacks,
    /// Where each of [`Service::ALL`] is.
    pub services: Vec<Uri>,
    /// How Bedrock is called, where that is who is.
    #[cfg(feature = "aws")]
    pub(crate) bedrock: Option<crate::bedrock::Bedrock>,
    /// Where a chat goes, and with which headers; not those of the body.
    pub target: Result<(Uri, HeaderMap), Unusable>,
}

/// Why a provider cannot be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Its key is not to be had.
    Key(MissingKey),
    /// This build does not speak its protocol.
    Protocol(&'static str),
}

impl fmt::Display for Unusable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(missing) => write!(to, "has no key: {missing}"),
            Self::Protocol(name) => {
                write!(to, "cannot be called: this build does not speak `{name}`")
            }
        }
    }
}

impl Prepared {
    /// Loads a map and works out its endpoints and clients.
    ///
    /// # Errors
    /// When the map is refused; the text says why.
    pub fn load(bytes: &[u8], around: &Surroundings, now: SystemTime) -> Result<Self, String> {
        Self::of(model_map::load(bytes).map_err(|error| error.to_string())?, around, now)
    }

    /// Works out the endpoints and clients of a map.
    ///
    /// # Errors
    /// When the map cannot be served; the text says why.
    pub fn of(map: ModelMap, around: &Surroundings, now: SystemTime) -> Result<Self, String> {
        let endpoint = |(name, provider): (&String, &Provider)| {
            let endpoint = Endpoint::new(name, provider, around);
            endpoint.map(|it| (name.clone(), it)).map_err(|why| format!("provider `{name}`: {why}"))
        };
        let endpoints = map.providers.iter().map(endpoint).collect::<Result<_, _>>()?;
        let digest = HeaderValue::from_str(&map.digest).map_err(|error| error.to_string())?;
        let clients = clients(&map, around).map_err(|why| why.0)?;
        let asked = OnceLock::new();
        Ok(Self { map, digest, loaded_at: now, clients, endpoints, asked })
    }

    /// The texts of a request that conditions ask for: worked out for the first that wants to know.
    pub(crate) fn asked(&self) -> &Asked {
        self.asked.get_or_init(|| Asked::of(&self.map))
    }

    /// The same map with the keys that are held now. Open requests keep their places.
    ///
    /// # Errors
    /// When it cannot be served with them.
    #[cfg(feature = "aws")]
    pub(super) fn with_keys_of(&self, around: &Surroundings) -> Result<Self, String> {
        let mut next = Self::of(self.map.clone(), around, self.loaded_at)?;
        for (name, endpoint) in &mut next.endpoints {
            endpoint.places = self.endpoints.get(name).and_then(|before| before.places.clone());
        }
        Ok(next)
    }

    /// Has requests that are open under the map before count against the limits of providers that
    /// are still the same.
    pub(super) fn keep_places_of(&mut self, before: &Self) {
        let place = |it: &Provider| (it.protocol, it.base_url.clone(), it.max_connections);
        let is_same = |name: &String| {
            let (before, now) = (before.map.providers.get(name), self.map.providers.get(name));
            before.map(place) == now.map(place)
        };
        for (name, endpoint) in self.endpoints.iter_mut().filter(|(name, _)| is_same(name)) {
            endpoint.places = before.endpoints.get(name).and_then(|it| it.places.clone());
        }
    }

    /// A provider's endpoint with the key that is held now; none when it is the same.
    #[cfg(feature = "aws")]
    pub(super) fn renewed(&self, name: &str, around: &Surroundings) -> Option<Endpoint> {
        let before = self.endpoints.get(name)?;
        let now = Endpoint::new(name, self.map.providers.get(name)?, around).ok()?;
        let places = before.places.clone();
        (now.target != before.target).then_some(Endpoint { places, ..now })
    }

    /// The endpoint of a provider that the map names.
    pub fn endpoint(&self, provider: &str) -> Option<&Endpoint> {
        self.endpoints.get(provider)
    }

    /// What providers and clients lack, one sentence each.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let providers = self.endpoints.iter().filter_map(|(name, endpoint)| {
            let why = endpoint.target.as_ref().err()?;
            Some(format!("provider `{name}` {why}; its links fail until then"))
        });
        let clients = self.clients.missing().map(str::to_owned);
        providers.chain(clients).chain(self.map.clients.iter().filter_map(|it| self.unpriced(it)))
    }

    /// What a client's budget does not count.
    fn unpriced(&self, (name, client): (&String, &Client)) -> Option<String> {
        client.budget?;
        let roles = self.map.roles.iter().filter(|(role, _)| may_ask(&self.map, Some(name), role));
        let arms = roles.flat_map(|(_, role)| &role.arms);
        let links = arms.flat_map(|arm| {
            let drawn = arm.draw.iter().map(|share| &share.model);
            drawn.chain(arm.chain.iter().map(|link| &link.model))
        });
        let has_none = |model: &Model| model.price.input.is_none() || model.price.output.is_none();
        let unpriced = links.filter(|key| self.map.models.get(*key).is_some_and(has_none));
        let unpriced: BTreeSet<&str> = unpriced.map(String::as_str).collect();
        if unpriced.is_empty() {
            return None;
        }
        let models = unpriced.into_iter().collect::<Vec<_>>().join(", ");
        Some(format!(
            "client `{name}` has a budget that does not count models without a price: {models}"
        ))
    }
}

/// Who may call under this map.
fn clients(map: &ModelMap, around: &Surroundings) -> Result<ClientKeys, BadKeys> {
    let keys = match around.upstreams {
        Upstreams::Real => around.client_keys()?.with(&map.clients, |key| around.key(key))?,
        // The demo needs no key: a map whose clients have one is as open as the surroundings say.
        Upstreams::Demo(_) => around.keys.clone(),
    };
    keys.fit(around.reach).map_err(|why| around.explained(why))?;
    Ok(keys)
}

impl Endpoint {
    fn new(name: &str, provider: &Provider, around: &Surroundings) -> Result<Self, String> {
        let is_demo = provider.protocol == Protocol::Demo;
        let base = match (around.upstreams, &provider.base_url) {
            (Upstreams::Real, Some(base)) if !is_demo => base.clone(),
            (Upstreams::Real, _) if !is_demo => String::new(),
            _ => format!("http://{}/{name}", around.builtin()?),
        };
        let places = provider.max_connections.map(|limit| limit as usize);
        let places = places.map(|places| Arc::new(Semaphore::new(places)));
        let dialect = match (Dialect::of(provider.protocol), around.upstreams) {
            (Some(dialect), _) => dialect,
            (None, Upstreams::Demo(_)) if cfg!(feature = "aws") => {
                return Self::bedrock((provider, Some(&base)), places, around);
            }
            (None, Upstreams::Demo(_)) => Dialect::Openai,
            (None, Upstreams::Real) => {
                let base = provider.base_url.as_deref();
                return Self::bedrock((provider, base), places, around);
            }
        };
        let services = Service::ALL.map(|service| url(&base, dialect.path(service)));
        let services = services.into_iter().collect::<Result<Vec<_>, _>>()?;
        let url = url(&base, dialect.path(Service::Answer))?;
        let mut headers = headers(provider, dialect, around)?;
        if let Ok(headers) = &mut headers {
            headers.insert(HOST, host(&url)?);
            // Each request has its own: a clone of the headers has room for no more than there are.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let target = headers.map(|headers| (url, headers)).map_err(Unusable::Key);
        Ok(Self { places, services, ..Self::of(dialect, target) })
    }

    fn of(dialect: Dialect, target: Result<(Uri, HeaderMap), Unusable>) -> Self {
        Self {
            dialect,
            places: None,
            lacks: Lacks::default(),
            services: Vec::new(),
            #[cfg(feature = "aws")]
            bedrock: None,
            target,
        }
    }

    /// Bedrock, which is asked for messages in words of its own. Its target stands for that it can
    /// be called; the address depends on the model, and the headers on the body.
    #[cfg(feature = "aws")]
    fn bedrock(
        (provider, base): (&Provider, Option<&str>),
        places: Option<Arc<Semaphore>>,
        around: &Surroundings,
    ) -> Result<Self, String> {
        use crate::bedrock::Bedrock;
        let shown = url(base.unwrap_or("https://bedrock-runtime.amazonaws.com"), "")?;
        // A key of Bedrock's own, where there is one, is a bearer's.
        let headers = headers(provider, Dialect::Openai, around)?;
        let (target, bedrock) = match headers {
            Ok(headers) => {
                let bedrock = Bedrock::new(base, headers.clone());
                (Ok((shown, headers)), Some(bedrock))
            }
            Err(missing) => (Err(Unusable::Key(missing)), None),
        };
        Ok(Self { places, bedrock, ..Self::of(Dialect::Anthropic, target) })
    }

    #[cfg(not(feature = "aws"))]
    fn bedrock(
        _: (&Provider, Option<&str>),
        places: Option<Arc<Semaphore>>,
        _: &Surroundings,
    ) -> Result<Self, String> {
        let target = Err(Unusable::Protocol("bedrock"));
        Ok(Self { places, ..Self::of(Dialect::Anthropic, target) })
    }
}

fn url(base: &str, path: &str) -> Result<Uri, String> {
    let url: Uri = format!("{}{path}", base.trim_end_matches('/'))
        .parse()
        .map_err(|error| format!("its base_url is not a URL: {error}"))?;
    let host = url.host().filter(|host| !host.is_empty());
    if host.is_none() || url.scheme().is_none() {
        return Err("its base_url is not a URL with a host".into());
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("its base_url has a user part; keys belong into api_key".into());
    }
    Ok(url)
}

/// The `Host` of a URL, without a port that goes without saying.
pub(crate) fn host(url: &Uri) -> Result<HeaderValue, String> {
    let implied = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = match url.authority() {
        Some(authority) if authority.port_u16() == Some(implied) => authority.host(),
        Some(authority) => authority.as_str(),
        None => "",
    };
    HeaderValue::from_str(host).map_err(|error| error.to_string())
}

fn headers(
    provider: &Provider,
    dialect: Dialect,
    around: &Surroundings,
) -> Result<Result<HeaderMap, MissingKey>, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &provider.headers {
        let name: HeaderName =
            name.parse().map_err(|_| format!("its header name `{name}` is not one"))?;
        let value = value.parse().map_err(|_| format!("its header `{name}` has a bad value"))?;
        headers.insert(name, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if dialect == Dialect::Anthropic {
        let version = HeaderName::from_static("anthropic-version");
        headers.entry(version).or_insert(HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    let (name, prefix) = match dialect {
        Dialect::Anthropic => (HeaderName::from_static("x-api-key"), ""),
        Dialect::Openai => (AUTHORIZATION, "Bearer "),
    };
    let is_demo = provider.protocol == Protocol::Demo || around.upstreams != Upstreams::Real;
    if is_demo {
        // The demo stands in for a provider: it asks for a key, and no real one goes there.
        let key = HeaderValue::from_str(&format!("{prefix}demo")).map_err(|it| it.to_string())?;
        headers.insert(name, key);
        return Ok(Ok(headers));
    }
    let Some(key) = &provider.api_key else { return Ok(Ok(headers)) };
    let key = match around.key(key) {
        Ok(key) => key,
        Err(missing) => return Ok(Err(missing)),
    };
    headers.insert(name, secrets::header(&key, prefix)?);
    Ok(Ok(headers))
}
