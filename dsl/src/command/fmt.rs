//! `sfai-dsl fmt`.

use std::path::PathBuf;

use clap::Args;

use super::{CouldNotRun, Exit, open, print};
use crate::format::format;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// Write nothing; list the files that would change and exit 1
    #[arg(long, conflicts_with = "diff")]
    check: bool,
    /// Write nothing; show what would change and exit 1
    #[arg(long)]
    diff: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let loaded = open(&options.paths)?.loaded;
    let mut exit = Exit::Clean;
    for (file, tree) in loaded.files.iter().zip(&loaded.trees) {
        let Some(source) = loaded.sources.get(file.id) else { continue };
        if !file.is_utf8 {
            return Err(CouldNotRun(format!("`{}` is not UTF-8; it is left alone", source.path)));
        }
        let refused = |why| CouldNotRun(format!("`{}`: {why}", source.path));
        let tidy = format(&source.text, tree).map_err(refused)?;
        if tidy == source.text {
            continue;
        }
        if options.diff {
            print(diff(&source.path, &source.text, &tidy));
        } else {
            print(format_args!("{}\n", source.path));
        }
        if options.check || options.diff {
            exit = Exit::Findings;
        } else {
            write::replace(&file.path, tidy.as_bytes())?;
        }
    }
    Ok(exit)
}

/// A unified diff with three lines around each change.
fn diff(path: &str, before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.unified_diff().header(path, path).to_string()
}
