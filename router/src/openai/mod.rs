//! OpenAI's Chat Completions: the client's requests, errors and answers, and upstreams that speak
//! the same.
//!
//! Owns no translation: another protocol's module writes this one's shapes.

pub mod answer;
mod chunk;
pub(crate) mod completions;
pub mod error;
mod identity;
pub(crate) mod messages;
pub(crate) mod plain;
pub mod request;
pub(crate) mod responses;
pub(crate) mod said;
pub(crate) mod settings;
mod splice;
pub(crate) mod stream;
