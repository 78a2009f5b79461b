//! An answer that broke off after it had begun, and its continuation by another link.
//!
//! Owns what is asked of that link and how its answer is joined to what the client already has;
//! which link it is, and when, is the attempt rules' and [`crate::attempt`]'s. Both ends are in the
//! client's own protocol, Chat Completions or Messages: what providers speak does not matter here.

mod ask;
mod heard;
mod joint;
mod messages;
mod seam;

pub(crate) use ask::{Continuation, can_continue};
pub(crate) use heard::Heard;
pub(crate) use joint::Joint;
