//! The command line of `sfai-dsl`: one file a verb.
//!
//! Owns the arguments and what the verbs share.

mod ask;
mod check;
mod client_config;
mod compile;
mod completions;
mod decompile;
mod diff;
mod explain;
mod fmt;
mod graph;
mod import;
mod init;
mod logs;
mod look;
mod models;
mod moving;
mod operand;
mod output;
mod progress;
mod pull;
mod push;
mod replay;
mod revision;
mod rollback;
mod router;
mod schema;
mod status;
mod stdin;
mod target;
mod test;
mod unified;
mod versions;
mod watch;
mod who;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use model_map::ModelMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::{Buffer, Loaded, load_over};
use crate::program::Program;
use crate::project::Project;
use crate::render::human::Look;
use crate::render::{Format, render};

/// Checks, compiles and formats routing rules (`*.sfr`).
///
/// Exit codes: 0 clean, 1 findings, 2 could not run. Settings are read from `sfai.toml` in the
/// working folder or the nearest one above.
#[derive(Debug, Parser)]
#[command(name = "sfai-dsl", version)]
pub struct Cli {
    /// When to use colours; `NO_COLOR` is honoured
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    color: look::Color,
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
    /// Tell what two programs do differently, and how risky that is
    Diff(diff::Options),
    /// Plan recorded requests again, and tell which would be routed otherwise
    Replay(replay::Options),
    /// Draw the roles and their chains
    Graph(graph::Options),
    /// Write the program of a map
    Decompile(decompile::Options),
    /// Write the program of another router's configuration, and report what it cannot say
    Import(import::Options),
    /// Write the settings of an editor or tool for the program's roles
    ClientConfig(client_config::Options),
    /// List the models that the catalogue knows
    Models(models::Options),
    /// Say what a rule finds, or what a role does with a request and why
    Explain(explain::Options),
    /// Run the program's tests, offline
    Test(test::Options),
    /// Compile again whenever a file changes; a program with errors leaves the map as it is
    Watch(watch::Options),
    /// Check, test and compile, then make the map live where routers read it
    Push(push::Options),
    /// List the maps that were pushed
    Versions(versions::Options),
    /// Make a map live again that was pushed before
    Rollback(rollback::Options),
    /// Fetch what is live, or another map that was pushed
    Pull(pull::Options),
    /// Tell what is live, and whether the program here is the same
    Status(status::Options),
    /// Write a commented starter into a folder
    Init(init::Options),
    /// Print the completions of a shell
    Completions(completions::Options),
    /// Print the JSON Schema of what is written or printed
    Schema(schema::Options),
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
    look::settle(cli.color);
    let done = match &cli.verb {
        Verb::Check(options) => check::run(options),
        Verb::Compile(options) => compile::run(options),
        Verb::Fmt(options) => fmt::run(options),
        Verb::Diff(options) => diff::run(options),
        Verb::Replay(options) => replay::run(options),
        Verb::Graph(options) => graph::run(options),
        Verb::Decompile(options) => decompile::run(options),
        Verb::Import(options) => import::run(options),
        Verb::ClientConfig(options) => client_config::run(options),
        Verb::Models(options) => models::run(options),
        Verb::Explain(options) => explain::run(options),
        Verb::Test(options) => test::run(options),
        Verb::Watch(options) => watch::run(options),
        Verb::Push(options) => push::run(options),
        Verb::Versions(options) => versions::run(options),
        Verb::Rollback(options) => rollback::run(options),
        Verb::Pull(options) => pull::run(options),
        Verb::Status(options) => status::run(options),
        Verb::Init(options) => init::run(options),
        Verb::Completions(options) => Ok(completions::run(options)),
        Verb::Schema(options) => schema::run(options),
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
    open_over(paths, None)
}

/// [`open`], with a text in the place of a file.
fn open_over(paths: &[PathBuf], buffer: Option<&Buffer>) -> Result<Opened, CouldNotRun> {
    let working = std::env::current_dir()?;
    let project = project(&working)?;
    let loaded = load_over(&project, &working, paths, buffer)?;
    Ok(Opened { project, loaded })
}

/// Finds the project alone. A broken `sfai.toml` is shown and ends the verb.
fn project(working: &Path) -> Result<Project, CouldNotRun> {
    let project = Project::find(working)?;
    if !project.findings.is_empty() {
        let look = look::look_on(&std::io::stderr());
        eprint!("{}", render(Format::Human, &project.sources, &project.findings, look)?);
        return Err(CouldNotRun("the project's settings have mistakes".into()));
    }
    Ok(project)
}

/// A program without errors, and what it compiles to.
struct Compiled {
    program: Program,
    map: ModelMap,
}

/// Checks and compiles for `env`, without a digest. Errors are shown and give none; warnings are
/// `check`'s to show.
fn compiled(opened: &Opened, env: Option<&str>) -> Result<Option<Compiled>, CouldNotRun> {
    let env = opened.project.env(env);
    let mut checked = crate::check::check(&opened.project, &opened.loaded, &env);
    checked.findings.retain(|one| one.severity == Severity::Error);
    if !checked.findings.is_empty() {
        eprint!("{}", drawn(&opened.loaded, &checked.findings)?);
        return Ok(None);
    }
    let map = crate::emit::emit(&checked.program, &opened.loaded.sources);
    Ok(Some(Compiled { program: checked.program, map }))
}

/// Findings for people, for stderr.
fn drawn(loaded: &Loaded, findings: &[Diagnostic]) -> Result<String, CouldNotRun> {
    let look: Look = look::look_on(&std::io::stderr());
    Ok(render(Format::Human, &loaded.sources, findings, look)?)
}

/// Writes a result. A reader that has gone away wants no more of it.
fn print(text: impl Display) {
    use std::io::Write;
    let _ = write!(std::io::stdout(), "{text}");
}
