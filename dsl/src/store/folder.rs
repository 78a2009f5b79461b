//! A store in a folder: for routers beside it, for a share, and for trying out.
//!
//! Owns the files and the lock; their contents are the caller's.
//!
//! A move is compared and made under a lock of the operating system, which lets go of it when its
//! holder dies, so that a killed push blocks nobody. Both files are replaced by a rename, so that
//! what is read is whole. Notes stand in one file, a line each, written before what they are about:
//! a line whose map never came is told from the others by its digest, which is not live.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::{Did, Digest, Kept, LIVE, Listed, Live, Moved, Note, Store, Tag, Trouble, VERSIONS};
use crate::write;

/// Who did what, the newest last.
const HISTORY: &str = "config/history.jsonl";

/// Held while something is written. It stays: removing it would let two hold a lock of that name.
const LOCK: &str = "config/.lock";

/// A folder of maps.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A store in a folder, which need not be there.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Does what nobody else may do at the same time.
    fn alone<T>(&self, work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
        let versions = self.path(VERSIONS);
        fs::create_dir_all(&versions).map_err(|error| unwritable(&versions, &error))?;
        let path = self.path(LOCK);
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let lock = open.map_err(|error| unwritable(&path, &error))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            eprintln!("sfai-dsl: waiting for another one that writes there");
        }
        lock.lock().map_err(|error| unwritable(&path, &error))?;
        work()
    }

    fn history(&self) -> Result<Vec<Note>, Trouble> {
        let text = read(&self.path(HISTORY))?.unwrap_or_default();
        // One that was cut short when its writer died says nothing.
        let notes =
            text.split(|byte| *byte == b'\n').filter_map(|it| serde_json::from_slice(it).ok());
        Ok(notes.collect())
    }

    fn write_down(&self, note: &Note) -> Result<(), Trouble> {
        let path = self.path(HISTORY);
        append_line(&path, note).map_err(|error| unwritable(&path, &error))
    }
}

impl Store for Folder {
    fn live(&self) -> Result<Option<Live>, Trouble> {
        let path = self.path(LIVE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let digest = named_digest(&bytes);
        let is_of_it =
            |note: &Note| note.did != Did::Store && digest.as_ref() == Some(&note.digest);
        let note = self.history()?.into_iter().rfind(is_of_it);
        let written = written(&path);
        Ok(Some(Live { tag: Tag(bytes.clone()), bytes, note, written }))
    }

    fn version(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Trouble> {
        read(&self.path(&digest.key()))
    }

    fn listed(&self, start: &str) -> Result<Vec<Listed>, Trouble> {
        let folder = self.path(VERSIONS);
        let failed = |error| unreadable(&folder, &error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if let Some(digest) = name.to_str().and_then(Digest::of_key)
                && digest.digits().starts_with(start)
            {
                listed.push(Listed { digest, written: written(&entry.path()) });
            }
        }
        Ok(listed)
    }

    fn notes(&self, of: &[Digest]) -> Result<Vec<Option<Note>>, Trouble> {
        let history = self.history()?;
        let note = |digest: &Digest| {
            let digest = digest.to_string();
            let is_of_it = |note: &&Note| note.did == Did::Store && note.digest == digest;
            history.iter().rfind(is_of_it).cloned()
        };
        Ok(of.iter().map(note).collect())
    }

    fn keep(&self, digest: &Digest, bytes: &[u8], note: &Note) -> Result<Kept, Trouble> {
        self.alone(|| {
            let path = self.path(&digest.key());
            if read(&path)?.is_some() {
                return Ok(Kept::WasThere);
            }
            self.write_down(note)?;
            replace(&path, bytes)?;
            Ok(Kept::Stored)
        })
    }

    fn move_live(&self, over: Option<&Live>, bytes: &[u8], note: &Note) -> Result<Moved, Trouble> {
        self.alone(|| {
            let path = self.path(LIVE);
            let seen = over.map(|live| live.tag.0.as_slice());
            if read(&path)?.as_deref() != seen {
                return Ok(Moved::Lost);
            }
            self.write_down(note)?;
            replace(&path, bytes)?;
            Ok(Moved::Moved)
        })
    }
}

/// The digest that a map says it has.
fn named_digest(bytes: &[u8]) -> Option<String> {
    let map: Value = serde_json::from_slice(bytes).ok()?;
    map.get("digest")?.as_str().map(str::to_owned)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn written(path: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(path).and_then(|it| it.modified()).ok()?;
    Timestamp::try_from(modified).ok()
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    write::replace(path, bytes).map_err(|error| unwritable(path, &error))
}

fn append_line(path: &Path, note: &Note) -> io::Result<()> {
    let mut line = serde_json::to_vec(note)?;
    line.push(b'\n');
    // What a killed writer left of its line must not spoil this one.
    if fs::read(path).is_ok_and(|text| text.last().is_some_and(|byte| *byte != b'\n')) {
        line.insert(0, b'\n');
    }
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&line)?;
    file.sync_all()
}

fn unreadable(path: &Path, error: &io::Error) -> Trouble {
    let what = format!("`{}` cannot be read: {error}", path.display());
    Trouble::new(what, "see whether the target is the right one, and who may read it")
}

fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    let what = format!("`{}` cannot be written: {error}", path.display());
    Trouble::new(what, "see whether the target is the right one, and who may write to it")
}

#[cfg(test)]
mod tests;
