//! The language as its users meet it: the real binary in scratch projects.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected ends them"
)]

mod analysis;
mod cli;
mod project;
mod rules;
