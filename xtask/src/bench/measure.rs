//! The measurements and their aims.
//!
//! Owns what is compared; processes, load and wire bytes are its neighbours'.

mod chunks;
mod cold;
mod cpu;
mod latency;
mod linters;
mod memory;
mod once;
mod translation;

pub(super) use chunks::chunks;
pub(super) use cold::cold;
pub(super) use cpu::{events, requests};
pub(super) use latency::latency;
pub(super) use linters::linters;
pub(super) use memory::memory;
pub(super) use once::{check, start};
pub(super) use translation::translation;
