//! What a map is held against when it is loaded: where its providers are, who may call, who can
//! reach us.
//!
//! Owns what stays the same from one map to the next; the map's own part is in
//! [`super::prepared`].

use std::net::SocketAddr;
#[cfg(feature = "aws")]
use std::sync::Arc;

use model_map::ApiKey;

use crate::auth::{BadKeys, ClientKeys, Reach};
use crate::secrets::{self, MissingKey};
#[cfg(feature = "aws")]
use crate::{aws::trouble::Trouble, secrets::store::Store};

/// The secret that holds `name:key,name:key`.
pub const CLIENT_KEYS_SECRET: &str = "CLIENT_KEYS";

/// Where the providers of a map are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstreams {
    /// Where the map says.
    Real,
    /// All at the demo upstream on this address.
    Demo(SocketAddr),
}

/// What stays the same from one map to the next.
pub struct Surroundings {
    /// The clients that the environment names.
    pub keys: ClientKeys,
    /// Who can send a request.
    pub reach: Reach,
    /// Where providers are.
    pub upstreams: Upstreams,
    builtin: Builtin,
    #[cfg(feature = "aws")]
    store: Option<Arc<Store>>,
}

impl Surroundings {
    /// These, with no built-in upstream running yet.
    pub fn new(upstreams: Upstreams, keys: ClientKeys, reach: Reach) -> Self {
        Self {
            keys,
            reach,
            upstreams,
            builtin: Builtin::default(),
            #[cfg(feature = "aws")]
            store: None,
        }
    }

    /// With secrets from Secrets Manager.
    #[cfg(feature = "aws")]
    #[must_use]
    pub fn with_store(self, store: Arc<Store>) -> Self {
        Self { store: Some(store), ..self }
    }

    #[cfg(feature = "aws")]
    pub(super) fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }

    /// A key that a map names.
    ///
    /// # Errors
    /// When it is not to be had.
    pub(super) fn key(&self, key: &ApiKey) -> Result<String, MissingKey> {
        #[cfg(feature = "aws")]
        if let (ApiKey::Secret(name), Some(store)) = (key, &self.store) {
            return store.key(name, variable);
        }
        secrets::value(key, variable)
    }

    /// The clients that the secret of their keys names, else the environment.
    ///
    /// # Errors
    /// When there may be such a secret and it cannot be read: nobody is let in without it.
    pub(super) fn client_keys(&self) -> Result<ClientKeys, BadKeys> {
        #[cfg(feature = "aws")]
        if let Some(store) = &self.store {
            let id = store.id(CLIENT_KEYS_SECRET);
            let named = |why| BadKeys(format!("the secret {id} {why}"));
            return match store.text(CLIENT_KEYS_SECRET) {
                Ok(text) => ClientKeys::parse(&text)
                    .map_err(|why| named(format!("holds no client keys: {}", why.0))),
                Err(Trouble::Missing) => Ok(self.keys.clone()),
                Err(_) if !self.keys.is_open() => Ok(self.keys.clone()),
                Err(trouble) => Err(named(trouble.to_string())),
            };
        }
        Ok(self.keys.clone())
    }

    /// Where the built-in upstream is that answers providers of the protocol `demo`. It is started
    /// for the first map that has one.
    ///
    /// # Errors
    /// When this binary has none, or no port on loopback can be had.
    pub(super) fn builtin(&self) -> Result<SocketAddr, String> {
        match self.upstreams {
            Upstreams::Demo(address) => Ok(address),
            Upstreams::Real => self.builtin.address(),
        }
    }
}

impl Surroundings {
    /// With the secret that could hold what is missing.
    pub(super) fn explained(&self, why: BadKeys) -> BadKeys {
        #[cfg(feature = "aws")]
        if let Some(store) = &self.store {
            let id = store.id(CLIENT_KEYS_SECRET);
            return BadKeys(format!("{}; or put them into the secret {id}", why.0));
        }
        why
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The built-in upstream, once it runs.
#[derive(Default)]
struct Builtin {
    #[cfg(feature = "demo")]
    running: std::sync::Mutex<Option<crate::demo::Demo>>,
}

#[cfg(feature = "demo")]
impl Builtin {
    fn address(&self) -> Result<SocketAddr, String> {
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(demo) = &*running {
            return Ok(demo.address);
        }
        let demo = crate::demo::start(crate::demo::PACE)
            .map_err(|error| format!("the built-in demo upstream cannot start: {error}"))?;
        Ok(running.insert(demo).address)
    }
}

#[cfg(not(feature = "demo"))]
impl Builtin {
    fn address(&self) -> Result<SocketAddr, String> {
        Err("this sfai-router is built without the demo upstream (the feature `demo`), which `protocol demo` needs: use another build, or another protocol".into())
    }
}

#[cfg(all(test, not(feature = "demo")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_the_demo_says_what_it_lacks() {
        let reach = Reach::Address("127.0.0.1:1".parse().unwrap());
        let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
        let why = around.builtin().unwrap_err();
        assert!(why.contains("`demo`") && why.contains("`protocol demo`"), "{why}");
    }
}
