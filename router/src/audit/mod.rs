//! The audit record: made from what a request did, and stored.
//!
//! Owns the notes of a request, its record and where records go; the record's shape is
//! [`model_map::audit`]'s, and who else is told of a request is [`crate::observer`]'s.

#[cfg(feature = "aws")]
pub mod bucket;
mod closing;
pub mod folder;
mod join;
mod noted;
pub(crate) mod record;
mod redact;
pub(crate) mod trail;

pub use closing::Closing;
pub(crate) use noted::Asked;
pub use trail::Trail;
