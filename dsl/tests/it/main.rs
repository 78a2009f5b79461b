//! The language as its users meet it: the real binary in scratch projects.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected ends them"
)]

mod catalogue;
mod cli;
mod docs;
mod golden;
mod models;
mod project;
mod properties;
mod rules;
