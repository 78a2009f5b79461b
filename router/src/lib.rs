//! The router: OpenAI-style requests in, the answer of the first upstream that succeeds out.
//!
//! Owns the proxy; what a role means is compiled into the map by `sfai-dsl`, and the rules of an
//! attempt are [`model_map`]'s.

pub mod anthropic;
pub mod auth;
pub mod config;
pub mod openai;
#[cfg(feature = "demo")]
pub mod demo;
pub mod secrets;
pub mod upstream;
pub mod wire;
