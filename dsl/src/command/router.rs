//! The router that a verb asks what it serves.
//!
//! Owns the options and what is said of the answer; the question is [`crate::served`]'s.

use std::time::{Duration, Instant};

use clap::Args;

use super::CouldNotRun;
use super::progress::Progress;
use crate::render::plain;
use crate::served::{Router, Served};

/// Which router is to follow a move, and how long that may take.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    /// A running router, as clients call it: wait until it serves the map
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How long it may take, at most a day; routers look every 30 seconds unless they are told
    /// otherwise
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "url")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
}

/// A router that is to follow a move.
pub(super) struct Follower {
    router: Router,
    wait: Duration,
}

impl Options {
    /// The router to wait for, if one is named.
    pub(super) fn follower(&self) -> Result<Option<Follower>, CouldNotRun> {
        let router = self.url.as_deref().map(Router::at).transpose()?;
        Ok(router.map(|router| Follower { router, wait: Duration::from_secs(self.wait) }))
    }
}

impl Follower {
    /// Waits until it serves the map of this digest, which is live.
    pub(super) fn serves(&self, digest: &str) -> Result<(), CouldNotRun> {
        let url = self.router.url();
        let start = Instant::now();
        let progress = Progress::start("waiting for the router");
        let other = self.router.follows(digest, self.wait);
        drop(progress);
        let Some(last) = other else {
            eprintln!("sfai-dsl: {url} serves it, after {} s", start.elapsed().as_secs());
            return Ok(());
        };
        let why = match last {
            Ok(Served { digest, trouble, .. }) => {
                let trouble = trouble.map(|why| format!(", and says: {}", plain(&why)));
                format!("{url} serves {}{}", plain(&digest), trouble.unwrap_or_default())
            }
            Err(trouble) => plain(&trouble.what).to_string(),
        };
        let waited = self.wait.as_secs();
        Err(CouldNotRun(format!(
            "the map is live, but after {waited} s {why}\n  help: see that this router reads that \
             target; `sfai-dsl status --url` asks again, `sfai-dsl rollback` makes the map before \
             live again"
        )))
    }
}
