//! The lines of one statement.
//!
//! Owns where a statement ends, and the mending of those that are broken where none goes on;
//! blocks are in [`super`].

use std::ops::Range;

use super::{Outliner, Phrase};
use crate::syntax::pieces::Kind;
use crate::syntax::problem::Problem;
use crate::syntax::words;

impl Outliner<'_> {
    /// Moves to the end of the pieces of the statement that begins at `start`, and gives the index
    /// after the last, and whether it was broken where it should not be.
    pub(super) fn own_pieces(&mut self, start: usize) -> (usize, bool) {
        let mut end = self.at;
        let (mut joined, mut mended) = (false, false);
        let mut condition = self.opens_condition(start);
        while let Some(kind) = self.kind(self.at) {
            match kind {
                Kind::Open | Kind::Close => break,
                Kind::Newline | Kind::Comment => {
                    let next = self.significant(self.at);
                    let goes_on = joined && !self.opens_statement(start, next);
                    if !goes_on && condition && self.is_broken_condition(start..end, next) {
                        if !std::mem::replace(&mut mended, true) {
                            self.report_broken_line(end, next);
                        }
                    } else if !goes_on && self.is_broken_chain(start, next) {
                        mended = true;
                    } else if !goes_on {
                        break;
                    }
                    self.at = next;
                }
                _ => {
                    joined = kind.joins();
                    condition &= !kind.is_bad() && self.word(self.at) != Some("route");
                    self.at += 1;
                    end = self.at;
                }
            }
        }
        (end, mended)
    }

    /// Whether a condition stands in the statement that begins at `start`, or its place is empty.
    fn opens_condition(&self, start: usize) -> bool {
        matches!(self.word(start), Some("when" | "otherwise"))
    }

    fn word(&self, at: usize) -> Option<&str> {
        let piece = self.pieces.get(at).filter(|piece| piece.kind == Kind::Word)?;
        Some(piece.of(self.text))
    }

    /// Whether the line at `next` can only be more of `own`, which has no `route` so far: it
    /// begins, or the line before ends, with a word or mark that something must stand beside.
    fn is_broken_condition(&self, own: Range<usize>, next: usize) -> bool {
        let text = |at: usize| self.pieces.get(at).map_or("", |piece| piece.of(self.text));
        let routed = text(next) == "route" && self.column(next) > self.column(own.start);
        let last = if own.len() > 1 { text(own.end.wrapping_sub(1)) } else { "" };
        let hangs = matches!(last, "and" | "or" | "not" | "in" | "matches" | "&&" | "||" | "(")
            || matches!(last, "==" | "!=" | "<" | "<=" | ">" | ">=");
        let leads = matches!(text(next), "and" | "or" | "&&" | "||" | ")");
        routed || leads || (hangs && (self.word(next).is_some() || self.is_operand(next)))
    }

    /// Whether the line at `next` can only be more of the route of the statement that begins at
    /// `start`, which lacks the arrow or bar between them: it lies deeper and begins with what no
    /// statement does.
    fn is_broken_chain(&self, start: usize, next: usize) -> bool {
        let is_deeper = self.column(next).zip(self.column(start)).is_some_and(|(it, own)| it > own);
        let is_link = match self.kind(next) {
            Some(Kind::Word) => self.word(next).is_some_and(|it| words::anywhere(it).is_none()),
            Some(Kind::Number) => true,
            _ => false,
        };
        self.word(start) == Some("route") && is_deeper && is_link
    }

    fn is_operand(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Number | Kind::String))
            || self.pieces.get(at).is_some_and(|piece| piece.of(self.text) == "(")
    }

    fn report_broken_line(&mut self, end: usize, next: usize) {
        let before = self.pieces.get(end.wrapping_sub(1)).map_or(0, |piece| piece.end as usize);
        let Some(piece) = self.pieces.get(next) else { return };
        let between = before..piece.range().start;
        // A comment in between would be swallowed by its own line.
        let is_blank = self.text.get(between.clone()).is_some_and(|text| text.trim().is_empty());
        let mend = is_blank.then_some(between);
        self.report_at(next, Problem::BrokenLine { mend });
    }

    /// A `->`, `|` or `,` at the start of a line: the statement before goes on.
    pub(super) fn leading_joint(&mut self, phrases: &mut [Phrase], depth: usize) {
        let Some(last) = phrases.last_mut() else { return };
        let joint = self.pieces.get(self.at).map(|p| p.of(self.text).to_owned());
        if !last.mended && !self.is_bad(&last.pieces) {
            let joint = joint.unwrap_or_default();
            self.report_at(self.at, Problem::LeadingJoint { joint });
        }
        last.mended = true;
        last.pieces.end = self.own_pieces(last.pieces.start).0;
        if self.kind(self.at) == Some(Kind::Open) {
            let mut phrase = last.clone();
            self.block(&mut phrase, depth);
            *last = phrase;
        }
    }

    /// Whether the line at `at` starts another statement although a joint came before, in the
    /// statement that begins at `start`: its first word
    /// is a keyword and goes on with something that no name in a list is followed by.
    fn opens_statement(&self, start: usize, at: usize) -> bool {
        let Some(first) = self.pieces.get(at) else { return true };
        let keyword = self.pieces.get(start).map_or("", |piece| piece.of(self.text));
        let word = first.of(self.text);
        // The facts of a request have values.
        if keyword == "ask" && words::is_fact(word) {
            return false;
        }
        if matches!(first.kind, Kind::Open | Kind::Close) {
            return true;
        }
        if first.kind != Kind::Word || words::anywhere(word).is_none() {
            return false;
        }
        let after = self.kind(at + 1);
        // These stand alone, and mostly below the statement before.
        let is_alone = matches!(word, "strict" | "resume");
        if is_alone && self.column(at).is_some() && self.column(at) <= self.column(start) {
            return !after.is_some_and(Kind::joins);
        }
        !(after.is_none_or(Kind::joins)
            || matches!(after, Some(Kind::Newline | Kind::Comment | Kind::Close)))
    }
}
