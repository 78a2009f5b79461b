//! The map that requests run on: loaded, made ready, swapped whole.
//!
//! Owns the current configuration; watching a file for a new one is in [`watch`].

mod lacks;
pub mod not_yet;
pub mod prepared;
pub mod surroundings;
#[cfg(feature = "watch")]
pub mod watch;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

pub use prepared::{Endpoint, Prepared};
pub use surroundings::{Surroundings, Upstreams};

/// The map in force, and why a newer one was refused.
pub struct Config {
    state: RwLock<State>,
    surroundings: Surroundings,
}

#[derive(Clone)]
struct State {
    current: Arc<Prepared>,
    refused: Option<Arc<str>>,
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
        let current = Arc::new(Prepared::load(bytes, &surroundings, now)?);
        Ok(Self { state: RwLock::new(State { current, refused: None }), surroundings })
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

    /// The map in force. A request takes it once and keeps it to its end.
    pub fn current(&self) -> Arc<Prepared> {
        Arc::clone(&self.read().current)
    }

    /// Why the newest map was refused, if it was.
    pub fn refused(&self) -> Option<Arc<str>> {
        self.read().refused.clone()
    }

    /// Puts the map in `bytes` in force, or keeps the last good one.
    pub fn reload(&self, bytes: &[u8], now: SystemTime) -> Reload {
        match Prepared::load(bytes, &self.surroundings, now) {
            Ok(next) => self.swap(next),
            Err(why) => self.refuse(why),
        }
    }

    /// Keeps the last good map, for `why`.
    pub fn refuse(&self, why: String) -> Reload {
        self.write().refused = Some(why.as_str().into());
        Reload::Refused(why)
    }

    fn swap(&self, next: Prepared) -> Reload {
        let mut state = self.write();
        state.refused = None;
        if state.current.map == next.map {
            return Reload::Unchanged;
        }
        let digest = next.map.digest.clone();
        state.current = Arc::new(next);
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
