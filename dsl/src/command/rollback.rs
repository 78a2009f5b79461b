//! `sfai-dsl rollback`.
//!
//! Owns which version is meant; how it is moved is [`moving`]'s.

use clap::Args;

use super::moving::{self, Seen};
use super::target::{self, Target};
use super::{CouldNotRun, Exit, project, router, who};
use crate::store::{Did, Digest, digest, note};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The version, or how its digest starts; the one that was live before when there is none
    digest: Option<String>,
    #[command(flatten)]
    target: target::Options,
    /// The environment, where the target of sfai.toml has `${env}`
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    #[command(flatten)]
    moving: moving::Options,
    #[command(flatten)]
    router: router::Options,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let env = project.env(options.env.as_deref());
    let follower = options.router.follower()?;
    let target = target::open(options.target.address(&project, &env)?)?;
    let seen = Seen::of(&target)?;
    let digest = match &options.digest {
        Some(text) => find(&target, text)?,
        None => last(&target, &seen)?,
    };
    let new = moving::version(&target, &digest)?;
    if let Some(exit) = moving::settle(&options.moving, &target, &seen, &new)? {
        return moving::followed(exit, &options.moving, (follower.as_ref(), &new));
    }
    let who = who::who(&project.root, options.moving.by.as_deref());
    // The commit is that of the program which the version was made of, not that of this folder.
    let stored = target.store.notes(std::slice::from_ref(&digest))?.into_iter().flatten().next();
    let mut note = new.note(Did::Rollback, who.by, stored.and_then(|it| it.commit));
    if let Some(live) = seen.digest() {
        note.before = note::rolled_back(&note.digest, &live.to_string(), seen.before());
    }
    let exit = moving::carry_out(&target, &seen, &new, &note)?;
    moving::followed(exit, &options.moving, (follower.as_ref(), &new))
}

/// The fewest hex digits that name a version: fewer are rather a slip than a name.
const FEWEST_DIGITS: usize = 4;

/// How many candidates are named where several are meant.
const MOST_NAMED: usize = 5;

/// The one version that starts so.
pub(super) fn find(target: &Target, text: &str) -> Result<Digest, CouldNotRun> {
    let digits = digest::digits(text).filter(|it| it.len() >= FEWEST_DIGITS);
    let start = digits.ok_or_else(|| {
        CouldNotRun(format!(
            "`{text}` names no version: write its digest or the first {FEWEST_DIGITS} or more of \
             its hex digits"
        ))
    })?;
    let mut found: Vec<_> = target.store.listed(&start)?.into_iter().map(|it| it.digest).collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(CouldNotRun(format!(
            "{} has no version that starts with `{start}`: see `sfai-dsl versions`",
            target.address
        ))),
        several => {
            let named: Vec<_> = several.iter().take(MOST_NAMED).map(ToString::to_string).collect();
            Err(CouldNotRun(format!(
                "{} versions start with `{start}`: {}",
                several.len(),
                named.join(", ")
            )))
        }
    }
}

/// The one that was live before.
fn last(target: &Target, seen: &Seen) -> Result<Digest, CouldNotRun> {
    let address = &target.address;
    if seen.live.is_none() {
        return Err(CouldNotRun(format!("nothing is live at {address}: see `sfai-dsl versions`")));
    }
    seen.before().first().and_then(|it| Digest::parse(it)).ok_or_else(|| {
        CouldNotRun(format!(
            "what was live at {address} before is not known: name a version, `sfai-dsl versions` \
             lists them"
        ))
    })
}
