//! The audit log as files of JSON lines, `dt=YYYY-MM-DD/hour=HH/*.jsonl`.
//!
//! Owns the files of one process: each is written by it alone and only ever grows by whole lines,
//! so that what a killed process leaves behind is whole but for the very end of its last file.
//! When something is written is for the caller.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// The size after which a file is followed by another: small enough to be read by any tool.
const FILE_LIMIT: u64 = 64 << 20;
/// How long written lines may stay in the system's memory alone.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// When what was written is made to survive the machine, and not the process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fsync {
    /// With every write.
    Always,
    /// Once a second.
    Interval,
}

/// An audit folder.
pub struct Folder {
    root: PathBuf,
    fsync: Fsync,
    limit: u64,
    /// What the names of this process's files begin with.
    process: String,
    files: u32,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// `dt=…/hour=…`
    partition: String,
    size: u64,
    /// When the oldest line was written that is not known to be on the disk.
    unsynced: Option<SystemTime>,
}

impl Folder {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be written to; the text names it.
    pub fn open(root: &Path, fsync: Fsync, now: SystemTime) -> Result<Self, String> {
        let failed = |error| format!("cannot write the audit log to {}: {error}", root.display());
        fs::create_dir_all(root).map_err(failed)?;
        // Found out now, and not with the first request.
        let probe = root.join(format!(".sfai-{:016x}", fastrand::u64(..)));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)?;
        let process = format!("{}-{:08x}", compact(now), fastrand::u32(..));
        let root = root.to_path_buf();
        Ok(Self { root, fsync, limit: FILE_LIMIT, process, files: 0, open: None })
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// When they could not be written; then none of them is there.
    pub fn append(&mut self, lines: &[u8], now: SystemTime) -> io::Result<()> {
        let partition = partition(now);
        let fits = |open: &Open| open.partition == partition && open.size < self.limit;
        if !self.open.as_ref().is_some_and(fits) {
            self.close();
            self.open = Some(self.create(partition)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.append(lines, now, self.fsync);
        if written.is_err() {
            // A part of them may be there: it is cut off, and the file is left as it was.
            let _ = open.file.set_len(open.size);
            self.open = None;
        }
        written
    }

    /// Makes old lines survive the machine where that is not done with every write.
    pub fn sync(&mut self, now: SystemTime) {
        let Some(open) = &mut self.open else { return };
        let due = |since: SystemTime| now.duration_since(since).is_ok_and(|it| it >= SYNC_EVERY);
        if open.unsynced.is_some_and(due) {
            open.sync();
        }
    }

    /// Ends the file that is open.
    pub fn close(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.sync();
        }
    }

    fn create(&mut self, partition: String) -> io::Result<Open> {
        let folder = self.root.join(&partition);
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}-{:04}.jsonl", self.process, self.files));
        self.files += 1;
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        if self.fsync == Fsync::Always {
            // The file's name is the folder's content.
            File::open(&folder)?.sync_all()?;
        }
        Ok(Open { file, partition, size: 0, unsynced: None })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Open {
    fn append(&mut self, lines: &[u8], now: SystemTime, fsync: Fsync) -> io::Result<()> {
        self.file.write_all(lines)?;
        if fsync == Fsync::Always {
            self.file.sync_data()?;
        } else {
            self.unsynced = self.unsynced.or(Some(now));
        }
        self.size += lines.len() as u64;
        Ok(())
    }

    fn sync(&mut self) {
        if self.unsynced.take().is_some() {
            // What cannot be synced was written all the same; there is nothing else to do for it.
            let _ = self.file.sync_data();
        }
    }
}

/// Where records of requests go that end now: `dt=YYYY-MM-DD/hour=HH`, in UTC.
pub(crate) fn partition(now: SystemTime) -> String {
    let text = utc(now);
    let part = |range| text.get(range).unwrap_or_default();
    format!("dt={}/hour={}", part(0..10), part(11..13))
}

/// An instant that names a file: `20261125T104512Z`.
pub(crate) fn compact(now: SystemTime) -> String {
    utc(now).replace(['-', ':'], "")
}

/// `2026-11-25T10:45:12Z`
fn utc(now: SystemTime) -> String {
    format!("{:.0}", Timestamp::try_from(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Each file below a folder with its text, by its place without its own name.
    fn files(root: &Path) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for day in fs::read_dir(root).unwrap() {
            for hour in fs::read_dir(day.unwrap().path()).unwrap() {
                let hour = hour.unwrap().path();
                let mut paths: Vec<_> =
                    fs::read_dir(&hour).unwrap().map(|it| it.unwrap().path()).collect();
                paths.sort();
                let place = hour.strip_prefix(root).unwrap().display().to_string();
                let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
                all.entry(place).or_default().extend(texts);
            }
        }
        all
    }

    #[test]
    fn lines_go_to_the_hour_and_a_full_file_is_followed_by_another() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), Fsync::Always, at(0)).unwrap();
        folder.limit = 6;
        folder.append(b"{1}\n", at(3_599)).unwrap();
        folder.append(b"{2}\n{3}\n", at(3_599)).unwrap();
        folder.append(b"{4}\n", at(3_599)).unwrap();
        folder.append(b"{5}\n", at(3_600)).unwrap();
        let found = files(root.path());
        assert_eq!(found["dt=1970-01-01/hour=00"], ["{1}\n{2}\n{3}\n", "{4}\n"]);
        assert_eq!(found["dt=1970-01-01/hour=01"], ["{5}\n"]);
    }

    #[test]
    fn two_processes_write_to_files_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let open = || Folder::open(root.path(), Fsync::Interval, at(5)).unwrap();
        let (mut one, mut other) = (open(), open());
        one.append(b"{1}\n", at(5)).unwrap();
        other.append(b"{2}\n", at(5)).unwrap();
        assert_eq!(files(root.path())["dt=1970-01-01/hour=00"].len(), 2);
    }

    #[test]
    fn a_write_that_fails_leaves_no_part_and_the_next_one_begins_a_file() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), Fsync::Interval, at(5)).unwrap();
        folder.append(b"{1}\n", at(5)).unwrap();
        // A file that can only be read stands in for a full disk.
        let path = fs::read_dir(root.path().join("dt=1970-01-01/hour=00")).unwrap();
        let path = path.map(|it| it.unwrap().path()).next().unwrap();
        folder.open.as_mut().unwrap().file = File::open(path).unwrap();
        assert!(folder.append(b"{2}\n", at(5)).is_err());
        folder.append(b"{3}\n", at(5)).unwrap();
        assert_eq!(files(root.path())["dt=1970-01-01/hour=00"], ["{1}\n", "{3}\n"]);
    }

    #[test]
    fn a_folder_that_cannot_be_had_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let why = Folder::open(&file.join("below"), Fsync::Always, at(0)).err().unwrap();
        assert!(why.contains("file/below"), "{why}");
    }
}
