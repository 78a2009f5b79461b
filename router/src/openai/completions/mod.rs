//! Completions of a text, and of the gap between two: what editors ask for while one types.
//!
//! Owns the way through a chat for models that know nothing else: the question, and the code
//! alone out of the answer.

mod afterword;
mod around;
mod bare;
pub(crate) mod chat;
pub(crate) mod compose;
mod gap;
mod stops;
