//! The map that requests run on: loaded, made ready, swapped whole.
//!
//! Owns the current configuration; noticing a new one is in [`watch`] for files and in `cloud`
//! for S3 and Secrets Manager.

#[cfg(feature = "aws")]
pub mod cloud;
mod lacks;
pub mod prepared;
#[cfg(feature = "aws")]
pub mod remote;
pub mod surroundings;
#[cfg(feature = "watch")]
pub mod watch;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

#[cfg(feature = "aws")]
use model_map::{ApiKey, ModelMap};

#[cfg(feature = "aws")]
use crate::apart::apart;
pub use prepared::{Endpoint, Prepared};
pub use surroundings::{Surroundings, Upstreams};

/// The map in force, and why a newer one was refused.
pub struct Config {
    state: RwLock<State>,
    surroundings: Surroundings,
    #[cfg(feature = "aws")]
    cloud: Option<cloud::Cloud>,
}

#[derive(Clone, Default)]
struct State {
    current: Option<Arc<Prepared>>,
    /// Why the newest map is not in force.
    refused: Option<Arc<str>>,
    /// Why the newest keys are not in force.
    keys_refused: Option<Arc<str>>,
}

/// What a reload did.
#[derive(Debug, PartialEq, Eq)]
pub enum Reload {
    /// The bytes hold the map that is in force.
    Unchanged,
    /// A new map is in force, of this digest.
    Swapped(String),
    /// The last good map stays, for this reason.
    Refused(String),
}

impl Config {
    /// Begins with the map in `bytes`.
    ///
    /// # Errors
    /// When that map cannot be served; the text says why.
    pub fn new(bytes: &[u8], surroundings: Surroundings, now: SystemTime) -> Result<Self, String> {
        let current = Some(Arc::new(Prepared::load(bytes, &surroundings, now)?));
        Ok(Self {
            state: RwLock::new(State { current, ..State::default() }),
            surroundings,
            #[cfg(feature = "aws")]
            cloud: None,
        })
    }

    /// Begins with no map yet: the first request has it read from where `cloud` says. Before that
    /// it would keep the process from asking for the request.
    #[cfg(feature = "aws")]
    pub fn from_cloud(surroundings: Surroundings, cloud: cloud::Cloud) -> Arc<Self> {
        Arc::new(Self { state: RwLock::default(), surroundings, cloud: Some(cloud) })
    }

    /// Begins with the map in a file.
    ///
    /// # Errors
    /// When it cannot be read or served; the text names the file and says what to do.
    pub fn open(path: &Path, surroundings: Surroundings, now: SystemTime) -> Result<Self, String> {
        let shown = path.display();
        let bytes = std::fs::read(path).map_err(|error| {
            format!(
                "cannot read the map {shown}: {error}. Compile one with `sfai-dsl compile`, or name another with --map"
            )
        })?;
        Self::new(&bytes, surroundings, now)
            .map_err(|why| format!("cannot serve the map {shown}: {why}"))
    }

    /// The map in force, once there is one.
    pub fn current(&self) -> Option<Arc<Prepared>> {
        self.read().current.clone()
    }

    /// The map in force, for a request, which keeps it to its end. The first one may have to wait
    /// for it.
    ///
    /// # Errors
    /// When there is none yet; the text says why.
    pub async fn ready(self: &Arc<Self>) -> Result<Arc<Prepared>, String> {
        #[cfg(feature = "aws")]
        if let Some(cloud) = &self.cloud
            && cloud.is_due()
        {
            apart(|| cloud.catch_up(self)).await;
        }
        #[cfg(feature = "aws")]
        if let Some(why) = self.cloud.as_ref().and_then(|cloud| cloud.outdated(self)) {
            return Err(why);
        }
        self.current().ok_or_else(|| self.wants())
    }

    /// Whether there is a map in force.
    #[cfg(feature = "aws")]
    fn is_ready(&self) -> bool {
        self.read().current.is_some()
    }

    /// Where it comes from, unless it was given whole.
    #[cfg(feature = "aws")]
    pub(crate) fn cloud(&self) -> Option<&cloud::Cloud> {
        self.cloud.as_ref()
    }

    /// What is known of the secrets, where Secrets Manager is asked.
    #[cfg(feature = "aws")]
    pub(crate) fn secrets(&self) -> Option<crate::secrets::store::Report> {
        self.surroundings.store().map(crate::secrets::store::Store::report)
    }

    /// Why there is no map.
    fn wants(&self) -> String {
        #[cfg(feature = "aws")]
        let trouble = self.cloud.as_ref().and_then(|cloud| cloud.report().trouble);
        #[cfg(not(feature = "aws"))]
        let trouble = None;
        let refused = self.refused().map(|why| format!("the map is refused: {why}"));
        trouble.or(refused).unwrap_or_else(|| "the map has not come yet".into())
    }

    /// Why the newest map, or the newest keys, were refused, if they were.
    pub fn refused(&self) -> Option<Arc<str>> {
        let state = self.read();
        state.refused.clone().or_else(|| state.keys_refused.clone())
    }

    /// Puts the map in `bytes` in force, or keeps the last good one.
    pub fn reload(&self, bytes: &[u8], now: SystemTime) -> Reload {
        self.take(Prepared::load(bytes, &self.surroundings, now))
    }

    /// Puts a map in force, or keeps the last good one.
    #[cfg(feature = "aws")]
    fn put(&self, map: ModelMap, now: SystemTime) -> Reload {
        self.take(Prepared::of(map, &self.surroundings, now))
    }

    fn take(&self, next: Result<Prepared, String>) -> Reload {
        match next {
            Ok(next) => self.swap(next),
            Err(why) => self.refuse(why),
        }
    }

    /// Puts the keys in force that are held now, or keeps the last good ones.
    #[cfg(feature = "aws")]
    fn renew_keys(&self) {
        while let Some(current) = self.current()
            && !self.renew_keys_of(&current)
        {}
    }

    /// The same for the map in force; false where that is another one by now.
    #[cfg(feature = "aws")]
    fn renew_keys_of(&self, current: &Arc<Prepared>) -> bool {
        let next = current.with_keys_of(&self.surroundings);
        let mut state = self.write();
        if !state.current.as_ref().is_some_and(|it| Arc::ptr_eq(it, current)) {
            return false;
        }
        state.keys_refused = next.as_ref().err().map(|why| why.as_str().into());
        if let Ok(next) = next {
            state.current = Some(Arc::new(next));
        }
        true
    }

    /// A provider's endpoint with another key, after the provider has refused the one that
    /// `prepared` has; none when there is no other.
    pub(crate) async fn renewed(&self, prepared: &Prepared, provider: &str) -> Option<Endpoint> {
        #[cfg(feature = "aws")]
        if let Some(ApiKey::Secret(name)) = prepared.map.providers.get(provider)?.api_key.as_ref() {
            let store = self.surroundings.store()?;
            // Another request may have found the new key while this one was being refused.
            if let Some(endpoint) = prepared.renewed(provider, &self.surroundings) {
                return Some(endpoint);
            }
            store.refused(name).await;
            let endpoint = prepared.renewed(provider, &self.surroundings)?;
            self.renew_keys();
            return Some(endpoint);
        }
        let _ = (prepared, provider);
        None
    }

    /// Keeps the last good map, for `why`.
    pub fn refuse(&self, why: String) -> Reload {
        self.write().refused = Some(why.as_str().into());
        Reload::Refused(why)
    }

    fn swap(&self, mut next: Prepared) -> Reload {
        let mut state = self.write();
        (state.refused, state.keys_refused) = (None, None);
        if let Some(current) = &state.current {
            if current.map == next.map {
                return Reload::Unchanged;
            }
            next.keep_places_of(current);
        }
        let digest = next.map.digest.clone();
        state.current = Some(Arc::new(next));
        Reload::Swapped(digest)
    }

    // A poisoned lock holds a whole state: it is only ever replaced by assignment.
    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use model_map::ModelMap;
    use serde_json::json;

    use super::*;
    use crate::auth::{ClientKeys, Reach};

    fn map(role: &str) -> Vec<u8> {
        let mut map: ModelMap = serde_json::from_value(json!({
            "digest": "", "env": "test", "format": 1, "prompts": {},
            "models": {"p/m": {"id": "m", "provider": "p"}},
            "providers": {"p": {"base_url": "http://127.0.0.1:1", "protocol": "openai"}},
            "roles": {role: {"arms": [{"chain": [{"model": "p/m"}]}],
                "retry": {"count": 0, "max_backoff_ms": 1, "min_backoff_ms": 1, "on": []},
                "timeouts": {"connect_ms": 1, "first_token_ms": 1, "idle_ms": 1, "total_ms": 1}}},
            "sources": {"arms": {}, "roles": {}},
        }))
        .unwrap();
        model_map::seal(&mut map).unwrap()
    }

    #[test]
    fn keys_that_were_renewed_for_a_map_before_do_not_bring_it_back() {
        let reach = Reach::Address("127.0.0.1:0".parse().unwrap());
        let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
        let config = Config::new(&map("before"), around, SystemTime::now()).unwrap();
        let before = config.current().unwrap();
        assert!(matches!(config.reload(&map("after"), SystemTime::now()), Reload::Swapped(_)));
        assert!(!config.renew_keys_of(&before));
        assert!(config.current().unwrap().map.roles.contains_key("after"));
        config.renew_keys();
        assert!(config.current().unwrap().map.roles.contains_key("after"));
    }
}
