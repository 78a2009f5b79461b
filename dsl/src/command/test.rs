//! `sfai-dsl test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::look::look_on;
use super::progress::Progress;
use super::{CouldNotRun, Exit, compiled, open, print};
use crate::render::test_run::{human, json, junit};
use crate::test_run;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// The environment whose tests run beside those that stand in none, over its blocks
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How to show the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// JUnit XML, for CI systems
    Junit,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let progress = Progress::start("testing");
    let opened = open(&options.paths)?;
    let Some(compiled) = compiled(&opened, options.env.as_deref())? else {
        return Ok(Exit::Findings);
    };
    let sources = &opened.loaded.sources;
    let outcome = test_run::run(&compiled.program, &compiled.map, sources);
    drop(progress);
    print(match options.format {
        Format::Human => human(sources, &outcome, look_on(&std::io::stdout())),
        Format::Json => json(sources, &outcome)?,
        Format::Junit => junit(sources, &outcome),
    });
    Ok(if outcome.failed() == 0 { Exit::Clean } else { Exit::Findings })
}
