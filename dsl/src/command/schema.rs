//! `sfai-dsl schema`.
//!
//! Owns which schemas there are; each is made from its types, when it is asked for, so that none
//! can fall behind them.

use clap::{Args, ValueEnum};
use schemars::schema_for;

use super::{CouldNotRun, Exit, print};
use crate::render::{json, jsonl};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Of what
    #[arg(value_enum, default_value_t = Of::Map)]
    of: Of,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// `model_map.json`
    Map,
    /// What `check --format json` prints
    Check,
    /// A line of what `check --format jsonl` prints
    CheckJsonl,
    /// What `diff --format json` prints
    Diff,
    /// What `replay --format json` prints
    Replay,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let schema = match options.of {
        Of::Map => schema_for!(model_map::ModelMap),
        Of::Check => json::schema(),
        Of::CheckJsonl => jsonl::schema(),
        Of::Diff => crate::diff::schema(),
        Of::Replay => crate::replay::schema(),
    };
    print(format_args!("{}\n", serde_json::to_string_pretty(&schema)?));
    Ok(Exit::Clean)
}
