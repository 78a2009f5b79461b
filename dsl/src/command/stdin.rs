//! `-` in the place of a path: one file from stdin.
//!
//! Owns the reading and the file's name; what is done with the text is for the verbs.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::CouldNotRun;
use crate::load::Buffer;
use crate::syntax::MAX_BYTES;

// Every verb's options are called so, and clap would make a group of that name.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    /// With `-`: the file that stdin's text stands for
    #[arg(long, value_name = "FILE", default_value = "stdin.sfr")]
    stdin_filename: PathBuf,
}

/// Whether the paths are `-`.
pub(super) fn is_asked(paths: &[PathBuf]) -> Result<bool, CouldNotRun> {
    let is_asked = paths.iter().any(|path| path.as_os_str() == "-");
    if is_asked && paths.len() > 1 {
        return Err(CouldNotRun("`-` stands alone: stdin is one file".into()));
    }
    Ok(is_asked)
}

impl Options {
    /// Reads stdin to its end.
    pub(super) fn read(&self) -> Result<Buffer, CouldNotRun> {
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_BYTES {
            return Err(CouldNotRun(format!("stdin is over {MAX_BYTES} bytes")));
        }
        Ok(Buffer { path: self.stdin_filename.clone(), bytes })
    }
}
