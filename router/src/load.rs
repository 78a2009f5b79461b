//! How many requests are open, and how many may be.
//!
//! Owns the places; who waits for one, or does not, is the front's affair.

mod bodies;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use bodies::MAX_BODIES;
pub(crate) use bodies::{Bodies, Room};

/// The variable that limits open requests.
pub const MAX_REQUESTS: &str = "SFAI_MAX_REQUESTS";

/// Each takes two sockets, some tens of kilobytes and its body. What a small machine serves.
const USUAL: usize = 4_096;

/// Places for open requests.
#[derive(Debug)]
pub struct Load {
    places: Arc<Semaphore>,
    bodies: Bodies,
    limit: usize,
    shed: AtomicU64,
}

impl Default for Load {
    fn default() -> Self {
        Self::new(USUAL)
    }
}

impl Load {
    /// With so many places.
    pub fn new(limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { places, bodies: Bodies::default(), limit, shed: AtomicU64::new(0) }
    }

    /// The same, which has so many bytes for bodies that are being read.
    #[must_use]
    pub fn with_bodies(self, bytes: usize) -> Self {
        Self { bodies: Bodies::new(bytes), ..self }
    }

    /// With as many places and as much room as the environment says; `read` looks a variable up.
    ///
    /// # Errors
    /// When that is no number above 0, or there is no room for the largest body.
    pub fn of(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        Ok(Self { bodies: Bodies::of(&read)?, ..Self::places(&read)? })
    }

    fn places(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let Some(text) = read(MAX_REQUESTS).filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        match text.trim().parse() {
            Ok(limit) if limit > 0 => Ok(Self::new(limit)),
            _ => Err(format!(
                "{MAX_REQUESTS} is to be a whole number of requests, at least 1, which {text:?} is not"
            )),
        }
    }

    /// A place, which is free again when this is dropped; none when all are taken.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            self.shed.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// Room for a body that is about to be read.
    pub(crate) fn room(&self) -> Room<'_> {
        self.bodies.room()
    }

    /// A body found no room.
    pub(crate) fn turns_away(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many are taken.
    pub fn open(&self) -> usize {
        self.limit.saturating_sub(self.places.available_permits())
    }

    /// How many requests found none, or no room for their bodies, since the start.
    pub fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let load = Load::new(2);
        let (one, two) = (load.enter().unwrap(), load.enter().unwrap());
        assert!(load.enter().is_none());
        assert_eq!((load.open(), load.shed()), (2, 1));
        drop(one);
        assert_eq!(load.open(), 1);
        assert!(load.enter().is_some());
        drop(two);
        assert_eq!(load.open(), 0);
    }

    #[test]
    fn the_environment_says_how_many() {
        let of = |value: &str| {
            let read = |name: &str| (name == MAX_REQUESTS).then(|| value.to_owned());
            Load::of(read).map(|load| load.limit())
        };
        assert_eq!((of(" 12 "), of("")), (Ok(12), Ok(USUAL)));
        for bad in ["0", "-1", "many"] {
            assert!(of(bad).unwrap_err().contains(MAX_REQUESTS), "{bad}");
        }
    }
}
