//! Which store a verb is about.
//!
//! Owns the order in which it is looked for; how one is spelled is [`crate::store::address`]'s.

use std::path::Path;

use clap::Args;

use super::CouldNotRun;
use crate::project::Project;
use crate::store::{Address, Store};

/// What the router reads its bucket's name from, too.
const VARIABLE: &str = "SFAI_CONFIG_BUCKET";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the maps are: s3://BUCKET, s3://BUCKET/PREFIX, file:///PATH or a path; else the bucket
    /// that `SFAI_CONFIG_BUCKET` names, else `target` under `[push]` in sfai.toml
    #[arg(long, value_name = "TARGET", visible_alias = "from")]
    to: Option<String>,
}

/// A store and its name.
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) store: Box<dyn Store>,
}

impl Options {
    /// The store's name: as with `--env`, the command line goes before the environment, and that
    /// before the settings.
    pub(super) fn address(&self, project: &Project, env: &str) -> Result<Address, CouldNotRun> {
        if let Some(text) = &self.to {
            return Address::parse(text, &std::env::current_dir()?).map_err(CouldNotRun);
        }
        if let Some(bucket) = std::env::var(VARIABLE).ok().filter(|it| !it.is_empty()) {
            return Address::parse(&format!("s3://{bucket}"), Path::new(""))
                .map_err(|why| CouldNotRun(format!("{VARIABLE}: {why}")));
        }
        if let Some(text) = &project.push_target {
            let text = text.replace("${env}", env);
            return Address::parse(&text, &project.root)
                .map_err(|why| CouldNotRun(format!("sfai.toml: {why}")));
        }
        Err(CouldNotRun(format!(
            "no target is named: use --to s3://BUCKET or --to FOLDER, set {VARIABLE}, or write \
             `target` under `[push]` in sfai.toml"
        )))
    }
}

/// Opens the store of a name.
pub(super) fn open(address: Address) -> Result<Target, CouldNotRun> {
    let store = address.open()?;
    Ok(Target { address, store })
}
