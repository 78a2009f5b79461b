//! The part `deny`: licences, sources, bans and advisories of all that is built in.
//!
//! Owns the tool's installation and which checks there are; what is allowed is in `deny.toml`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Outcome, top};
use crate::trouble::{Doing, Trouble};

/// The tool, pinned as every dependency is.
const VERSION: &str = "0.20.2";

/// The workspaces that have a lock file.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Checks every workspace; advisories where their database can be had.
///
/// # Errors
/// When the tool cannot be installed or started.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let tool = installed()?;
    let mut passed = true;
    for workspace in WORKSPACES {
        passed &= check(&tool, workspace, &["bans", "licenses", "sources"])?;
    }
    let reachable = call(&tool, &["--config", "deny.toml", "fetch", "db"])?;
    if reachable {
        for workspace in WORKSPACES {
            passed &= check(&tool, workspace, &["advisories"])?;
        }
    }
    Ok(match (passed, reachable) {
        (false, _) => Outcome::Failed,
        (true, true) => Outcome::Passed,
        (true, false) => Outcome::PassedBut(
            "advisories, since their database cannot be fetched from github.com".into(),
        ),
    })
}

fn check(tool: &Path, workspace: &str, what: &[&str]) -> Result<bool, Trouble> {
    let mut arguments = vec!["--manifest-path", workspace, "--config", "deny.toml"];
    arguments.extend(["check", "--hide-inclusion-graph"]);
    arguments.extend(what);
    call(tool, &arguments)
}

fn call(tool: &Path, arguments: &[&str]) -> Result<bool, Trouble> {
    let status = Command::new(tool).args(arguments).current_dir(top()).status();
    Ok(status.doing("start cargo-deny")?.success())
}

/// Where the tool is, built once into a folder that git ignores.
fn installed() -> Result<PathBuf, Trouble> {
    let root = top().join("target/tools");
    let tool = root.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let found = Command::new(&tool).arg("--version").output();
    let wanted = format!("cargo-deny {VERSION}");
    if found.is_ok_and(|found| String::from_utf8_lossy(&found.stdout).trim() == wanted) {
        return Ok(tool);
    }
    println!("builds cargo-deny {VERSION}, once: some minutes");
    let status = Command::new(env!("CARGO"))
        .args(["install", "--locked", "--quiet", "--version", VERSION, "--root"])
        .arg(&root)
        .arg("cargo-deny")
        // Built in less than half the time; it runs for a second.
        .args(["--profile", "dev"])
        .current_dir(top())
        .status();
    if status.doing("start cargo")?.success() {
        return Ok(tool);
    }
    Err(Trouble::new("install cargo-deny", "see above"))
}
