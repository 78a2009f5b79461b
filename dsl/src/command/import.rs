//! `sfai-dsl import`.
//!
//! Owns its arguments and where the result goes; what is written is [`crate::import`]'s.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::decompile::tidied;
use super::{CouldNotRun, Exit, init, print, project};
use crate::import::{Origin, import};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Whose configuration it is
    #[arg(value_enum)]
    from: From,
    /// The configuration
    file: PathBuf,
    /// The folder to write `imported.sfr` into; stdout when there is none
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    /// LiteLLM's `config.yaml`
    Litellm,
    /// A Portkey config, JSON
    Portkey,
    /// JSON with a provider and a model for each role, or a `model_map.json`
    ModelMap,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let shown = options.file.display();
    let text = std::fs::read_to_string(&options.file)
        .map_err(|error| CouldNotRun(format!("`{shown}` cannot be read: {error}")))?;
    let name = options.file.file_stem().and_then(|it| it.to_str()).unwrap_or("imported");
    let origin = match options.from {
        From::Litellm => Origin::Litellm,
        From::Portkey => Origin::Portkey,
        From::ModelMap => Origin::ModelMap,
    };
    let imported = import(origin, name, &text, &project.catalogue)
        .map_err(|why| CouldNotRun(format!("`{shown}`: {why}")))?;
    let program = tidied(&imported.text)?;
    match &options.output {
        None => print(&program),
        Some(folder) => write(&folder.join("imported.sfr"), &program)?,
    }
    if !imported.report.is_empty() {
        eprintln!("not carried over, or not as it was:");
    }
    for left in &imported.report {
        eprintln!("  {left}");
    }
    Ok(Exit::Clean)
}

fn write(path: &Path, program: &str) -> Result<(), CouldNotRun> {
    let shown = path.display();
    if init::is_there(path) {
        return Err(CouldNotRun(format!("{shown} is there already, and nothing is overwritten")));
    }
    init::write_new(path, program)
        .map_err(|error| CouldNotRun(format!("{shown} cannot be written: {error}")))?;
    print(format_args!("wrote {shown}\n"));
    Ok(())
}
