//! `sfai-dsl versions`.
//!
//! Owns which versions are shown; how they look is [`crate::render::versions`]'s.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::look::width;
use super::moving::Seen;
use super::progress::Progress;
use super::target::Target;
use super::{CouldNotRun, Exit, print, project, target};
use crate::render::versions::{VERSION, Version, Versions, human};
use crate::store::{Digest, Listed, Note};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: target::Options,
    /// The environment, where the target of sfai.toml has `${env}`
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How many to show, the newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table
    Human,
    /// One JSON object; `sfai-dsl schema versions` describes it
    Json,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let env = project.env(options.env.as_deref());
    let target = target::open(options.target.address(&project, &env)?)?;
    let shown = shown(&target, options.limit)?;
    match options.format {
        Format::Human => print(human(&shown, width())),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&shown)?)),
    }
    Ok(Exit::Clean)
}

fn shown(target: &Target, limit: usize) -> Result<Versions, CouldNotRun> {
    let live = Seen::of(target)?.digest();
    let _progress = Progress::start("listing the versions");
    let mut listed = target.store.listed("")?;
    listed.sort_by(|a, b| (Reverse(a.written), &a.digest).cmp(&(Reverse(b.written), &b.digest)));
    let older = listed.len().saturating_sub(limit);
    listed.truncate(limit);
    let digests: Vec<_> = listed.iter().map(|it| it.digest.clone()).collect();
    let notes = target.store.notes(&digests)?;
    let versions = listed.iter().zip(notes).map(|(it, note)| version(it, note, live.as_ref()));
    Ok(Versions {
        version: VERSION,
        target: target.address.to_string(),
        live: live.as_ref().map(ToString::to_string),
        versions: versions.collect(),
        older,
    })
}

fn version(listed: &Listed, note: Option<Note>, live: Option<&Digest>) -> Version {
    let at = note.as_ref().map(|it| it.at.clone());
    let written = |it: Timestamp| Timestamp::from_second(it.as_second()).unwrap_or(it).to_string();
    Version {
        digest: listed.digest.to_string(),
        live: live == Some(&listed.digest),
        at: at.or_else(|| listed.written.map(written)),
        by: note.as_ref().map(|it| it.by.clone()),
        commit: note.as_ref().and_then(|it| it.commit.clone()),
        env: note.as_ref().map(|it| it.env.clone()),
        roles: note.as_ref().map(|it| it.roles),
    }
}
