//! How much of the bodies of requests is held while they are read.
//!
//! Owns the room; the limit of one body, and what a client is told that finds none, are the
//! front's.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The variable that limits what is held of bodies that are being read, in megabytes.
pub const MAX_BODIES: &str = "SFAI_MAX_BODIES_MB";

const MEGABYTE: usize = 1024 * 1024;
/// In megabytes: sixteen of the largest, a thousand of an agent's.
const USUAL: usize = 256;
/// In megabytes: one of the largest has to fit.
const LEAST: usize = 16;
/// What is counted at once. What is smaller is not counted: nearly every request is, and a place
/// for it is enough.
const UNIT: usize = 64 * 1024;

/// Room for bodies.
#[derive(Debug)]
pub(crate) struct Bodies {
    units: Semaphore,
}

/// The part of it that one body takes, free again when this is dropped.
pub(crate) struct Room<'b> {
    bodies: &'b Bodies,
    taken: Option<SemaphorePermit<'b>>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self::new(USUAL * MEGABYTE)
    }
}

impl Bodies {
    /// For so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { units: Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)) }
    }

    /// For as many as the environment says; `read` looks a variable up.
    ///
    /// # Errors
    /// When that is no number, or too small.
    pub(crate) fn of(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let Some(text) = read(MAX_BODIES).filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        match text.trim().parse::<usize>() {
            Ok(megabytes) if megabytes >= LEAST => {
                Ok(Self::new(megabytes.saturating_mul(MEGABYTE)))
            }
            _ => Err(format!(
                "{MAX_BODIES} is to be a whole number of megabytes, at least {LEAST}, which {text:?} is not"
            )),
        }
    }

    pub(crate) fn room(&self) -> Room<'_> {
        Room { bodies: self, taken: None }
    }
}

impl Room<'_> {
    /// Whether so many bytes of the body may be held. What was given before is among them.
    pub(crate) fn holds(&mut self, bytes: usize) -> bool {
        if bytes <= UNIT {
            return true;
        }
        let taken = self.taken.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(taken));
        let Ok(more) = more.map(|more| self.bodies.units.try_acquire_many(more)) else {
            return false;
        };
        match (more, &mut self.taken) {
            (Err(_), _) => false,
            (Ok(more), Some(taken)) => {
                taken.merge(more);
                true
            }
            (Ok(more), taken) => {
                *taken = Some(more);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_room_and_small_ones_need_none() {
        let bodies = Bodies::new(10 * UNIT);
        let (mut one, mut other) = (bodies.room(), bodies.room());
        assert!(one.holds(2 * UNIT) && one.holds(6 * UNIT - 1));
        assert!(other.holds(4 * UNIT) && !other.holds(4 * UNIT + 1));
        assert!(bodies.room().holds(UNIT));
        assert!(!bodies.room().holds(UNIT + 1));
        drop(one);
        assert!(other.holds(10 * UNIT));
        drop(other);
        assert_eq!(bodies.units.available_permits(), 10);
    }

    #[test]
    fn the_environment_says_how_much() {
        let of = |value: &str| {
            Bodies::of(|_| Some(value.to_owned())).map(|bodies| bodies.units.available_permits())
        };
        assert_eq!((of(" 16 "), of("")), (Ok(256), Ok(4096)));
        for bad in ["0", "15", "much"] {
            assert!(of(bad).unwrap_err().contains(MAX_BODIES), "{bad}");
        }
    }
}
