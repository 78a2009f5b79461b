//! A project in a scratch folder, and the real binary run in it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sfai_dsl::rules::{Example, PRELUDE};

pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// A project of these files, by their paths from its folder.
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        for (path, bytes) in files {
            scratch.write(path, bytes);
        }
        scratch
    }

    /// A rule's example beside the prelude.
    pub fn of(example: &Example) -> Self {
        let scratch = Self::new(example.beside);
        scratch.write("routes/prelude.sfr", PRELUDE.as_bytes());
        scratch.write("routes/example.sfr", example.text.as_bytes());
        scratch
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.path().join(path)).ok()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.0.path(), arguments)
    }

    /// Runs `sfai-dsl` with a text on its stdin.
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let mut command = command_in(self.0.path(), arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that ends without reading has its reasons, and says them.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap()
    }
}

/// Runs `sfai-dsl` in a folder.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    command_in(folder, arguments).output().unwrap()
}

/// `sfai-dsl` in a folder, not yet started.
pub fn command_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sfai-dsl"));
    command.args(arguments).current_dir(folder).env_remove("SFAI_ENV");
    command
}

/// What it printed.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it said beside that.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The findings of `check --format json`.
pub fn findings(output: &Output) -> Vec<serde_json::Value> {
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    all["findings"].as_array().unwrap().clone()
}
