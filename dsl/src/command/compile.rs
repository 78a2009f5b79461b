//! `sfai-dsl compile`.

use std::path::PathBuf;

use clap::Args;

use super::{CouldNotRun, Exit, drawn, open, print};
use crate::check::check;
use crate::emit::emit;
use crate::render::Tally;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write nothing; exit 1 when the file is not what would be written
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let checked = check(&opened.project, &opened.loaded, &env);
    eprint!("{}", drawn(&opened.loaded, &checked.findings));
    if Tally::of(&checked.findings).errors > 0 {
        eprintln!("sfai-dsl: nothing was written");
        return Ok(Exit::Findings);
    }
    let mut map = emit(&checked.program, &opened.loaded.sources);
    let bytes = model_map::seal(&mut map)?;
    let in_project = || opened.project.root.join(&opened.project.output);
    let path = options.output.clone().unwrap_or_else(in_project);
    let shown = path.display();
    if options.check {
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(Exit::Clean);
        }
        eprintln!("sfai-dsl: {shown} is not what the program compiles to: run `sfai-dsl compile`");
        return Ok(Exit::Findings);
    }
    let failed = |error| CouldNotRun(format!("{shown} cannot be written: {error}"));
    write::replace(&path, &bytes).map_err(failed)?;
    print(format_args!("{shown} {} roles, {}\n", map.roles.len(), map.digest));
    Ok(Exit::Clean)
}
