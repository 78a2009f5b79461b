//! A project in a scratch folder, and the real binary run in it.

use std::path::Path;
use std::process::{Command, Output};

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
}

/// Runs `sfai-dsl` in a folder.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sfai-dsl"));
    command.args(arguments).current_dir(folder).env_remove("SFAI_ENV").output().unwrap()
}

/// The findings of `check --format json`.
pub fn findings(output: &Output) -> Vec<serde_json::Value> {
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    all["findings"].as_array().unwrap().clone()
}
