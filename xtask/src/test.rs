//! Every test of the project, part by part: `cargo xtask test`.
//!
//! Owns the order of the parts and what is said of each; the tests themselves are the crates'.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::trouble::{Doing, Trouble};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only the part of this name
    #[arg(long)]
    only: Option<String>,
}

/// A part: its name, and the arguments of cargo that run it.
const PARTS: [(&str, &[&str]); 3] = [
    ("format", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]),
    ("tests", &["test", "--workspace", "--no-fail-fast"]),
];

/// Runs the parts in order, all of them even after a failure.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let chosen = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let mut failed = Vec::new();
    for (name, arguments) in PARTS.into_iter().filter(|(name, _)| chosen(name)) {
        let started = Instant::now();
        let passed = cargo(arguments)?;
        let verdict = if passed { "passed" } else { "FAILED" };
        println!("part {name}: {verdict} in {:.0} s", started.elapsed().as_secs_f64());
        if !passed {
            failed.push(name);
        }
    }
    tell_skipped();
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Trouble::new("pass", format!("these parts failed: {}", failed.join(", ")))),
    }
}

/// Says which tests had nothing to compare with.
fn tell_skipped() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folders =
        [("recorded", "recorded exchanges"), ("catalog", "the source of the catalogue of models")];
    let missing: Vec<_> = folders
        .into_iter()
        .filter_map(|(folder, what)| (!shared.join(folder).is_dir()).then_some(what))
        .collect();
    if missing.is_empty() {
        println!("nothing was skipped");
    } else {
        let missing = missing.join(", ");
        println!("skipped, since they are not beside this checkout: {missing}");
    }
}

fn cargo(arguments: &[&str]) -> Result<bool, Trouble> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new(env!("CARGO")).args(arguments).current_dir(root).status();
    Ok(status.doing("start cargo")?.success())
}
