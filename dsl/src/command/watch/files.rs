//! The files and folders that a program is made of, and which events touch it.
//!
//! Owns what is watched; when to compile is for the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Options;
use crate::command::compile::output;
use crate::project::{FILE_NAME, Project, relative, tidy};

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    /// Folders, and whether with all below them.
    folders: BTreeMap<PathBuf, bool>,
    /// All of these, with what is below them, is the program's.
    trees: BTreeSet<PathBuf>,
    /// Single files of it: settings, catalogues, named `.sfr` files.
    files: BTreeSet<PathBuf>,
    /// What this verb itself writes.
    output: PathBuf,
    /// What is watched, as people know it.
    shown: String,
}

impl Watched {
    /// What a program in the working folder is made of, as its settings are now. Settings that
    /// cannot be read count as none.
    pub(super) fn find(working: &Path, options: &Options) -> Self {
        let project = Project::find(working).unwrap_or_else(|_| Project::bare(working.into()));
        let in_project = || output(&project);
        let output = options.output.as_ref().map_or_else(in_project, |path| working.join(path));
        let named = match options.paths.as_slice() {
            [] => vec![project.root.join(&project.folder)],
            paths => paths.iter().map(|path| working.join(path)).collect(),
        };
        let seen = |path: &PathBuf| relative(&project.root, &tidy(path));
        let shown: Vec<_> = named.iter().map(seen).collect();
        let mut watched = Self {
            folders: BTreeMap::new(),
            trees: BTreeSet::new(),
            files: BTreeSet::from([project.root.join(FILE_NAME), working.join(FILE_NAME)]),
            output: tidy(&output),
            shown: shown.join(", "),
        };
        let read = project.sources.iter().map(|(_, file)| tidy(&project.root.join(&file.path)));
        watched.files.extend(read);
        for path in named.iter().map(|path| tidy(path)) {
            watched.name(path);
        }
        watched.choose_folders();
        watched
    }

    /// Takes in a path that is named on the command line, or is the project's folder.
    fn name(&mut self, path: PathBuf) {
        if path.is_file() {
            // Prompt files lie beside it or below.
            self.trees.extend(path.parent().map(Path::to_path_buf));
        } else {
            self.trees.insert(path);
        }
    }

    /// Folders are watched, not files: editors put a new file in the place of the old one.
    fn choose_folders(&mut self) {
        let mut folders = BTreeMap::new();
        let parents = self.files.iter().filter_map(|file| file.parent());
        for path in parents.chain(self.trees.iter().map(PathBuf::as_path)) {
            let with_all = self.trees.contains(path) && path.is_dir();
            // Of one that is not there its nearest parent that is, to see it come.
            if let Some(folder) = path.ancestors().find(|folder| folder.is_dir()) {
                *folders.entry(folder.to_path_buf()).or_default() |= with_all;
            }
        }
        self.folders = folders;
    }

    /// The folders that were asked for, as the project knows them.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Begins to watch.
    pub(super) fn begin(&self, watcher: &mut RecommendedWatcher) -> notify::Result<()> {
        for (folder, with_all) in &self.folders {
            let mode =
                if *with_all { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match watcher.watch(folder, mode) {
                // Gone between the look and the watching: its parent tells when it is back.
                Err(error) if !folder.is_dir() => drop(error),
                done => done?,
            }
        }
        Ok(())
    }

    /// Watches this instead of `before`, a folder that came back included.
    pub(super) fn replace(
        &self,
        before: &Self,
        watcher: &mut RecommendedWatcher,
    ) -> notify::Result<()> {
        for folder in before.folders.keys() {
            // One that is gone is not watched any more as it is.
            let _ = watcher.unwatch(folder);
        }
        self.begin(watcher)
    }

    /// Whether the event can change what the program compiles to.
    pub(super) fn concerns(&self, event: &Event) -> bool {
        let is_change = !matches!(event.kind, EventKind::Access(_));
        is_change && (event.need_rescan() || event.paths.iter().any(|path| self.holds(path)))
    }

    /// Whether a watched folder itself, or one above it, came or went.
    pub(super) fn is_shaken_by(&self, event: &Event) -> bool {
        let above = |path: &PathBuf| self.trees.iter().any(|tree| tree.starts_with(path));
        event.need_rescan() || event.paths.iter().any(above)
    }

    fn holds(&self, path: &Path) -> bool {
        if *path == self.output || is_scratch(path) {
            return false;
        }
        let within = self.trees.iter().any(|tree| path.starts_with(tree) || tree.starts_with(path));
        within || self.files.contains(path)
    }
}

/// What editors, and our own writing, put beside a file for a moment.
fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with('~')
}
