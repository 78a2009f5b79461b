//! The language as its users meet it: the real binary in scratch projects.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: what is not as expected ends them"
)]

mod analysis;
mod audit_page;
mod catalogue;
mod cli;
mod client_config;
mod decompile;
mod diff;
mod docs;
mod explain;
mod fixes;
mod formats;
mod golden;
mod graph;
mod import;
mod many;
mod models;
mod mutation;
mod project;
mod properties;
mod replay;
mod rules;
#[cfg(feature = "s3")]
mod s3;
mod schemas;
mod secrets;
#[cfg(feature = "live")]
mod served;
mod starter;
mod stdin;
mod store;
mod test_verb;
#[cfg(unix)]
mod watch;
#[cfg(unix)]
mod workflow;
