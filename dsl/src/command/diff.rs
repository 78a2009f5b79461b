//! `sfai-dsl diff`.
//!
//! Owns its arguments; what a difference is, is [`crate::diff`]'s.

use clap::{Args, ValueEnum};

use super::{CouldNotRun, Exit, look, operand, print};
use crate::diff::diff;
use crate::render::diff::{human, markdown};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A folder, a map (`*.json`) or a git revision
    old: String,
    /// Another one; the working tree when there is none
    new: Option<String>,
    /// The environment to compile both for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs; `sfai-dsl schema diff` describes it
    Json,
    /// For a comment on a pull request
    Markdown,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let env = options.env.as_deref();
    let old = operand::map_of(&options.old, env)?;
    let (name, new) = match &options.new {
        Some(name) => (name.as_str(), operand::map_of(name, env)?),
        None => ("the working tree", operand::of_working_tree(env)?),
    };
    let report = diff((&options.old, &old), (name, &new));
    match options.format {
        Format::Human => print(human(&report, look::look_on(&std::io::stdout()))),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&report)?)),
        Format::Markdown => print(markdown(&report)),
    }
    Ok(if report.is_empty() { Exit::Clean } else { Exit::Findings })
}
