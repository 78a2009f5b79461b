//! The `.sfr` routing language: text to findings, to `model_map.json`, and back to tidy text.
//!
//! Owns the language; what the compiled map means at run time is in `model-map`.

pub mod diagnostic;
pub mod format;
pub mod nearest;
pub mod span;
pub mod syntax;
