//! Prompt files: found, read once, and kept inside their folder.
//!
//! Owns the file system's part; what the text is for is in [`super`].

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::load::LoadedFile;
use crate::project::tidy;

/// Why a prompt file gives no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not there.
    Missing,
    /// Outside the folder, by `..`, by a link or by an absolute path.
    Outside,
    /// Not UTF-8, from this byte on.
    NotUtf8(usize),
    /// Anything else that the file system says.
    Unreadable(String),
}

/// What became of reading a file.
type Read = Result<Arc<str>, Problem>;

/// The prompt files read so far.
#[derive(Debug, Default)]
pub struct PromptFiles {
    read: Mutex<HashMap<(PathBuf, PathBuf), Read>>,
}

impl PromptFiles {
    /// The text of the file that `by` names as `path`: LF line ends, no newlines at its edges and
    /// no byte order mark.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or may not be.
    pub fn text(&self, by: &LoadedFile, path: &str) -> Result<Arc<str>, Problem> {
        let beside = by.path.parent().unwrap_or(&by.path);
        let full = tidy(&beside.join(path));
        let key = (full, by.folder.clone());
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with_key(|key| read(&key.0, &key.1)).clone()
    }
}

fn read(path: &Path, folder: &Path) -> Result<Arc<str>, Problem> {
    if !path.starts_with(folder) {
        return Err(Problem::Outside);
    }
    let real = fs::canonicalize(path).map_err(of_system)?;
    let folder = fs::canonicalize(folder).map_err(of_system)?;
    if !real.starts_with(folder) {
        return Err(Problem::Outside);
    }
    let bytes = fs::read(real).map_err(of_system)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Problem::NotUtf8(error.utf8_error().valid_up_to()))?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    Ok(Arc::from(text.trim_matches('\n')))
}

fn of_system(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::Missing,
        _ => Problem::Unreadable(error.to_string()),
    }
}
