//! `sfai-dsl fmt`.

use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use super::{CouldNotRun, Exit, Opened, open, print, stdin, unified};
use crate::format::format;
use crate::load::{Loaded, LoadedFile};
use crate::project::Project;
use crate::syntax::tree::File;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders, the project's folder when there is none; `-` formats stdin to stdout
    paths: Vec<PathBuf>,
    /// Write nothing; list the files that would change and exit 1
    #[arg(long, conflicts_with = "diff")]
    check: bool,
    /// Write nothing; show what would change and exit 1
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    stdin: stdin::Options,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    if stdin::is_asked(&options.paths)? {
        return of_stdin(options);
    }
    let progress = Progress::start("formatting");
    let Opened { project, loaded } = open(&options.paths)?;
    let tidied = tidied(&loaded)?;
    drop(progress);
    if options.diff {
        return Ok(show(&project, &loaded, &tidied));
    }
    for Tidied { file, text } in &tidied {
        let path = loaded.sources.get(file.id).map_or("", |source| &source.path);
        if !options.check {
            write::replace(&file.path, text.as_bytes())?;
        }
        print(format_args!("{path}\n"));
    }
    Ok(if options.check { exit(&tidied) } else { Exit::Clean })
}

/// One file on its own: neither a project nor its settings are asked for.
fn of_stdin(options: &Options) -> Result<Exit, CouldNotRun> {
    let loaded = Loaded::only(&options.stdin.read()?);
    let tidied = tidied(&loaded)?;
    if options.diff {
        return Ok(show(&Project::bare(PathBuf::new()), &loaded, &tidied));
    }
    let path = loaded.sources.iter().map(|(_, source)| source.path.as_str()).next();
    if options.check {
        tidied.iter().for_each(|_| print(format_args!("{}\n", path.unwrap_or_default())));
        return Ok(exit(&tidied));
    }
    let as_it_is = || loaded.sources.iter().map(|(_, source)| source.text.as_str()).collect();
    print(tidied.first().map_or_else(as_it_is, |tidied| tidied.text.clone()));
    Ok(Exit::Clean)
}

/// A file that is not laid out, and its text when it is.
struct Tidied<'l> {
    file: &'l LoadedFile,
    text: String,
}

fn tidied(loaded: &Loaded) -> Result<Vec<Tidied<'_>>, CouldNotRun> {
    let mut all = Vec::new();
    for (file, tree) in loaded.files.iter().zip(&loaded.trees) {
        all.extend(tidy(loaded, file, tree)?);
    }
    Ok(all)
}

fn tidy<'l>(
    loaded: &'l Loaded,
    file: &'l LoadedFile,
    tree: &File,
) -> Result<Option<Tidied<'l>>, CouldNotRun> {
    let Some(source) = loaded.sources.get(file.id) else { return Ok(None) };
    if !file.is_utf8 {
        return Err(CouldNotRun(format!("`{}` is not UTF-8; it is left alone", source.path)));
    }
    let refused = |why| CouldNotRun(format!("`{}`: {why}", source.path));
    let text = format(&source.text, tree).map_err(refused)?;
    Ok((text != source.text).then_some(Tidied { file, text }))
}

fn show(project: &Project, loaded: &Loaded, tidied: &[Tidied<'_>]) -> Exit {
    if !tidied.is_empty() {
        let mut after = loaded.clone();
        for Tidied { file, text } in tidied {
            after.set_text(file.id, text.clone());
        }
        print(unified::diff(project, loaded, &after, &project.env(None)));
    }
    exit(tidied)
}

fn exit(tidied: &[Tidied<'_>]) -> Exit {
    if tidied.is_empty() { Exit::Clean } else { Exit::Findings }
}
