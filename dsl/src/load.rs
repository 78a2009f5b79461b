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
use crate::syntax::{parse, parse_bytes, tree};

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
    let mut loaded = Loaded::default();
    for (path, folder) in found {
        let name = shown(&path);
        if let Some((_, bytes)) = buffer.as_ref().filter(|(instead, _)| *instead == path) {
            loaded.add(name, bytes, path, folder);
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| LoadError::Unreadable(name.clone(), error))?;
        loaded.add(name, &bytes, path, folder);
    }
    Ok(loaded)
}

impl Loaded {
    /// One text by itself.
    pub fn only(buffer: &Buffer) -> Self {
        let mut loaded = Self::default();
        let name = buffer.path.to_string_lossy().replace('\\', "/");
        let folder = buffer.path.parent().unwrap_or(&buffer.path).to_path_buf();
        loaded.add(name, &buffer.bytes, buffer.path.clone(), folder);
        loaded
    }

    /// Texts that are on no disk, by their paths; prompt files beside them are not found.
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let mut loaded = Self::default();
        for (path, bytes) in files {
            let folder = path.split_once('/').map_or("", |(folder, _)| folder);
            loaded.add((*path).to_owned(), bytes, PathBuf::from(path), PathBuf::from(folder));
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

    fn add(&mut self, name: String, bytes: &[u8], path: PathBuf, folder: PathBuf) {
        let is_utf8 = std::str::from_utf8(bytes).is_ok();
        let (text, parsed) = parse_bytes(self.sources.next_id(), bytes);
        let id = self.sources.add(SourceFile::new(name, text));
        self.findings.extend(parsed.diagnostics);
        self.trees.push(parsed.tree);
        self.files.push(LoadedFile { id, path, folder, is_utf8 });
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
