//! A body gathered from the pieces in which it comes.
//!
//! Owns the joining; how much may come is for whoever gathers it.

use bytes::{Bytes, BytesMut};

/// Pieces so far. What comes in one is not copied.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    first: Bytes,
    /// All of them, from the second on.
    all: BytesMut,
}

impl Pieces {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
        } else if !piece.is_empty() {
            let first = std::mem::take(&mut self.first);
            self.all.reserve(first.len() + piece.len());
            self.all.extend_from_slice(&first);
            self.all.extend_from_slice(&piece);
        }
    }

    /// How long they are together.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// All of them in one.
    pub(crate) fn join(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_one_alone_is_not_copied() {
        let joined = |parts: &[&'static [u8]]| {
            let mut pieces = Pieces::default();
            parts.iter().for_each(|part| pieces.push(Bytes::from_static(part)));
            let length = pieces.len();
            let all = pieces.join();
            assert_eq!(all.len(), length);
            all
        };
        assert_eq!(joined(&[]), "");
        assert_eq!(joined(&[b"", b"a", b"", b"bc", b"d", b""]), "abcd");
        let one: &'static [u8] = b"one";
        assert_eq!(joined(&[b"", one, b""]).as_ptr(), one.as_ptr());
    }
}
