//! Making another map live: what `push` and `rollback` share.
//!
//! Owns the order of its steps and what is said of each; comparing and storing are
//! [`crate::diff`]'s and [`crate::store`]'s.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use model_map::ModelMap;

use super::look::look_on;
use super::progress::Progress;
use super::router::Follower;
use super::target::Target;
use super::{CouldNotRun, Exit, ask, print};
use crate::diff::diff;
use crate::render::diff::human;
use crate::render::{counted, plain};
use crate::store::{Did, Digest, Kept, Live, Moved, Note};

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    /// Ask nothing: for scripts
    #[arg(long, short)]
    yes: bool,
    /// Change nothing, show what would change, and exit 1 if anything would
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Who does it, for the others to read; else who started the workflow on GitHub, else the
    /// e-mail address that git knows
    #[arg(long, value_name = "NAME")]
    pub(super) by: Option<String>,
}

/// A map that is to be live.
pub(super) struct Candidate {
    /// As the difference names it.
    pub(super) name: String,
    pub(super) map: ModelMap,
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

impl Candidate {
    /// A map as the router would load it, or why it would not.
    pub(super) fn load(name: String, bytes: Vec<u8>) -> Result<Self, String> {
        let map = model_map::load(&bytes).map_err(|error| error.to_string())?;
        let digest = Digest::of(&map).ok_or("its digest is none")?;
        Ok(Self { name, map, bytes, digest })
    }

    /// What is noted when it is stored or moved.
    pub(super) fn note(&self, did: Did, by: String, commit: Option<String>) -> Note {
        Note {
            did,
            digest: self.digest.to_string(),
            at: now(),
            by,
            commit,
            env: self.map.env.clone(),
            roles: self.map.roles.len(),
            before: Vec::new(),
        }
    }
}

/// What was live when it was looked at.
pub(super) struct Seen {
    pub(super) live: Option<Live>,
    /// Or why the router would refuse it.
    pub(super) map: Option<Result<ModelMap, String>>,
}

impl Seen {
    /// Looks at a store.
    pub(super) fn of(target: &Target) -> Result<Self, CouldNotRun> {
        let _progress = Progress::start("asking the target");
        let live = target.store.live()?;
        let map = live.as_ref().map(|it| model_map::load(&it.bytes).map_err(|it| it.to_string()));
        Ok(Self { live, map })
    }

    /// The live map, if there is one that can be loaded.
    pub(super) fn loaded(&self) -> Option<&ModelMap> {
        self.map.as_ref()?.as_ref().ok()
    }

    /// Its digest.
    pub(super) fn digest(&self) -> Option<Digest> {
        Digest::of(self.loaded()?)
    }

    /// The note of the live map.
    pub(super) fn note(&self) -> Option<&Note> {
        self.live.as_ref()?.note.as_ref()
    }

    /// What was live before, the last one first.
    pub(super) fn before(&self) -> &[String] {
        self.note().map_or(&[], |note| &note.before)
    }
}

/// Shows what would change and asks. None is a yes; else how the verb ends.
pub(super) fn settle(
    options: &Options,
    target: &Target,
    seen: &Seen,
    new: &Candidate,
) -> Result<Option<Exit>, CouldNotRun> {
    let address = &target.address;
    if seen.live.as_ref().is_some_and(|live| live.bytes == new.bytes) {
        print(format_args!("{address} {} is live already\n", new.digest));
        return Ok(Some(Exit::Clean));
    }
    show(target, seen, new);
    if options.dry_run {
        eprintln!("sfai-dsl: a dry run: nothing was changed");
        return Ok(Some(Exit::Findings));
    }
    if ask::agreed(&format!("Make {} live at {address}?", new.name), options.yes)? {
        return Ok(None);
    }
    eprintln!("sfai-dsl: nothing was changed");
    Ok(Some(Exit::Findings))
}

fn show(target: &Target, seen: &Seen, new: &Candidate) {
    let nothing = nothing();
    let (old_name, old) = match (&seen.map, seen.loaded()) {
        (Some(Err(why)), _) => {
            eprintln!("sfai-dsl: what is live cannot be compared: {}", plain(why));
            ("what cannot be read", &nothing)
        }
        (_, Some(map)) => ("what is live", map),
        _ => ("nothing", &nothing),
    };
    let report = diff((old_name, old), (&new.name, &new.map));
    print(human(&report, look_on(&std::io::stdout())));
    if seen.digest().as_ref() == Some(&new.digest) {
        eprintln!("sfai-dsl: only the places in the source differ, which answers name");
    }
    let envs = seen.loaded().map(|map| (&map.env, &new.map.env));
    if let Some((old, new)) = envs.filter(|(old, new)| old != new) {
        let address = &target.address;
        eprintln!(
            "sfai-dsl: the map at {address} is for env `{}`, this one for `{new}`",
            plain(old)
        );
    }
}

/// A map without anything, to compare the first one with.
fn nothing() -> ModelMap {
    ModelMap {
        clients: BTreeMap::new(),
        digest: String::new(),
        env: String::new(),
        format: model_map::map::FORMAT,
        models: BTreeMap::new(),
        prompts: BTreeMap::new(),
        providers: BTreeMap::new(),
        roles: BTreeMap::new(),
        sources: model_map::Sources::default(),
    }
}

/// Stores a version, or makes sure that the one of its digest is whole.
pub(super) fn keep(target: &Target, new: &Candidate, note: &Note) -> Result<(), CouldNotRun> {
    let digest = &new.digest;
    if target.store.keep(digest, &new.bytes, note)? == Kept::Stored {
        return Ok(());
    }
    version(target, digest).map(drop)
}

/// A version as the router would load it.
pub(super) fn version(target: &Target, digest: &Digest) -> Result<Candidate, CouldNotRun> {
    let (address, key) = (&target.address, digest.key());
    let Some(bytes) = target.store.version(digest)? else {
        return Err(CouldNotRun(format!("{address} has no version {digest}")));
    };
    let name = format!("the version {}", digest.short());
    let altered = |why: &str| {
        CouldNotRun(format!(
            "{address} has another content at {key} than was stored there: {why}\n  help: restore \
             that object or remove it, then try again"
        ))
    };
    let found = Candidate::load(name, bytes).map_err(|why| altered(&why))?;
    if found.digest != *digest {
        return Err(altered(&format!("it is the map {}", found.digest)));
    }
    Ok(found)
}

/// Makes a map live, unless another one was faster. Its version is there.
pub(super) fn carry_out(
    target: &Target,
    seen: &Seen,
    new: &Candidate,
    note: &Note,
) -> Result<Exit, CouldNotRun> {
    adopt(target, seen)?;
    let progress = Progress::start("moving the live map");
    let moved = target.store.move_live(seen.live.as_ref(), &new.bytes, note)?;
    drop(progress);
    if moved == Moved::Lost {
        lost(target, new)?;
    }
    let roles = counted(new.map.roles.len(), "role");
    print(format_args!("{} {} is live: {roles}\n", target.address, new.digest));
    Ok(Exit::Clean)
}

/// Waits for a router, if one is named, where a map is live: this one, or the same one before.
pub(super) fn followed(
    exit: Exit,
    options: &Options,
    (follower, new): (Option<&Follower>, &Candidate),
) -> Result<Exit, CouldNotRun> {
    if let Some(follower) = follower.filter(|_| exit == Exit::Clean && !options.dry_run) {
        follower.serves(&new.map.digest)?;
    }
    Ok(exit)
}

/// Stores what is live as a version if it was not pushed, such as the map that a stack was deployed
/// with: else no rollback would lead back to it.
fn adopt(target: &Target, seen: &Seen) -> Result<(), CouldNotRun> {
    let Some(live) = &seen.live else { return Ok(()) };
    let Some(map) = seen.loaded() else { return Ok(()) };
    let Some(digest) = seen.digest() else { return Ok(()) };
    if seen.note().is_some_and(|note| note.digest == map.digest) {
        return Ok(());
    }
    let note = Note {
        did: Did::Store,
        digest: digest.to_string(),
        at: live.written.map_or_else(now, |it| it.to_string()),
        by: "unknown".to_owned(),
        commit: None,
        env: map.env.clone(),
        roles: map.roles.len(),
        before: Vec::new(),
    };
    if target.store.keep(&digest, &live.bytes, &note)? == Kept::Stored {
        eprintln!("sfai-dsl: what was live is kept as the version {}", digest.short());
    }
    Ok(())
}

/// Tells who was faster. The same map by another hand, or by an earlier try of ours whose answer
/// was lost on the way, is as good.
fn lost(target: &Target, new: &Candidate) -> Result<(), CouldNotRun> {
    let address = &target.address;
    let now = Seen::of(target)?;
    if now.live.as_ref().is_some_and(|live| live.bytes == new.bytes) {
        return Ok(());
    }
    let faster = match (&now.live, now.digest(), now.note()) {
        (None, ..) => "the live map was removed".to_owned(),
        (_, Some(digest), Some(note)) if note.digest == digest.to_string() => {
            let (did, by, at) = (note.did.name(), plain(&note.by), plain(&note.at));
            format!("{digest} was made live by {by} ({did}, {at})")
        }
        (_, Some(digest), _) => format!("{digest} was made live by other means"),
        (_, None, _) => "something that is no map was put there".to_owned(),
    };
    Err(CouldNotRun(format!(
        "another one was faster: {faster}, since {address} was looked at. {} is stored and not \
         live.\n  help: `sfai-dsl status` tells how the two differ; run this again to go on from \
         there",
        new.digest
    )))
}

/// To the second: more would be noise.
fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
