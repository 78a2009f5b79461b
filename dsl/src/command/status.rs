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
use crate::render::status::{LiveMap, LocalMap, RouterMap, Status, VERSION, differences, human};
use crate::served::{Router, Served};
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
    /// A running router, as clients call it: tell whether it serves what is live
    #[arg(long, value_name = "URL")]
    url: Option<String>,
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
    let router = options.url.as_deref().map(Router::at).transpose()?;
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
    let mut status = status(&target, &Seen::of(&target)?, &map);
    status.router = router.as_ref().map(of_router);
    match options.format {
        Format::Human => print(human(&status, look_on(&std::io::stdout()))),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&status)?)),
    }
    let is_behind = status.router.is_some() && !status.is_followed();
    Ok(if status.same && !is_behind { Exit::Clean } else { Exit::Findings })
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
        router: None,
    }
}

fn of_router(router: &Router) -> RouterMap {
    let _progress = Progress::start("asking the router");
    let url = router.url().to_owned();
    match router.served() {
        Ok(Served { digest, status, trouble }) => {
            RouterMap { url, digest: Some(digest), status: Some(status), trouble }
        }
        Err(trouble) => RouterMap { url, digest: None, status: None, trouble: Some(trouble.what) },
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
