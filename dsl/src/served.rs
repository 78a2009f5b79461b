//! A running router, asked which map it serves.
//!
//! Owns the question and what the answer means; whether that is the map it should be is for the
//! commands. The question needs no key: a router's `/health` holds nothing secret.

#[cfg(feature = "live")]
mod http;
#[cfg(not(feature = "live"))]
mod without;

#[cfg(feature = "live")]
pub use http::Router;
#[cfg(not(feature = "live"))]
pub use without::Router;

/// What it says that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// `ok` or `degraded`.
    pub status: String,
    /// Why it does not serve a newer map, in its own words.
    pub trouble: Option<String>,
}
