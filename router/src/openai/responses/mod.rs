//! OpenAI's Responses as clients speak them, without any state: passed on to models that have
//! them, and by a chat to all others.
//!
//! Owns both translations; chats themselves are the rest of [`crate::openai`].

pub(crate) mod chat;
pub(crate) mod compose;
pub(crate) mod error;
pub(crate) mod forward;
mod input;
mod items;
mod sealed;
pub(crate) mod splice;
