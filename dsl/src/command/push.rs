//! `sfai-dsl push`.
//!
//! Owns what has to be in order before a map may leave; how it is moved is [`moving`]'s.

use std::path::PathBuf;

use clap::Args;

use super::compile::{Map, build, doubt};
use super::look::look_on;
use super::moving::{self, Candidate, Seen};
use super::progress::Progress;
use super::{CouldNotRun, Exit, Opened, drawn, open, router, target, who};
use crate::render::test_run::human;
use crate::render::{Tally, counted};
use crate::store::{Did, note};
use crate::test_run;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    #[command(flatten)]
    target: target::Options,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    #[command(flatten)]
    moving: moving::Options,
    #[command(flatten)]
    router: router::Options,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    doubt(&opened, &env);
    // What is misspelt should be told before anything long.
    let address = options.target.address(&opened.project, &env)?;
    let follower = options.router.follower()?;
    let Some(new) = ready(&opened, &env)? else {
        eprintln!("sfai-dsl: nothing was pushed");
        return Ok(Exit::Findings);
    };
    let target = target::open(address)?;
    let seen = Seen::of(&target)?;
    if let Some(exit) = moving::settle(&options.moving, &target, &seen, &new)? {
        return moving::followed(exit, &options.moving, (follower.as_ref(), &new));
    }
    let who = who::who(&opened.project.root, options.moving.by.as_deref());
    let stored = new.note(Did::Store, who.by, who.commit);
    moving::keep(&target, &new, &stored)?;
    eprintln!("sfai-dsl: stored the version {}", new.digest.short());
    let live = seen.digest().map(|it| it.to_string());
    let before = match live {
        // Only the places in the source are others.
        Some(live) if live == stored.digest => seen.before().to_vec(),
        Some(live) => note::pushed_over(&live, seen.before()),
        None => Vec::new(),
    };
    let moved = note::Note { did: Did::Push, before, ..stored };
    let exit = moving::carry_out(&target, &seen, &new, &moved)?;
    moving::followed(exit, &options.moving, (follower.as_ref(), &new))
}

/// A program that is checked and tested, as a map that the router takes. Findings and failed tests
/// are shown and give none.
fn ready(opened: &Opened, env: &str) -> Result<Option<Candidate>, CouldNotRun> {
    let progress = Progress::start("checking");
    let built = build(opened, env)?;
    drop(progress);
    eprint!("{}", drawn(&opened.loaded, &built.findings)?);
    let Some(Map { map, bytes, program }) = built.map else { return Ok(None) };
    let sources = &opened.loaded.sources;
    let progress = Progress::start("testing");
    let outcome = test_run::run(&program, &map, sources);
    drop(progress);
    if outcome.failed() > 0 {
        eprint!("{}", human(sources, &outcome, look_on(&std::io::stderr())));
        return Ok(None);
    }
    let warnings = counted(Tally::of(&built.findings).warnings, "warning");
    let tests = counted(outcome.tests.len(), "test");
    eprintln!("sfai-dsl: checked with {warnings}, {tests} passed");
    let new = Candidate::load("the working tree".to_owned(), bytes).map_err(|why| {
        CouldNotRun(format!(
            "nothing was pushed, since the router would refuse the map: {why}; this is a mistake in \
             sfai-dsl: please report it"
        ))
    })?;
    Ok(Some(new))
}
