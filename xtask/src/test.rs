//! Every test of the project, part by part: `cargo xtask test`.
//!
//! Owns the order of the parts and what is said of each; the tests themselves are the crates'.

mod clients;
mod deny;
mod infra;
mod lean;
mod s3;
mod state;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

pub(crate) use clients::{at_least, install_python};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::trouble::{Doing, Trouble};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only the part of this name
    #[arg(long, value_parser = PossibleValuesParser::new(PARTS.map(|(name, _)| name)))]
    only: Option<String>,
}

/// What came of a part.
enum Outcome {
    Passed,
    /// But for something that could not be tested here, with the reason.
    PassedBut(String),
    Failed,
    /// With the reason.
    Skipped(String),
}

/// Runs a part.
type Part = fn() -> Result<Outcome, Trouble>;

/// The parts by their names, in order. The last one finds built what the one before has tested.
const PARTS: [(&str, Part); 11] = [
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
    }),
    ("generated", || cargo(&["run", "--quiet", "--package", "xtask", "--", "docs", "--check"])),
    // What they print tells how many of the recorded cases ran, and which were left out and why.
    ("tests", || cargo(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"])),
    ("fuzz", || cargo(&["run", "--quiet", "--package", "xtask", "--", "fuzz", "--seconds", "5"])),
    ("lean", lean::run),
    ("clients", clients::run),
    ("s3", s3::run),
    ("state", state::run),
    ("deny", deny::run),
    ("infra", infra::run),
];

/// What tests compare with where it is there: folders beside this checkout.
const SHARED: [(&str, &str); 2] =
    [("recorded", "recorded exchanges"), ("catalog", "facts about models")];

/// Runs the parts in order, all of them even after a failure.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let chosen = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for (name, part) in PARTS.into_iter().filter(|(name, _)| chosen(name)) {
        let started = Instant::now();
        let outcome = part().unwrap_or_else(|trouble| {
            eprintln!("part {name}: {trouble}");
            Outcome::Failed
        });
        let verdict = match outcome {
            Outcome::Passed => "passed",
            Outcome::PassedBut(what) => {
                skipped.push(what);
                "passed"
            }
            Outcome::Failed => {
                failed.push(name);
                "FAILED"
            }
            Outcome::Skipped(why) => {
                skipped.push(format!("{name}, since {why}"));
                "skipped"
            }
        };
        println!("part {name}: {verdict} in {:.0} s", started.elapsed().as_secs_f64());
    }
    for (folder, what) in SHARED {
        if !top().join("../shared").join(folder).is_dir() {
            skipped.push(format!("{what}, since there are none beside this checkout"));
        }
    }
    if skipped.is_empty() {
        println!("nothing was skipped");
    }
    for what in skipped {
        println!("skipped: {what}");
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Trouble::new("pass", format!("these parts failed: {}", failed.join(", ")))),
    }
}

fn cargo(arguments: &[&str]) -> Result<Outcome, Trouble> {
    let status = Command::new(env!("CARGO")).args(arguments).current_dir(top()).status();
    Ok(if status.doing("start cargo")?.success() { Outcome::Passed } else { Outcome::Failed })
}

/// The workspace's folder.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
