//! `sfai-dsl schema`.
//!
//! Owns which schemas there are; each is made from its types, when it is asked for, so that none
//! can fall behind them.

use clap::{Args, ValueEnum};
use schemars::{Schema, schema_for};
use serde_json::Value;

use super::{CouldNotRun, Exit, print};
use crate::render::{explain, json, jsonl, status, test_run, versions};

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
    /// What `test --format json` prints
    Test,
    /// What `explain --format json` prints
    Explain,
    /// What `diff --format json` prints
    Diff,
    /// What `replay --format json` prints
    Replay,
    /// What `versions --format json` prints
    Versions,
    /// What `status --format json` prints
    Status,
    /// A line of the router's audit log
    Audit,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let schema = match options.of {
        Of::Map => of_map(),
        Of::Check => json::schema(),
        Of::CheckJsonl => jsonl::schema(),
        Of::Explain => explain::schema(),
        Of::Test => test_run::schema(),
        Of::Diff => crate::diff::schema(),
        Of::Replay => crate::replay::schema(),
        Of::Versions => versions::schema(),
        Of::Status => status::schema(),
        Of::Audit => of_record(),
    };
    print(format_args!("{}\n", serde_json::to_string_pretty(&schema)?));
    Ok(Exit::Clean)
}

/// A schema is for one format; the type alone would take any number.
fn of_map() -> Schema {
    let mut schema = schema_for!(model_map::ModelMap);
    if let Some(format) = schema.pointer_mut("/properties/format").and_then(Value::as_object_mut) {
        format.insert("const".to_owned(), model_map::map::FORMAT.into());
    }
    schema
}

/// As for a map: records of other versions have other schemas.
fn of_record() -> Schema {
    let mut schema = schema_for!(model_map::audit::Record);
    if let Some(version) = schema.pointer_mut("/properties/version").and_then(Value::as_object_mut)
    {
        version.insert("const".to_owned(), model_map::audit::VERSION.into());
    }
    schema
}
