//! The lines of a tidy file, and the columns of those that belong together.
//!
//! Owns indentation, blank lines, comments and runs; the inside of a statement is for
//! [`super::spacing`].

use super::spacing::{joined, with_newlines};
use crate::syntax::{Block, Kind, Phrase, Piece, Sketch};

/// One row of the file; a statement of several lines is one row.
enum Row {
    Blank,
    Comment {
        depth: usize,
        text: String,
    },
    Line(Line),
    /// What could not be read, with its own indentation.
    Verbatim {
        text: String,
        comment: Option<String>,
    },
}

struct Line {
    depth: usize,
    run: Run,
    /// What comes before the run's column.
    head: String,
    /// What starts at it.
    rest: String,
    /// At the end of the line.
    comment: Option<String>,
}

/// Which rows share a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Statements of one line: their first values.
    Statements,
    /// `when` arms: their `route`.
    Arms,
    /// `let`, `model` and `prompt` of one line: their `=`.
    Constants,
    /// None: headers, braces, statements of several lines.
    Alone,
}

/// The text of a file in the one layout.
pub(crate) fn lay_out(text: &str, sketch: &Sketch) -> String {
    let mut walk = Walk { text, sketch, pieces: &sketch.pieces, rows: Vec::new(), at: 0 };
    walk.phrases(&sketch.phrases, 0);
    walk.gap(sketch.pieces.len(), 0);
    walk.drop_blank();
    print(&walk.rows)
}

struct Walk<'a> {
    text: &'a str,
    sketch: &'a Sketch,
    pieces: &'a [Piece],
    rows: Vec<Row>,
    /// The first piece that no row holds yet.
    at: usize,
}

impl Walk<'_> {
    fn phrases(&mut self, phrases: &[Phrase], depth: usize) {
        for phrase in phrases {
            self.gap(phrase.start(), depth);
            self.phrase(phrase, depth);
        }
    }

    fn phrase(&mut self, phrase: &Phrase, depth: usize) {
        let own = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let is_broken = self.sketch.is_broken(own);
        if phrase.mended || (is_broken && phrase.block.is_none()) {
            self.verbatim(phrase, depth);
            return;
        }
        let indent = "  ".repeat(depth + 1);
        match &phrase.block {
            Some(block) => {
                let header = match is_broken {
                    true => as_written(self.text, own),
                    false => joined(self.text, own, &indent),
                };
                let blank = if header.is_empty() { "" } else { " " };
                self.line(depth, Run::Alone, format!("{header}{blank}{{"), String::new());
                self.block(block, depth);
            }
            None => {
                let (run, parted) = parted(self.text, own);
                let (head, rest) = own.split_at_checked(parted).unwrap_or((own, &[]));
                let head = joined(self.text, head, &indent);
                let rest = joined(self.text, rest, &indent);
                if head.contains('\n') || rest.contains('\n') {
                    let blank = if rest.is_empty() { "" } else { " " };
                    self.line(depth, Run::Alone, format!("{head}{blank}{rest}"), String::new());
                } else {
                    self.line(depth, run, head, rest);
                }
                self.at = phrase.pieces.end;
            }
        }
    }

    fn block(&mut self, block: &Block, depth: usize) {
        self.at = block.open.map_or(self.at, |open| open + 1);
        self.phrases(&block.phrases, depth + 1);
        let close = block.close.unwrap_or(self.at);
        self.gap(close, depth + 1);
        self.drop_blank();
        self.line(depth, Run::Alone, "}".to_owned(), String::new());
        self.at = close + 1;
    }

    fn line(&mut self, depth: usize, run: Run, head: String, rest: String) {
        self.rows.push(Row::Line(Line { depth, run, head, rest, comment: None }));
    }

    /// A phrase as it is written.
    fn verbatim(&mut self, phrase: &Phrase, depth: usize) {
        let (start, end) = (phrase.start(), phrase.end());
        let byte = |at: usize| self.pieces.get(at);
        let first = byte(start).map_or(0, |piece| piece.start as usize);
        let last = byte(end.wrapping_sub(1)).map_or(first, |piece| piece.end as usize);
        let before = self.text.get(..first).unwrap_or_default();
        let own = self.text.get(first..last).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let indent = before.get(line..).unwrap_or_default();
        let is_alone = indent.chars().all(|c| matches!(c, ' ' | '\t'));
        // What shares its line with something broken might be read otherwise on a line of its own.
        if let Some(Row::Verbatim { text, comment: None }) = self.rows.last_mut()
            && !is_alone
        {
            let kept = before.len() - before.trim_end_matches([' ', '\t']).len();
            text.push_str(&" ".repeat(kept));
            text.push_str(&with_newlines(own));
            self.at = end;
            return;
        }
        let indent = if is_alone { indent.to_owned() } else { "  ".repeat(depth) };
        let text = with_newlines(&format!("{indent}{own}")).into_owned();
        self.rows.push(Row::Verbatim { text, comment: None });
        self.at = end;
    }

    /// The comments and blank lines before the piece at `to`.
    fn gap(&mut self, to: usize, depth: usize) {
        let gap = self.pieces.get(self.at..to).unwrap_or_default();
        let mut newlines = 0;
        for piece in gap {
            match piece.kind {
                Kind::Newline => newlines += 1,
                Kind::Comment => {
                    let text = piece.of(self.text).trim_end().to_owned();
                    self.blank(newlines);
                    self.comment(text, newlines == 0, depth);
                    newlines = 0;
                }
                _ => {}
            }
        }
        self.blank(newlines);
        self.at = self.at.max(to);
    }

    fn comment(&mut self, text: String, on_the_line: bool, depth: usize) {
        let place = match self.rows.last_mut() {
            Some(Row::Line(Line { comment, .. }) | Row::Verbatim { comment, .. }) => Some(comment),
            _ => None,
        };
        match place {
            Some(place) if on_the_line && place.is_none() => *place = Some(text),
            _ => self.rows.push(Row::Comment { depth, text }),
        }
    }

    /// A blank line for two newlines or more, but none at the start of a file or block.
    fn blank(&mut self, newlines: usize) {
        let opens = match self.rows.last() {
            None | Some(Row::Blank) => true,
            Some(Row::Line(line)) => line.head.ends_with('{') && line.run == Run::Alone,
            _ => false,
        };
        if newlines >= 2 && !opens {
            self.rows.push(Row::Blank);
        }
    }

    fn drop_blank(&mut self) {
        if matches!(self.rows.last(), Some(Row::Blank)) {
            self.rows.pop();
        }
    }
}

/// Which run a statement belongs to, and how many of its pieces come before the column.
fn parted(text: &str, pieces: &[Piece]) -> (Run, usize) {
    let find = |wanted: &dyn Fn(&Piece) -> bool| pieces.iter().position(wanted);
    match pieces.first().map_or("", |piece| piece.of(text)) {
        "let" | "model" | "prompt" => match find(&|piece| piece.kind == Kind::Equals) {
            Some(equals) => (Run::Constants, equals),
            None => (Run::Alone, pieces.len()),
        },
        "when" | "otherwise" => match find(&|piece| piece.of(text) == "route") {
            Some(route) => (Run::Arms, route),
            None => (Run::Alone, pieces.len()),
        },
        _ => (Run::Statements, 1),
    }
}

fn as_written(text: &str, pieces: &[Piece]) -> String {
    let start = pieces.first().map_or(0, |piece| piece.start as usize);
    let end = pieces.last().map_or(start, |piece| piece.end as usize);
    with_newlines(text.get(start..end).unwrap_or_default()).into_owned()
}

fn print(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|row| shares_column(first, row)).count().max(1);
        let (run, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let width = run.iter().filter_map(head_width).max().unwrap_or(0);
        run.iter().for_each(|row| print_row(row, width, &mut out));
        rest = next;
    }
    out
}

fn shares_column(first: &Row, row: &Row) -> bool {
    match (first, row) {
        (Row::Line(first), Row::Line(line)) => {
            first.run != Run::Alone && first.run == line.run && first.depth == line.depth
        }
        _ => false,
    }
}

/// The characters before the column; none for a line that has nothing at it.
fn head_width(row: &Row) -> Option<usize> {
    match row {
        Row::Line(line) if !line.rest.is_empty() => Some(line.head.chars().count()),
        _ => None,
    }
}

fn print_row(row: &Row, width: usize, out: &mut String) {
    let comment = match row {
        Row::Blank => None,
        Row::Comment { depth, text } => {
            out.push_str(&"  ".repeat(*depth));
            out.push_str(text);
            None
        }
        Row::Line(line) => {
            out.push_str(&"  ".repeat(line.depth));
            out.push_str(&line.head);
            if !line.rest.is_empty() {
                let used = line.head.chars().count();
                out.push_str(&" ".repeat(width.saturating_sub(used) + 1));
                out.push_str(&line.rest);
            }
            line.comment.as_ref()
        }
        Row::Verbatim { text, comment } => {
            out.push_str(text);
            comment.as_ref()
        }
    };
    if let Some(comment) = comment {
        out.push_str("  ");
        out.push_str(comment);
    }
    out.push('\n');
}
