//! The model that an answer says it is from, which providers name more exactly than they are asked.
//!
//! Owns the reading of that name from the first pieces of an answer, in whatever protocol the
//! client speaks. It is looked for only where a trace is recorded.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::sse::Events;

/// Longer names are none.
const LONGEST: usize = 128;

/// Pieces of an answer in which it is looked for: a stream names it in its first event, before
/// which there may be comments and pings.
pub(crate) const PIECES: u8 = 8;

/// The name in a whole answer, or in some whole events of a stream.
pub(crate) fn model(bytes: &[u8]) -> Option<String> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return named(bytes.trim_ascii());
    }
    let all = Events::new(bytes).flatten();
    all.filter_map(|event| named(event.data.as_deref()?.trim_ascii())).next()
}

/// Where each protocol has it.
#[derive(Deserialize)]
struct Says<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    /// Of a message's first event.
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    /// Of a response's events.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

impl<'a> Says<'a> {
    fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn model(&self) -> Option<String> {
        let name: Cow<'_, str> = serde_json::from_str(self.model?.get()).ok()?;
        // What is no name may be content.
        let is_name =
            (1..=LONGEST).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_graphic());
        is_name.then(|| name.into_owned())
    }
}

fn named(json: &[u8]) -> Option<String> {
    let outer = Says::of(std::str::from_utf8(json).ok()?)?;
    let inner = || Says::of(outer.message.or(outer.response)?.get())?.model();
    outer.model().or_else(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        model(text.as_bytes())
    }

    #[test]
    fn every_protocol_names_its_model() {
        for text in [
            r#" {"id":"c","model":"m-1","choices":[{"message":{"model":"no"}}]} "#,
            r#"{"type":"message","model":"m-1","content":[]}"#,
            r#"{"object":"list","data":[{}],"model":"m-1"}"#,
            ": note\n\ndata: {\"model\":\"m-1\",\"choices\":[]}\n\ndata: {\"model\":\"m-2\"}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m-1\"}}\n\n",
            "data: {\"type\":\"response.created\",\"response\":{\"model\":\"m-1\"}}\r\n\r\n",
        ] {
            assert_eq!(of(text).as_deref(), Some("m-1"), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_not_taken_for_one() {
        for text in [
            "",
            "{}",
            "{",
            r#"{"model":null}"#,
            r#"{"model":""}"#,
            r#"{"model":"a b"}"#,
            r#"{"model":["m"]}"#,
            r#"{"message":"m"}"#,
            "data: [DONE]\n\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"model\"}}]}\n\n",
            &format!(r#"{{"model":"{}"}}"#, "m".repeat(LONGEST + 1)),
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
