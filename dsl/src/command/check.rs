//! `sfai-dsl check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{CouldNotRun, Exit, drawn, open, print};
use crate::check::check;
use crate::render::{Tally, json};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// How to show the findings
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Let warnings fail the check, too
    #[arg(long, value_name = "WHAT")]
    deny: Option<Denied>,
    /// What `${env}` stands for; every environment is checked in any case
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Denied {
    /// All warnings
    Warnings,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let checked = check(&opened.project, &opened.loaded, &env);
    match options.format {
        Format::Human => print(drawn(&opened.loaded, &checked.findings)),
        Format::Json => print(json::render(&opened.loaded.sources, &checked.findings)?),
    }
    let tally = Tally::of(&checked.findings);
    let denied = options.deny.is_some() && tally.warnings > 0;
    Ok(if tally.errors > 0 || denied { Exit::Findings } else { Exit::Clean })
}
