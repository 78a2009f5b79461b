//! The command line of `sfai-dsl`: one file a verb.
//!
//! Owns the arguments and what the verbs share.

mod check;
mod compile;
mod fmt;
mod models;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diagnostic::Diagnostic;
use crate::load::{Loaded, load};
use crate::project::Project;
use crate::render::human::{Look, render};

/// Checks, compiles and formats routing rules (`*.sfr`).
///
/// Exit codes: 0 clean, 1 findings, 2 could not run. Settings are read from `sfai.toml` in the
/// working folder or the nearest one above.
#[derive(Debug, Parser)]
#[command(name = "sfai-dsl", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Report every finding of the program, in every environment
    Check(check::Options),
    /// Check, then write the map that the router serves
    Compile(compile::Options),
    /// Lay files out in the one way; it says nothing of what they mean
    Fmt(fmt::Options),
    /// List the models that the catalogue knows
    Models(models::Options),
}

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to report.
    Clean = 0,
    /// The program has findings, or a file is stale or not laid out.
    Findings = 1,
    /// The verb could not do its work.
    CouldNotRun = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the verb that was asked for.
pub fn run(cli: &Cli) -> Exit {
    let done = match &cli.verb {
        Verb::Check(options) => check::run(options),
        Verb::Compile(options) => compile::run(options),
        Verb::Fmt(options) => fmt::run(options),
        Verb::Models(options) => models::run(options),
    };
    done.unwrap_or_else(|CouldNotRun(why)| {
        eprintln!("sfai-dsl: {why}");
        Exit::CouldNotRun
    })
}

/// Why a verb could not do its work, for people.
struct CouldNotRun(String);

impl<E: std::error::Error> From<E> for CouldNotRun {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A project and its files.
struct Opened {
    project: Project,
    loaded: Loaded,
}

/// Finds the project and reads its files. A broken `sfai.toml` is shown and ends the verb.
fn open(paths: &[PathBuf]) -> Result<Opened, CouldNotRun> {
    let working = std::env::current_dir()?;
    let project = project(&working)?;
    let loaded = load(&project, &working, paths)?;
    Ok(Opened { project, loaded })
}

/// Finds the project alone. A broken `sfai.toml` is shown and ends the verb.
fn project(working: &Path) -> Result<Project, CouldNotRun> {
    let project = Project::find(working)?;
    if !project.findings.is_empty() {
        eprint!("{}", render(&project.sources, &project.findings, look()));
        return Err(CouldNotRun("the project's settings have mistakes".into()));
    }
    Ok(project)
}

/// Findings for people, on stderr or stdout by who asks.
fn drawn(loaded: &Loaded, findings: &[Diagnostic]) -> String {
    render(&loaded.sources, findings, look())
}

fn look() -> Look {
    use std::io::IsTerminal;
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Look { color, width: 100 }
}

/// Writes a result. A reader that has gone away wants no more of it.
fn print(text: impl Display) {
    use std::io::Write;
    let _ = write!(std::io::stdout(), "{text}");
}
