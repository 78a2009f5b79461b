//! How a router comes to be: with nothing of its own at first, then one thing after another.
//!
//! Owns the defaults; what each part does is its own module's.

use std::sync::Arc;

use super::Router;
use crate::breakers::Breakers;
#[cfg(feature = "aws")]
use crate::breakers::fleet::Fleet;
use crate::clock::Ambient;
use crate::config::Config;
use crate::cors::Cors;
use crate::hosts::Hosts;
use crate::limits::Limits;
use crate::load::Load;
use crate::observer::Observer;
use crate::upstream::Clients;

impl Router {
    /// A router of the maps of `config`, for their clients.
    pub fn new(config: Arc<Config>, ambient: Ambient) -> Self {
        let (clients, cors) = (Arc::<Clients>::default(), Cors::default());
        let (limits, load, breakers) = (Arc::default(), Load::default(), Arc::default());
        Self {
            ambient,
            breakers,
            clients,
            config,
            cors,
            #[cfg(feature = "aws")]
            fleet: None,
            hosts: Hosts::default(),
            limits,
            load,
            observer: None,
        }
    }

    /// The same, whose breakers are those of a fleet.
    #[cfg(feature = "aws")]
    #[must_use]
    pub fn in_fleet(self, fleet: Arc<Fleet>) -> Self {
        Self { breakers: Arc::new(fleet.breakers()), fleet: Some(fleet), ..self }
    }

    /// The same with these breakers in place of its own.
    #[must_use]
    pub fn with_breakers(self, breakers: Arc<Breakers>) -> Self {
        Self { breakers, ..self }
    }

    /// The same, whose observer is shown the breakers that it has by now.
    #[must_use]
    pub fn showing_breakers(self) -> Self {
        self.observer.iter().for_each(|observer| observer.shows(&self.breakers));
        self
    }

    /// One that web pages may call, too.
    #[must_use]
    pub fn with_cors(self, cors: Cors) -> Self {
        Self { cors, ..self }
    }

    /// One that may be called by these names, too, where it asks for no key.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// The same, with so many places for open requests.
    #[must_use]
    pub fn with_load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// Its places for open requests.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// The same, whose clients' limits are counted there.
    #[must_use]
    pub fn limited(self, limits: Arc<Limits>) -> Self {
        Self { limits, ..self }
    }

    /// The same, whose requests are told of.
    #[must_use]
    pub fn observed(self, observer: Option<Arc<Observer>>) -> Self {
        Self { observer, ..self }
    }
}
