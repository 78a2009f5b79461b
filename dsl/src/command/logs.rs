//! Audit logs, wherever they are: files, folders of them, stdin, packed with gzip or not.
//!
//! Owns which files are logs and how their lines are found; what a line means is for
//! [`crate::replay`].

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::CouldNotRun;
use crate::replay::Replay;

/// What logs end in, in a folder; each also with `.gz` behind it.
const ENDINGS: [&str; 4] = ["jsonl", "ndjson", "json", "log"];

/// How every gzip file starts.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most bytes of a line. A record holds a request and its answer at most, and what is packed
/// may be endless.
const LONGEST: usize = 64 << 20;

/// One log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Log {
    Stdin,
    File(PathBuf),
}

/// The logs that are named, those of folders at any depth and in the order of their paths, which
/// for `dt=…/hour=…` is that of time.
pub(super) fn find(named: &[PathBuf]) -> Result<Vec<Log>, CouldNotRun> {
    let mut logs = Vec::new();
    for path in named {
        if path.as_os_str() == "-" {
            if logs.contains(&Log::Stdin) {
                return Err(CouldNotRun("stdin can be read only once".into()));
            }
            logs.push(Log::Stdin);
        } else if path.is_dir() {
            let found = in_folder(path)?;
            if found.is_empty() {
                let endings: Vec<_> = ENDINGS.iter().map(|one| format!("`*.{one}`")).collect();
                let (shown, endings) = (path.display(), endings.join(", "));
                let why = format!("no audit log below `{shown}`: looked for {endings} and `.gz`");
                return Err(CouldNotRun(why));
            }
            logs.extend(found.into_iter().map(Log::File));
        } else {
            logs.push(Log::File(path.clone()));
        }
    }
    Ok(logs)
}

fn in_folder(top: &Path) -> Result<Vec<PathBuf>, CouldNotRun> {
    let mut found = Vec::new();
    let mut open = vec![top.to_path_buf()];
    while let Some(folder) = open.pop() {
        let failed = |error| unreadable(&folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // A link to a folder could lead back up.
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(path);
            } else if is_log(&path) && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

impl Log {
    /// Reads it to its end. What cannot be unpacked ends this log, not the replay.
    pub(super) fn read_into(&self, replay: &mut Replay<'_>) -> Result<(), CouldNotRun> {
        match self {
            Self::Stdin => {
                let stdin = std::io::stdin().lock();
                unpacked("stdin", stdin, replay).map_err(|error| unreadable("stdin", &error))
            }
            Self::File(path) => {
                let failed = |error| unreadable(path, &error);
                let file = BufReader::new(File::open(path).map_err(failed)?);
                unpacked(&path.display().to_string(), file, replay).map_err(failed)
            }
        }
    }
}

fn unreadable(what: impl AsRef<Path>, error: &std::io::Error) -> CouldNotRun {
    CouldNotRun(format!("`{}` cannot be read: {error}", what.as_ref().display()))
}

/// Unpacks what starts like gzip, whatever it is called: object stores and shells often drop or
/// keep the ending without the packing.
fn unpacked(
    name: &str,
    mut from: impl BufRead,
    replay: &mut Replay<'_>,
) -> Result<(), std::io::Error> {
    let mut start = Vec::new();
    from.by_ref().take(2).read_to_end(&mut start)?;
    let is_packed = start == GZIP;
    let whole = BufReader::new(std::io::Cursor::new(start).chain(from));
    if !is_packed {
        return lines(name, whole, replay).map_err(|(_, error)| error);
    }
    // Each part that is appended to a log is packed for itself.
    if let Err((line, error)) = lines(name, BufReader::new(MultiGzDecoder::new(whole)), replay) {
        replay.unreadable(format!("{name}:{line}"), format!("it cannot be unpacked: {error}"));
    }
    Ok(())
}

/// Feeds line after line; an error comes with the line that it is in.
fn lines(
    name: &str,
    mut from: impl BufRead,
    replay: &mut Replay<'_>,
) -> Result<(), (u64, std::io::Error)> {
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let most = LONGEST as u64 + 1;
        let read = from.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| (number, error))? == 0 {
            return Ok(());
        }
        if line.len() > LONGEST && !line.ends_with(b"\n") {
            let why = format!("the line is over {} MiB", LONGEST >> 20);
            replay.unreadable(format!("{name}:{number}"), why);
            from.skip_until(b'\n').map_err(|error| (number, error))?;
            continue;
        }
        replay.line(|| format!("{name}:{number}"), &line);
    }
}
