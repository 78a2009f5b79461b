//! The part `lean`: `sfai-dsl` without what needs the AWS SDK, as `docs/push.md` has pull requests
//! checked with it, and `sfai-router` without AWS.
//!
//! Owns that the one builds, checks and says what it lacks, and that the other compiles without a
//! warning; what they find and answer is the crates' to test.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{Outcome, cargo, top};
use crate::trouble::{Doing, Trouble};

/// A folder of its own: with other features the crates that both need would be built anew in turn.
const FOLDER: &str = "target/lean";

/// The router without AWS. What it is made of is the fuzzer's choice, too.
const ROUTER: [&str; 12] = [
    "clippy",
    "--quiet",
    "--package",
    "sfai-router",
    "--no-default-features",
    "--features",
    "demo",
    "--target-dir",
    FOLDER,
    "--",
    "--deny",
    "warnings",
];

/// Builds the checker and asks it, and looks at the router.
///
/// # Errors
/// When cargo or the program does not start.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let started = Instant::now();
    let build = ["build", "--package", "sfai-dsl", "--no-default-features", "--target-dir", FOLDER];
    if let failed @ Outcome::Failed = cargo(&build)? {
        return Ok(failed);
    }
    println!("built the lean checker in {:.0} s", started.elapsed().as_secs_f64());
    let program = format!("{FOLDER}/debug/sfai-dsl{}", std::env::consts::EXE_SUFFIX);
    let program = top().join(program);
    let scratch = tempfile::tempdir().doing("make a scratch folder")?;
    let folder = scratch.path().to_string_lossy().into_owned();
    let to_a_folder = ["push", "--dry-run", "--to", folder.as_str()];
    let to_a_bucket = ["push", "--yes", "--to", "s3://maps"];
    for (arguments, code, words) in [
        (["check"].as_slice(), 0, ""),
        (to_a_folder.as_slice(), 1, "a dry run"),
        (to_a_bucket.as_slice(), 2, "this sfai-dsl was built without S3"),
    ] {
        if let Err(trouble) = says(&program, arguments, (code, words)) {
            eprintln!("{trouble}");
            return Ok(Outcome::Failed);
        }
    }
    cargo(&ROUTER)
}

fn says(program: &Path, arguments: &[&str], (code, words): (i32, &str)) -> Result<(), Trouble> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(top())
        .env_remove("SFAI_CONFIG_BUCKET")
        .output()
        .doing(format!("start {}", program.display()))?;
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if output.status.code() == Some(code) && said.contains(words) {
        return Ok(());
    }
    let wanted = format!("hear {words:?} and status {code} of {arguments:?}");
    Err(Trouble::new(wanted, format!("it ended with {} and said\n{said}", output.status)))
}
