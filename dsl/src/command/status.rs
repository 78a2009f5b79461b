//! `sfai-dsl status`.
//!
//! Owns what is compared; how it looks is [`crate::render::status`]'s.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model_map::ModelMap;

use super::compile::{Map, build};
use super::look::look_on;
use super::moving::Seen;
use super::progress::Progress;
use super::target::Target;
use super::{CouldNotRun, Exit, drawn, open, print, target};
use crate::diff::diff;
use crate::render::Tally;
use crate::render::status::{LiveMap, LocalMap, Status, VERSION, differences, human};
use crate::store::Live;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    #[command(flatten)]
    target: target::Options,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object; `sfai-dsl schema status` describes it
    Json,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let address = options.target.address(&opened.project, &env)?;
    let progress = Progress::start("compiling");
    let built = build(&opened, &env)?;
    drop(progress);
    let Some(Map { map, .. }) = built.map else {
        eprint!("{}", drawn(&opened.loaded, &built.findings)?);
        let errors = Tally::of(&built.findings).errors;
        eprintln!("sfai-dsl: nothing to compare: the program has errors ({errors})");
        return Ok(Exit::Findings);
    };
    let target = target::open(address)?;
    let status = status(&target, &Seen::of(&target)?, &map);
    match options.format {
        Format::Human => print(human(&status, look_on(&std::io::stdout()))),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&status)?)),
    }
    Ok(if status.same { Exit::Clean } else { Exit::Findings })
}

fn status(target: &Target, seen: &Seen, local: &ModelMap) -> Status {
    let compared = seen.loaded().map(|live| diff(("live", live), ("local", local)));
    Status {
        version: VERSION,
        target: target.address.to_string(),
        same: seen.loaded().is_some_and(|live| live.digest == local.digest),
        live: seen.live.as_ref().map(|live| of_live(live, seen)),
        local: LocalMap {
            digest: local.digest.clone(),
            env: local.env.clone(),
            roles: local.roles.len(),
        },
        differences: compared.as_ref().map(differences).unwrap_or_default(),
    }
}

fn of_live(live: &Live, seen: &Seen) -> LiveMap {
    let map = seen.loaded();
    // One that is about another map was left by a push before somebody else wrote the file.
    let note = live.note.as_ref().filter(|it| map.is_some_and(|map| map.digest == it.digest));
    let written = live.written.map(|it| it.to_string());
    LiveMap {
        digest: map.map(|it| it.digest.clone()),
        refused: seen.map.as_ref().and_then(|it| it.as_ref().err().cloned()),
        did: note.map(|it| it.did.name().to_owned()),
        at: note.map(|it| it.at.clone()).or(written),
        by: note.map(|it| it.by.clone()),
        commit: note.and_then(|it| it.commit.clone()),
        env: map.map(|it| it.env.clone()),
        roles: map.map(|it| it.roles.len()),
    }
}
