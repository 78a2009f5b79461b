//! Streams of upstreams that speak the client's protocol, forwarded event by event.
//!
//! Owns the reading along: first token, finish, usage, errors. It changes no byte.

use bytes::Bytes;

use crate::wire::{End, Progress, Usage};

/// Reads along a stream of chat completion chunks.
#[derive(Debug, Default)]
pub(crate) struct Reader {}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, chunk: Bytes) -> Progress {
        let _ = chunk;
        todo!()
    }

    pub(crate) fn finish(&mut self) -> End {
        todo!()
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        todo!()
    }

    pub(crate) fn skipped(&self) -> u32 {
        todo!()
    }
}
