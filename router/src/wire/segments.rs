//! A body as slices of the client's own bytes between edits.
//!
//! Owns the joining; what is edited is decided by each protocol's `request`.

use bytes::{Bytes, BytesMut};

/// Slices shorter than this are copied: a part of its own costs more than the copy.
const COPY_BELOW: usize = 2048;

/// A body in parts, to be sent one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    parts: Vec<Bytes>,
    len: usize,
}

impl Segments {
    /// The length of all parts in bytes, for `Content-Length`.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts, none of them empty. Cloning one shares its bytes.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The parts.
    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }

    /// All parts in one piece; copies unless there is only one.
    pub fn concat(&self) -> Bytes {
        match self.parts.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}

impl From<String> for Segments {
    fn from(text: String) -> Self {
        let len = text.len();
        Self { parts: if len == 0 { Vec::new() } else { vec![text.into()] }, len }
    }
}

/// Writes a body from own text and slices of a source.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    source: &'a Bytes,
    done: Segments,
    text: BytesMut,
}

impl<'a> Writer<'a> {
    /// A writer of nothing yet; slices are taken from `source`.
    pub(crate) fn new(source: &'a Bytes) -> Self {
        // A short source is copied whole, with room for what is put between.
        let room = source.len().min(2 * COPY_BELOW) + 512;
        Self { source, done: Segments::default(), text: BytesMut::with_capacity(room) }
    }

    /// Appends own text. One copy of it for its many callers, as of `ChatRequest::get`.
    #[inline(never)]
    pub(crate) fn put(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Appends `text` as a JSON string.
    pub(crate) fn put_string(&mut self, text: &str) {
        crate::json::put_string(&mut self.text, text);
    }

    /// Appends a number.
    pub(crate) fn put_number(&mut self, number: u64) {
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(bytes::BufMut::writer(&mut self.text), &number);
    }

    /// Appends a part of the source; a long one is shared, not copied. Text from elsewhere is
    /// copied.
    pub(crate) fn share(&mut self, slice: &[u8]) {
        match self.place(slice) {
            Some(place) if slice.len() >= COPY_BELOW => {
                let shared = self.source.slice(place..place + slice.len());
                self.flush();
                self.push(shared);
            }
            _ => self.text.extend_from_slice(slice),
        }
    }

    /// Where a slice lies in the source.
    fn place(&self, slice: &[u8]) -> Option<usize> {
        let place = slice.as_ptr().addr().checked_sub(self.source.as_ptr().addr())?;
        (place + slice.len() <= self.source.len()).then_some(place)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = self.text.split().freeze();
            self.push(text);
        }
    }

    fn push(&mut self, part: Bytes) {
        self.done.len += part.len();
        if self.done.parts.is_empty() {
            // A short body is one part.
            self.done.parts.reserve_exact(1);
        }
        self.done.parts.push(part);
    }

    /// The body.
    pub(crate) fn finish(mut self) -> Segments {
        self.flush();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_parts_are_shared_and_short_ones_copied() {
        let source = Bytes::from(vec![b'x'; 3 * COPY_BELOW]);
        let mut writer = Writer::new(&source);
        writer.put("<");
        writer.share(&source[1..9]);
        writer.share(&source[10..10 + COPY_BELOW]);
        writer.share(&[b'y'; COPY_BELOW]);
        let body = writer.finish();
        let lengths: Vec<usize> = body.parts().iter().map(Bytes::len).collect();
        assert_eq!(lengths, [9, COPY_BELOW, COPY_BELOW]);
        assert_eq!(body.parts()[1].as_ptr(), source[10..].as_ptr());
        assert_eq!(body.len(), body.concat().len());
    }
}
