//! A chat that is written, from another protocol or anew.
//!
//! Owns the places of what is written, so that nobody has to look for them in it.

use bytes::BytesMut;
use bytestring::ByteString;

use super::{ChatRequest, Field, RequestError, spelled};
use crate::json;

/// A chat on the way from another protocol: written once, and only looked at to see that it is text.
pub(crate) struct Draft {
    body: BytesMut,
    fields: Vec<Field>,
}

impl Draft {
    /// An empty one, to become about `length` bytes long.
    pub(crate) fn new(length: usize) -> Self {
        Self { body: BytesMut::with_capacity(length + length / 8 + 256), fields: Vec::new() }
    }

    /// Adds a member whose value is written by `write`, as JSON.
    pub(crate) fn field(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut BytesMut) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        self.body.extend_from_slice(if self.fields.is_empty() { b"{" } else { b"," });
        let start = self.body.len();
        json::put_string(&mut self.body, name);
        let key = start..self.body.len();
        self.body.extend_from_slice(b":");
        let start = self.body.len();
        write(&mut self.body)?;
        let value = start..self.body.len();
        self.fields.push(Field { key, value });
        Ok(())
    }

    /// Adds a member with this value.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        let written = self.field(name, |out| {
            out.extend_from_slice(value.as_bytes());
            Ok(())
        });
        debug_assert!(written.is_ok(), "writing into memory cannot fail");
    }

    pub(super) fn into_parts(mut self) -> (ByteString, Vec<Field>, Vec<(usize, String)>) {
        self.body.extend_from_slice(if self.fields.is_empty() { b"{}" } else { b"}" });
        // All that is written is text.
        let body = ByteString::try_from(self.body.freeze()).unwrap_or_default();
        let spelled = self.fields.iter().filter_map(|field| spelled(&body, field)).collect();
        (body, self.fields, spelled)
    }

    /// The chat, which asks for this role.
    pub(crate) fn finish(self, model: &str, stream: bool) -> ChatRequest {
        let (body, fields, spelled) = self.into_parts();
        ChatRequest {
            body,
            fields,
            spelled,
            model: model.into(),
            stream,
            include_usage: stream,
            translated: true,
            counted: false,
        }
    }
}
