//! Places in source files, as byte ranges, and their translation into lines and columns.
//!
//! Owns positions alone; what is said about a place is a [`crate::diagnostic::Diagnostic`].

use std::ops::Range;

/// A file of the program, by its index in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A byte range of one file, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The span of `range` in `file`; ranges past 4 GiB are cut (files are capped far below).
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: byte(range.start), end: byte(range.end) }
    }

    /// The bytes as a range, for slicing the file's text.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of `self` to the end of `other`, which is in the same file.
    pub fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }
}

/// The text of one file and where its lines start.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the project's folder, with `/` on every system.
    pub path: String,
    /// The text as read; invalid UTF-8 is replaced, and said so by a finding.
    pub text: String,
    line_starts: Vec<u32>,
}

/// A line and a column, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl SourceFile {
    /// Indexes the lines of `text`.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)))
            .collect();
        Self { path: path.into(), text, line_starts }
    }

    /// The line, counted from 1, that holds `byte`.
    pub fn line(&self, byte: u32) -> u32 {
        let lines = self.line_starts.partition_point(|start| *start <= byte);
        u32::try_from(lines).unwrap_or(u32::MAX)
    }

    /// The first byte of a line counted from 1; the end of the text for a line after the last.
    pub fn line_start(&self, line: u32) -> usize {
        let start = self.line_starts.get((line as usize).saturating_sub(1));
        start.map_or(self.text.len(), |start| *start as usize)
    }

    /// The line and column of `byte`.
    pub fn position(&self, byte: u32) -> Position {
        let line = self.line(byte);
        let start = self.line_starts.get(line as usize - 1).copied().unwrap_or(0);
        let before = self.text.get(start as usize..byte as usize).unwrap_or_default();
        let characters = u32::try_from(before.chars().count()).unwrap_or(u32::MAX);
        Position { line, column: characters + 1 }
    }
}

/// The files of a program.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// The id that the next file gets.
    pub fn next_id(&self) -> FileId {
        FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX))
    }

    /// Adds a file and gives it its id.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        let id = self.next_id();
        self.files.push(file);
        id
    }

    /// Puts `file` in the place of another.
    pub fn set(&mut self, id: FileId, file: SourceFile) {
        if let Some(slot) = self.files.get_mut(id.0 as usize) {
            *slot = file;
        }
    }

    /// The file of an id that this value gave out.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// `routes/backend.sfr:38`: what the map records and a response names.
    pub fn place(&self, span: Span) -> String {
        self.get(span.file)
            .map_or_else(String::new, |file| format!("{}:{}", file.path, file.line(span.start)))
    }
}
