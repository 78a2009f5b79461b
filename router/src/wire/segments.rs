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
        Self { source, done: Segments::default(), text: BytesMut::with_capacity(1024) }
    }

    /// Where text that is not the source's is written.
    pub(crate) fn text(&mut self) -> &mut BytesMut {
        &mut self.text
    }

    /// Appends own text.
    pub(crate) fn put(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Appends a part of the source; a long one is shared, not copied. `slice` must be borrowed
    /// from the source.
    pub(crate) fn share(&mut self, slice: &str) {
        if slice.len() < COPY_BELOW {
            return self.put(slice);
        }
        let shared = self.source.slice_ref(slice.as_bytes());
        self.flush();
        self.push(shared);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = self.text.split().freeze();
            self.push(text);
        }
    }

    fn push(&mut self, part: Bytes) {
        self.done.len += part.len();
        self.done.parts.push(part);
    }

    /// The body.
    pub(crate) fn finish(mut self) -> Segments {
        self.flush();
        self.done
    }
}
