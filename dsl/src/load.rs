//! From paths to the texts of a program.
//!
//! Owns the search for `.sfr` files and their reading; what they hold is for [`crate::syntax`].

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::project::{Project, relative, tidy};
use crate::span::{FileId, SourceFile, Sources};
use crate::syntax::{ReadFile, parse, read_files, tree};

/// How many folders deep `.sfr` files are looked for; more is a loop of links.
const MOST_FOLDERS: usize = 64;

/// The files of a program, as read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Their texts.
    pub sources: Sources,
    /// In the order of their paths.
    pub files: Vec<LoadedFile>,
    /// What they hold, in the same order.
    pub trees: Vec<tree::File>,
    /// What could not be read.
    pub findings: Vec<Diagnostic>,
}

/// One `.sfr` file.
#[derive(Debug, Clone)]
pub struct LoadedFile {
    /// Its id in the sources.
    pub id: FileId,
    /// Where it is.
    pub path: PathBuf,
    /// The folder that its prompt files may not leave.
    pub folder: PathBuf,
    /// Whether every byte of it could be read.
    pub is_utf8: bool,
}

/// A file's bytes that are not, or not yet, those on the disk.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Where the file is or would be, relative to the working folder.
    pub path: PathBuf,
    /// What it is to hold.
    pub bytes: Vec<u8>,
}

/// Why there is no program.
#[derive(Debug)]
pub enum LoadError {
    /// No `.sfr` file under these paths.
    Nothing(Vec<String>),
    /// A path that was named and is not there.
    Missing(String),
    /// A path that cannot be read.
    Unreadable(String, io::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(paths) => {
                let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
                write!(to, "no .sfr file found: looked for *.sfr in {}", paths.join(", "))
            }
            Self::Missing(path) => write!(to, "no .sfr file found: there is no `{path}`"),
            Self::Unreadable(path, error) => write!(to, "`{path}` cannot be read: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads every `.sfr` file of `paths` (relative to `working`), or of the project's folder when
/// there is none. A folder is searched to its leaves; a file is taken whatever its name.
///
/// # Errors
/// When there is no such file, or one cannot be read.
pub fn load(project: &Project, working: &Path, paths: &[PathBuf]) -> Result<Loaded, LoadError> {
    load_over(project, working, paths, None)
}

/// [`load`], with `buffer` in the place of the file of its name, or beside the others when there is
/// none; then it is no error when there are no others.
///
/// # Errors
/// As [`load`]'s.
pub fn load_over(
    project: &Project,
    working: &Path,
    paths: &[PathBuf],
    buffer: Option<&Buffer>,
) -> Result<Loaded, LoadError> {
    let from: Vec<PathBuf> = match paths {
        [] => vec![tidy(&project.root.join(&project.folder))],
        paths => paths.iter().map(|path| tidy(&working.join(path))).collect(),
    };
    let shown = |path: &Path| match relative(&project.root, path) {
        name if name.is_empty() => ".".to_owned(),
        name => name,
    };
    let mut found = BTreeMap::new();
    for path in &from {
        match find(project, path, &mut found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if buffer.is_none() {
                    let missing = shown(path);
                    let is_named = !paths.is_empty();
                    return Err(match is_named {
                        true => LoadError::Missing(missing),
                        false => LoadError::Nothing(vec![missing]),
                    });
                }
            }
            done => done.map_err(|error| LoadError::Unreadable(shown(path), error))?,
        }
    }
    let buffer = buffer.map(|buffer| (tidy(&working.join(&buffer.path)), &buffer.bytes));
    if let Some((path, _)) = &buffer {
        found.entry(path.clone()).or_insert_with(|| folder_of(project, path));
    }
    if found.is_empty() {
        return Err(LoadError::Nothing(from.iter().map(|path| shown(path)).collect()));
    }
    let mut files = Vec::with_capacity(found.len());
    for (path, folder) in found {
        let name = shown(&path);
        let bytes = match buffer.as_ref().filter(|(instead, _)| *instead == path) {
            Some((_, bytes)) => (*bytes).clone(),
            None => fs::read(&path).map_err(|error| LoadError::Unreadable(name.clone(), error))?,
        };
        files.push(Unread { name, bytes, path, folder });
    }
    Ok(Loaded::read(files))
}

/// A file of which only the bytes are known.
struct Unread {
    name: String,
    bytes: Vec<u8>,
    path: PathBuf,
    folder: PathBuf,
}

impl Loaded {
    /// One text by itself.
    pub fn only(buffer: &Buffer) -> Self {
        let name = buffer.path.to_string_lossy().replace('\\', "/");
        let path = buffer.path.clone();
        let folder = path.parent().unwrap_or(&path).to_path_buf();
        Self::read(vec![Unread { name, bytes: buffer.bytes.clone(), path, folder }])
    }

    /// Texts that are on no disk, by their paths; prompt files beside them are not found.
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let unread = |(path, bytes): &(&str, &[u8])| Unread {
            name: (*path).to_owned(),
            bytes: bytes.to_vec(),
            path: PathBuf::from(path),
            folder: PathBuf::from(path.split_once('/').map_or("", |(folder, _)| folder)),
        };
        Self::read(files.iter().map(unread).collect())
    }

    fn read(mut files: Vec<Unread>) -> Self {
        let mut loaded = Self::default();
        let bytes = files.iter_mut().map(|file| std::mem::take(&mut file.bytes));
        let read = read_files((0..).map(FileId).zip(bytes).collect());
        for (Unread { name, path, folder, .. }, read) in files.into_iter().zip(read) {
            let ReadFile { text, parsed, is_utf8 } = read;
            let id = loaded.sources.add(SourceFile::new(name, text));
            loaded.findings.extend(parsed.diagnostics);
            loaded.trees.push(parsed.tree);
            loaded.files.push(LoadedFile { id, path, folder, is_utf8 });
        }
        loaded
    }

    /// Gives a file another text, and reads it again.
    pub fn set_text(&mut self, id: FileId, text: String) {
        let Some(path) = self.sources.get(id).map(|file| file.path.clone()) else { return };
        let Some(at) = self.files.iter().position(|file| file.id == id) else { return };
        let parsed = parse(id, &text);
        self.sources.set(id, SourceFile::new(path, text));
        self.findings.retain(|finding| finding.span.file != id);
        self.findings.extend(parsed.diagnostics);
        if let Some(tree) = self.trees.get_mut(at) {
            *tree = parsed.tree;
        }
    }
}

/// The folder that the prompts of a file named by itself may not leave.
fn folder_of(project: &Project, path: &Path) -> PathBuf {
    let routes = tidy(&project.root.join(&project.folder));
    let parent = path.parent().unwrap_or(path).to_path_buf();
    if path.starts_with(&routes) { routes } else { parent }
}

/// Collects files with the folder that each belongs to.
fn find(project: &Project, path: &Path, found: &mut BTreeMap<PathBuf, PathBuf>) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return find_in(path, path, MOST_FOLDERS, found);
    }
    found.entry(path.to_path_buf()).or_insert_with(|| folder_of(project, path));
    Ok(())
}

fn find_in(
    top: &Path,
    folder: &Path,
    depth: usize,
    found: &mut BTreeMap<PathBuf, PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // A link that leads nowhere is no file of the program.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() && depth > 0 {
            find_in(top, &path, depth - 1, found)?;
        } else if metadata.is_file() && path.extension().is_some_and(|ending| ending == "sfr") {
            found.entry(path).or_insert_with(|| top.to_path_buf());
        }
    }
    Ok(())
}
