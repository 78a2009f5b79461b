//! A tree back to tidy text.
//!
//! Owns the layout and the proof that it changed nothing else; which files are formatted and
//! whether they are written is for the command.

mod rows;
mod spacing;

use std::fmt;

use crate::syntax::{self, Kind, Places, Sketch, tree::File};

/// Why a file was left as it is: formatting it would have changed more than its layout. That is
/// our mistake, whatever the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFormatted {
    /// What would have changed.
    pub changed: Change,
}

/// What formatting must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// What the file says.
    Meaning,
    /// Its comments, or their order.
    Comments,
    /// Its own result, when run once more.
    Itself,
}

impl fmt::Display for NotFormatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.changed {
            Change::Meaning => "what the file says",
            Change::Comments => "its comments",
            Change::Itself => "its own result",
        };
        write!(f, "internal error: formatting would change {what}; the file is left alone, ")?;
        f.write_str("please report it together with the file")
    }
}

impl std::error::Error for NotFormatted {}

/// The text of `file`, which was read from `text`, in the one layout. Regions that could not be
/// read stay as they are; if the layout of the others hangs on these, on a brace for one, all does.
pub fn format(text: &str, file: &File) -> Result<String, NotFormatted> {
    if text.len() > syntax::MAX_BYTES {
        return Ok(text.to_owned());
    }
    let (_, before) = Sketch::new(file.file, text);
    match laid_out(text, file, &before) {
        Err(_) if before.has_errors() => Ok(text.to_owned()),
        tidy => tidy,
    }
}

fn laid_out(text: &str, file: &File, before: &Sketch) -> Result<String, NotFormatted> {
    let tidy = rows::lay_out(text, before);
    let (tree, after) = Sketch::new(file.file, &tidy);
    let same_tree = syntax::dump(&tree, Places::Hidden) == syntax::dump(file, Places::Hidden);
    let refuse = |changed| Err(NotFormatted { changed });
    if !same_tree || words(text, before) != words(&tidy, &after) {
        return refuse(Change::Meaning);
    }
    if comments(text, before) != comments(&tidy, &after) {
        return refuse(Change::Comments);
    }
    if rows::lay_out(&tidy, &after) != tidy {
        return refuse(Change::Itself);
    }
    Ok(tidy)
}

/// All that is not layout or comment.
fn words(text: &str, sketch: &Sketch) -> Vec<String> {
    let pieces = sketch.pieces.iter();
    let words = pieces.filter(|piece| !matches!(piece.kind, Kind::Newline | Kind::Comment));
    words.map(|piece| spacing::with_newlines(piece.of(text)).trim_end().to_owned()).collect()
}

fn comments<'a>(text: &'a str, sketch: &Sketch) -> Vec<&'a str> {
    let pieces = sketch.pieces.iter();
    let comments = pieces.filter(|piece| piece.kind == Kind::Comment);
    comments.map(|piece| piece.of(text).trim_end()).collect()
}

#[cfg(test)]
mod tests;
