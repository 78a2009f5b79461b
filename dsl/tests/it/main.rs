//! The language as its users meet it: the real binary in scratch projects.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: what is not as expected ends them"
)]

mod analysis;
mod catalogue;
mod cli;
mod docs;
mod fixes;
mod formats;
mod golden;
mod many;
mod models;
mod mutation;
mod project;
mod properties;
mod rules;
mod schemas;
mod secrets;
mod starter;
mod stdin;
#[cfg(unix)]
mod watch;
