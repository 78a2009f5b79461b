//! What can be known of a program without running it: which requests reach what, how long and how
//! dear an answer can get, and whether a promise holds.
//!
//! Owns pure functions over the map's types, without spans and findings; what is said about a
//! result is for [`crate::rules`]. `docs/analysis.md` tells how the results come about.

pub mod bounds;
pub mod describe;
pub mod ensure;
mod numbers;
pub mod outage;
mod requests;
mod solver;
mod steps;
mod texts;
pub mod ways;
mod words;

#[cfg(test)]
mod tests;

pub use ensure::{CounterExample, Promise, Proof, Prover, prove};
pub use requests::{Reach, Requests, Sees, Verdict};
pub use ways::{Way, ways};
