//! Text to a lossless tree and its findings; the only place that knows pest.
//!
//! Owns what may be written; what it means is in [`crate::resolve`].

pub mod tree;
mod value;

use crate::diagnostic::Diagnostic;

/// What a text holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// All that could be read.
    pub tree: tree::File,
    /// Why the rest could not, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}
