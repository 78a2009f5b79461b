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

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::{iter, thread};

use super::tree::Declaration;
use super::{Parsed, outline, pieces, problem, tree};
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
    let work = Work::of(texts, chunk);
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let threads = if bytes < 2 * WORTH_A_THREAD { 1 } else { processors() };
    let threads = threads.min(bytes / WORTH_A_THREAD).min(work.jobs.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work.go());
        }
        work.go();
    });
    work.assemble()
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A part of a text to be read.
struct Job {
    text: usize,
    range: Range<usize>,
}

/// What a chunk holds.
struct Chunk {
    declarations: Vec<Declaration>,
    comments: Vec<Span>,
}

struct Work<'t> {
    texts: &'t [(FileId, &'t str)],
    /// Those of one text in a row.
    jobs: Vec<Job>,
    next: AtomicUsize,
    /// Of each text, whether it must be read as one.
    is_whole: Vec<AtomicBool>,
    done: Mutex<Vec<(usize, Chunk)>>,
}

impl<'t> Work<'t> {
    fn of(texts: &'t [(FileId, &'t str)], chunk: usize) -> Self {
        let mut jobs = Vec::new();
        for (text, (_, content)) in texts.iter().enumerate() {
            jobs.extend(cuts(content, chunk).map(|range| Job { text, range }));
        }
        Self {
            texts,
            jobs,
            next: AtomicUsize::new(0),
            is_whole: texts.iter().map(|_| AtomicBool::new(false)).collect(),
            done: Mutex::default(),
        }
    }

    /// Does jobs until none is left.
    fn go(&self) {
        let mut done = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Relaxed);
            let Some(job) = self.jobs.get(number) else { break };
            let Some((file, text)) = self.texts.get(job.text) else { break };
            let Some(is_whole) = self.is_whole.get(job.text) else { break };
            if is_whole.load(Relaxed) {
                continue;
            }
            match read(*file, text, job.range.clone()) {
                Some(chunk) => done.push((number, chunk)),
                None => is_whole.store(true, Relaxed),
            }
        }
        match self.done.lock() {
            Ok(mut all) => all.append(&mut done),
            // The panic of the thread that held it goes on by itself.
            Err(_poisoned) => {}
        }
    }

    /// The chunks as texts again.
    fn assemble(self) -> Vec<Parsed> {
        let mut done = self.done.into_inner().unwrap_or_default();
        done.sort_unstable_by_key(|(number, _)| *number);
        let mut chunks = done.into_iter().peekable();
        let mut parsed = Vec::with_capacity(self.texts.len());
        for (place, (file, text)) in self.texts.iter().enumerate() {
            let is_own = |number: usize| self.jobs.get(number).is_some_and(|it| it.text == place);
            let own = iter::from_fn(|| chunks.next_if(|(number, _)| is_own(*number)));
            let own: Vec<Chunk> = own.map(|(_, chunk)| chunk).collect();
            let is_whole = self.is_whole.get(place).is_none_or(|it| it.load(Relaxed));
            parsed.push(if is_whole { super::parse(*file, text) } else { joined(*file, own) });
        }
        parsed
    }
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
