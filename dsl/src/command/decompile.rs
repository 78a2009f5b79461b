//! `sfai-dsl decompile`.
//!
//! Owns its arguments; what is written is [`crate::decompile`]'s.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CouldNotRun, Exit, output, project};
use crate::decompile::decompile;
use crate::format::format;
use crate::span::FileId;
use crate::syntax::parse;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A `model_map.json`
    map: PathBuf,
    /// The file to write; stdout when there is none
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let map = read_map(&options.map)?;
    let text = tidied(&decompile(&map, &project.catalogue))?;
    output::write(options.output.as_deref(), &text)?;
    Ok(Exit::Clean)
}

/// A map's file, checked as the router does.
pub(super) fn read_map(path: &Path) -> Result<model_map::ModelMap, CouldNotRun> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| CouldNotRun(format!("`{shown}` cannot be read: {error}")))?;
    model_map::load(&bytes).map_err(|error| CouldNotRun(format!("`{shown}`: {error}")))
}

/// A written program, laid out.
pub(super) fn tidied(text: &str) -> Result<String, CouldNotRun> {
    let parsed = parse(FileId(0), text);
    if let Some(finding) = parsed.diagnostics.first() {
        let line = text.get(..finding.span.range().start).map_or(0, |it| it.lines().count());
        let message = &finding.message;
        return Err(CouldNotRun(format!(
            "what was written cannot be read again (line {line}: {message}); this is a mistake in \
             sfai-dsl: please report it"
        )));
    }
    format(text, &parsed.tree).map_err(|why| CouldNotRun(why.to_string()))
}
