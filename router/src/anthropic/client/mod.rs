//! The Messages API as clients speak it: their requests for either kind of model, and answers and
//! errors in its shape.
//!
//! Owns no translation of chats for Anthropic's models: that is the rest of [`crate::anthropic`].

mod blocks;
mod call_ids;
pub(crate) mod chat;
pub(crate) mod compose;
pub(crate) mod error;
mod events;
pub(crate) mod forward;
mod history;
mod instructions;
pub(crate) mod outline;
mod reflection;
pub(crate) mod splice;
mod system;

use super::quoted;

/// The signature under reasoning that Anthropic did not sign: clients must find one, and send it
/// back with the block, which is then left out.
pub(crate) const UNSIGNED: &str = "sfai-unsigned";
