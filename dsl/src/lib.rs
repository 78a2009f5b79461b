//! The `.sfr` routing language: text to findings, to `model_map.json`, and back to tidy text.
//!
//! Owns the language; what the compiled map means at run time is in `model-map`.

// The parser that pest derives asks for it by name.
extern crate alloc;

pub mod analysis;
pub mod catalogue;
pub mod check;
pub mod client_config;
pub mod command;
pub mod decompile;
pub mod diagnostic;
pub mod diff;
mod doubt;
pub mod emit;
pub mod explain;
pub mod fix;
mod follow;
pub mod format;
pub mod graph;
pub mod import;
pub mod load;
pub mod nearest;
mod parallel;
pub mod program;
pub mod project;
pub mod render;
pub mod replay;
pub mod resolve;
pub mod rules;
pub mod served;
pub mod simulate;
pub mod span;
pub mod spell;
pub mod store;
pub mod syntax;
pub mod test_run;
mod toml_read;
pub mod write;
