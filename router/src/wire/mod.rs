//! What both protocols share: bodies in slices, answers, usage, streams read chunk by chunk and
//! errors in one shape.
//!
//! Owns the vocabulary; how each protocol is spoken is in [`crate::openai`] and
//! [`crate::anthropic`]. Nothing here does I/O or reads a clock.

pub mod answer;
pub mod dialect;
pub mod error;
pub(crate) mod forward;
pub(crate) mod ids;
pub(crate) mod made;
pub(crate) mod mold;
pub(crate) mod names;
pub(crate) mod retry_after;
pub mod segments;
pub mod stream;

pub use answer::{Answer, AnswerOptions, Told, Usage, Wishes};
pub use dialect::Dialect;
pub use error::UpstreamError;
pub use segments::Segments;
pub use stream::{End, Ending, Progress, StreamFailure, StreamReader};
