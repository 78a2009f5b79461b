//! The built-in upstream of `--demo`: a server on loopback that speaks the wire protocols of OpenAI
//! Chat Completions and Anthropic Messages and of Bedrock's Converse, so that every path of the router
//! runs without a key.
//!
//! It owns no model: its answers say so, and are made from the request alone. Nor does it know the
//! router or the map; any path that ends as one of these providers' is served, so one demo can stand
//! for every provider.
//!
//! Three things in a request steer it. A line `call NAME {"some": "json"}` in the last user message,
//! with NAME among the request's tools, is answered with that tool call, several lines with several.
//! Tool results at the end of a conversation are answered with a text that quotes them. A line
//! `say "some JSON string"` is answered with that text alone, for clients that read edits out of it.

mod answer;
mod anthropic;
#[cfg(feature = "aws")]
mod converse;
mod openai;
mod refused;
mod reply;
mod sample;
mod server;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Body, Event, Stamp, answer};
pub use server::{Demo, PACE, start};
