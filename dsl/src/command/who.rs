//! Who does something, and to which commit.
//!
//! Owns where that is looked for. It explains a move to others and proves nothing: what can be
//! proved is in the log of the store's own server.

use std::path::Path;
use std::process::Command;

/// What a note says of who wrote it.
pub(super) struct Who {
    pub(super) by: String,
    pub(super) commit: Option<String>,
}

/// Who runs this, `by` as they say themselves, and the commit that the folder is at.
pub(super) fn who(folder: &Path, by: Option<&str>) -> Who {
    let said = by.map(str::to_owned);
    let by = said.or_else(of_actions).or_else(|| git(folder, &["config", "user.email"]));
    let by = by.or_else(|| variable("USER")).or_else(|| variable("USERNAME"));
    Who { by: by.unwrap_or_else(|| "unknown".to_owned()), commit: commit(folder) }
}

/// In a workflow of GitHub Actions git knows nobody.
fn of_actions() -> Option<String> {
    variable("GITHUB_ACTIONS").filter(|it| it == "true")?;
    variable("GITHUB_ACTOR")
}

/// Dirty where the folder of the project has changes; those elsewhere change no map.
fn commit(folder: &Path) -> Option<String> {
    let commit = git(folder, &["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(folder, &["status", "--porcelain", "--untracked-files=normal", "--", "."]);
    Some(if changes.is_some() { commit + "-dirty" } else { commit })
}

/// What git says, if it says anything.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(folder).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let said = said.trim();
    (output.status.success() && !said.is_empty()).then(|| said.to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.trim().is_empty())
}
