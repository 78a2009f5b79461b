//! Amazon Bedrock's Converse API as an upstream, on the far side of Anthropic's Messages.
//!
//! Owns the passage between the two: a Messages request becomes a Converse request, and what comes
//! back becomes a message or its events. Both say the same things in other words, so that whatever
//! a client speaks and whatever is translated to and from Messages is translated to and from this.

mod answer;
mod blocks;
mod citation;
mod endpoint;
mod error;
mod frames;
mod model;
mod request;
mod stream;

pub(crate) use answer::counted;
pub use answer::message;
pub(crate) use endpoint::{Action, Bedrock};
pub(crate) use error::read as read_error;
pub(crate) use request::count;
pub use request::{Converse, Wishes, translate};
pub(crate) use stream::Decoder;

use serde_json::value::RawValue;

/// A JSON value as it stands in the bytes.
type Raw<'a> = Option<&'a RawValue>;

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    crate::anthropic::quoted(text)
}

/// A value as it stands, or `null`'s stand-in.
fn or<'a>(raw: Raw<'a>, else_: &'a str) -> &'a str {
    raw.map_or(else_, RawValue::get)
}
