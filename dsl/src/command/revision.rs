//! A project as it was in a git revision.
//!
//! Owns the calls of `git`. Neither the user's index nor the working tree is touched: an index of
//! our own is read from the revision, and written out into a scratch folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::CouldNotRun;
use crate::project::{FILE_NAME, Project, relative};

/// A checked out project; its files go away with it.
pub(super) struct CheckedOut {
    /// The folder of its `sfai.toml`.
    pub(super) project: PathBuf,
    _scratch: tempfile::TempDir,
}

/// Writes the project's files of a revision into a scratch folder.
pub(super) fn check_out(project: &Project, revision: &str) -> Result<CheckedOut, CouldNotRun> {
    let scratch = tempfile::tempdir()?;
    let git = Git { folder: project.root.clone(), index: scratch.path().join("index") };
    let none = |_| {
        let root = project.root.display();
        CouldNotRun(format!(
            "`{revision}` is no file or folder, and {root} is in no git repository"
        ))
    };
    let top = git.run(&["rev-parse", "--show-toplevel"], b"").map_err(none)?;
    let commit = format!("{revision}^{{commit}}");
    let commit =
        git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], b"")
            .map_err(|_| CouldNotRun(format!("`{revision}` is no file, folder or git revision")))?;
    git.run(&["read-tree", commit.trim()], b"")?;
    let root = std::fs::canonicalize(&project.root)?;
    let inside = relative(Path::new(top.trim_end_matches(['\r', '\n'])), &root);
    let tree = scratch.path().join("tree");
    // The settings first: where the routes were is theirs to say.
    let settings = git.files(&[&format!(":(literal){FILE_NAME}"), ":(glob)**/*.toml"])?;
    git.write(&settings, &tree)?;
    let there = tree.join(&inside);
    let folder = Project::find(&there)
        .ok()
        .filter(|found| found.root == there)
        .map_or_else(|| project.folder.clone(), |found| found.folder);
    let routes = git.files(&[&format!(":(literal){folder}")])?;
    if routes.is_empty() {
        return Err(CouldNotRun(format!("revision `{revision}` has no folder `{folder}`")));
    }
    git.write(&routes, &tree)?;
    let project = match there.join(FILE_NAME).is_file() {
        true => there,
        false => there.join(folder),
    };
    Ok(CheckedOut { project, _scratch: scratch })
}

struct Git {
    folder: PathBuf,
    index: PathBuf,
}

impl Git {
    /// The paths of our index that match, each ended by a NUL, from the working folder on.
    fn files(&self, which: &[&str]) -> Result<String, CouldNotRun> {
        self.run(&[&["ls-files", "-z", "--"], which].concat(), b"")
    }

    fn write(&self, files: &str, to: &Path) -> Result<(), CouldNotRun> {
        let prefix = format!("--prefix={}/", to.display());
        self.run(&["checkout-index", "-f", "-z", "--stdin", &prefix], files.as_bytes())?;
        Ok(())
    }

    fn run(&self, arguments: &[&str], stdin: &[u8]) -> Result<String, CouldNotRun> {
        let failed = |why: String| CouldNotRun(format!("git {}: {why}", arguments.join(" ")));
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_INDEX_FILE", &self.index)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut to) = child.stdin.take() {
            // One that ends early says why itself.
            let _ = to.write_all(stdin);
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        String::from_utf8(output.stdout).map_err(|_| failed("a path is not UTF-8".to_owned()))
    }
}
