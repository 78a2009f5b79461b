//! Message streams, turned into chat completion chunks.
//!
//! Owns the state of one stream; whole messages are in `answer`.

use crate::wire::{AnswerOptions, End, Progress, Usage};

/// Reads a message stream and writes chunks.
#[derive(Debug)]
pub(crate) struct Reader {
    #[expect(dead_code, reason = "filled in next")]
    options: AnswerOptions,
}

impl Reader {
    pub(crate) fn new(options: AnswerOptions) -> Self {
        Self { options }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) -> Progress {
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
