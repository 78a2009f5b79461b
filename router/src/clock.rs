//! Where the router gets the time and its random numbers from, so that tests can choose them.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// What a test replaces. Waiting is tokio's, whose clock can be paused.
#[derive(Debug, Clone, Copy)]
pub struct Ambient {
    /// The time of day, for `created` and dates in headers.
    pub now: fn() -> SystemTime,
    /// 64 random bits, for jitter and request ids; nothing secret hangs on them.
    pub random: fn() -> u64,
}

impl Default for Ambient {
    fn default() -> Self {
        Self { now: SystemTime::now, random: || fastrand::u64(..) }
    }
}

impl Ambient {
    /// A random number from 0 to 1.
    pub fn jitter(&self) -> f64 {
        // 53 bits are what an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "2^53 and the value below it are exact")]
        let fraction = ((self.random)() >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }

    /// Seconds since 1970.
    pub fn unix_seconds(&self) -> u64 {
        (self.now)().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// The clock of one request: the attempt rules count from when it came in.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The instant that is `since` after the start.
    pub fn at(self, since: Duration) -> Instant {
        self.0 + since
    }
}
