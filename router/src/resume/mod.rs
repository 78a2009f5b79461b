//! An answer that broke off after it had begun, and its continuation by another link.
//!
//! Owns what is asked of that link and how its answer is joined to what the client already has;
//! which link it is, and when, is the attempt rules' and [`crate::attempt`]'s. Both ends are in the
//! client's own protocol, Chat Completions or Messages; a response is gone on with as a chat. What
//! providers speak does not matter here.

mod ask;
mod heard;
mod joint;
mod messages;
mod response;
mod seam;

use serde_json::Value;

pub(crate) use ask::{Continuation, can_continue};
pub(crate) use heard::Heard;
pub(crate) use joint::Joint;

/// A text inside of an event; empty where there is none.
fn text<'v>(event: &'v Value, pointer: &str) -> &'v str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a member inside of an event says anything.
fn is_set(event: &Value, pointer: &str) -> bool {
    event.pointer(pointer).is_some_and(|value| !value.is_null())
}

/// Puts another value in the place of one that is there.
fn replace(event: &mut Value, pointer: &str, value: impl Into<Value>) {
    if let Some(place) = event.pointer_mut(pointer) {
        *place = value.into();
    }
}
