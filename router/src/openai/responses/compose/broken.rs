//! A response that breaks off while it is written.
//!
//! Owns what is told of it at that point; the events that tell it are `responses::error`'s.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Composer, Script};
use crate::openai::error::ClientError;
use crate::openai::responses::error::{Broken, stream_event};
use crate::wire::Usage;

impl Composer {
    /// Ends the stream with an error, behind what was written so far.
    pub(crate) fn fail(&mut self, error: &ClientError) -> Bytes {
        let script = &mut self.script;
        script.begin(None, None);
        script.ended = true;
        let broken = Broken { number: script.sheet.number, response: script.broken() };
        let begun = script.sheet.out.split().freeze();
        [begun, stream_event(error, broken)].concat().into()
    }
}

impl Script {
    /// The response with what came so far. A call that is open is left out: half of its arguments
    /// must not look like all of them.
    fn broken(&self) -> Value {
        let read = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
        let mut response = read(&self.response("failed", "null"));
        let open = self.open.as_ref();
        let items = self.done.iter().enumerate().filter_map(|(place, item)| match item {
            Some(item) => Some(read(item)),
            None => open.filter(|open| open.index == place).map(|open| {
                let mut item = read(&open.json(true));
                if let Some(status) = item.get_mut("status") {
                    *status = json!("incomplete");
                }
                item
            }),
        });
        let output = Value::from_iter(items);
        if let Some(members) = response.as_object_mut() {
            members.insert("output".to_owned(), output);
            if self.usage == Usage::default() {
                members.insert("usage".to_owned(), Value::Null);
            }
        }
        response
    }
}
