//! Texts read in chunks, by as many threads as there are processors.
//!
//! Owns where a text is cut and when its chunks may stand for the whole; how a text is read is the
//! parent module's.
//!
//! A chunk ends after a line that is `}`, which is where a declaration ends in a text that is as
//! it should be. Then nothing depends on what comes before or after, and the chunks' declarations
//! in a row are the text's. Where any chunk has a finding, such as quotes that are not closed, its
//! text is read again as one: what mends it may reach further than the chunk.
//!
//! Chunks keep what pest needs for a moment small, too: some 25 times the text.

use std::iter;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::tree::Declaration;
use super::{Parsed, outline, pieces, problem, tree};
use crate::parallel::{in_parts, threads};
use crate::span::{FileId, Span};

/// About how many bytes a chunk has.
const CHUNK: usize = 8 << 10;

/// Fewer bytes than these are read sooner than a thread is started.
const WORTH_A_THREAD: usize = 48 << 10;

/// Reads every text as [`super::parse`] does.
pub(super) fn parse_all(texts: &[(FileId, &str)]) -> Vec<Parsed> {
    parse_in(texts, CHUNK)
}

fn parse_in(texts: &[(FileId, &str)], chunk: usize) -> Vec<Parsed> {
    let mut jobs = Vec::new();
    for (text, (_, content)) in texts.iter().enumerate() {
        jobs.extend(cuts(content, chunk).map(|range| Job { text, range }));
    }
    let bytes = texts.iter().map(|(_, text)| text.len()).sum();
    let threads = threads(bytes, WORTH_A_THREAD).min(jobs.len());
    // Of each text, whether it must be read as one.
    let is_whole: Vec<_> = texts.iter().map(|_| AtomicBool::new(false)).collect();
    let read = |(): &mut (), part: &[Job]| -> Vec<Option<Chunk>> {
        part.iter().map(|job| job.read(texts, &is_whole)).collect()
    };
    let mut chunks = in_parts(&jobs, threads, || (), read).into_iter().flatten();
    let mut jobs = jobs.into_iter().peekable();
    let mut parsed = Vec::with_capacity(texts.len());
    for (place, (file, text)) in texts.iter().enumerate() {
        let mut own = Some(Vec::new());
        while jobs.next_if(|job| job.text == place).is_some() {
            let chunk = chunks.next().flatten();
            own = own.zip(chunk).map(|(mut own, chunk)| {
                own.push(chunk);
                own
            });
        }
        parsed.push(own.map_or_else(|| super::parse(*file, text), |own| joined(*file, own)));
    }
    parsed
}

/// A part of a text to be read.
struct Job {
    text: usize,
    range: Range<usize>,
}

impl Job {
    /// None where the text must be read as one, which is then noted.
    fn read(&self, texts: &[(FileId, &str)], is_whole: &[AtomicBool]) -> Option<Chunk> {
        let (file, text) = texts.get(self.text)?;
        let is_whole = is_whole.get(self.text).filter(|it| !it.load(Relaxed))?;
        let chunk = read(*file, text, self.range.clone());
        if chunk.is_none() {
            is_whole.store(true, Relaxed);
        }
        chunk
    }
}

/// What a chunk holds.
struct Chunk {
    declarations: Vec<Declaration>,
    comments: Vec<Span>,
}

fn joined(file: FileId, chunks: Vec<Chunk>) -> Parsed {
    let declarations = chunks.iter().map(|chunk| chunk.declarations.len()).sum();
    let mut tree =
        tree::File { file, declarations: Vec::with_capacity(declarations), comments: Vec::new() };
    for mut chunk in chunks {
        tree.declarations.append(&mut chunk.declarations);
        tree.comments.append(&mut chunk.comments);
    }
    Parsed { tree, diagnostics: Vec::new() }
}

/// Where the chunks of a text lie, which follow on each other; one, if it is short.
fn cuts(text: &str, chunk: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = Some(0_usize);
    iter::from_fn(move || {
        let start = at?;
        let end = end_of_declaration(text, start.saturating_add(chunk));
        at = end;
        Some(start..end.unwrap_or(text.len()))
    })
}

/// The byte after the first line `}` from `from` on; none if nothing comes behind it.
fn end_of_declaration(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        let line = bytes.get(at..)?;
        let length = [&b"}\n"[..], b"}\r\n"].into_iter().find(|end| line.starts_with(end));
        let Some(end) = length.map(|length| at + length.len()) else { continue };
        // At the start of a chunk it would be taken for that of a file.
        let is_mark = text.get(end..)?.starts_with('\u{feff}');
        return (end < text.len() && !is_mark).then_some(end);
    }
}

/// Reads a part of a text; none where that may not be read alone.
fn read(file: FileId, text: &str, range: Range<usize>) -> Option<Chunk> {
    if text.len() > super::MAX_BYTES {
        return None;
    }
    let mut report = problem::Report::new(file);
    let part = text.get(range.clone())?;
    pieces::controls(part, &mut report);
    let pieces = pieces::pieces(text, range.clone(), &mut report);
    let phrases = outline::outline(text, &pieces, range.start, &mut report);
    let (declarations, comments) = super::lowered(text, &pieces, &phrases, &mut report);
    report.findings.is_empty().then_some(Chunk { declarations, comments })
}

#[cfg(test)]
mod tests;
