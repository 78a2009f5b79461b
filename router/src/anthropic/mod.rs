//! Anthropic's Messages API as an upstream: requests written for it, its answers and streams
//! turned into the client's protocol.
//!
//! Owns the translation between the two; the client's own shapes are in [`crate::openai`].

pub mod answer;
mod blocks;
pub(crate) mod cache;
mod chunks;
pub(crate) mod client;
mod identity;
mod message;
mod parts;
pub mod request;
mod schema;
pub(crate) mod stream;
mod thinking;
mod thoughts;
mod tools;
mod turns;
mod usage;

pub(crate) use chunks::{put_usage, quoted};
pub(crate) use message::characters;
