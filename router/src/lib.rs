//! The router: OpenAI-style requests in, the answer of the first upstream that succeeds out.
//!
//! Owns the proxy; what a role means is compiled into the map by `sfai-dsl`, and the rules of an
//! attempt are [`model_map`]'s.

pub mod answer;
pub mod anthropic;
mod apart;
pub mod attempt;
pub mod audit;
pub mod auth;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod bedrock;
pub mod breakers;
mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cors;
mod count;
#[cfg(feature = "demo")]
pub mod demo;
mod edge;
pub mod facts;
pub mod front;
mod health;
pub mod hosts;
mod json;
pub mod keys;
pub mod lambda;
pub mod limits;
pub mod load;
pub mod log;
mod meanwhile;
mod metrics;
pub mod observer;
pub mod openai;
mod pieces;
#[cfg(feature = "aws")]
pub mod place;
mod repoll;
mod respond;
mod resume;
pub mod router;
pub mod secrets;
pub mod server;
mod sse;
pub mod start;
pub mod telemetry;
pub mod upstream;
pub mod wire;

pub use answer::Answer;
pub use router::{Deadline, Router};
