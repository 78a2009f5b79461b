//! The pieces of one statement as text.
//!
//! Owns the blanks between them and the lines that the author broke it into; columns are for
//! [`super::rows`].

use std::borrow::Cow;

use crate::syntax::{Kind, Piece};

/// `pieces` with their blanks. A statement goes on where its author broke it after a joint, with
/// `indent` before the next line.
pub(crate) fn joined(text: &str, pieces: &[Piece], indent: &str) -> String {
    let mut out = String::new();
    let mut before: Option<Piece> = None;
    let mut broken = false;
    for piece in pieces {
        match piece.kind {
            Kind::Newline => broken = true,
            Kind::Comment => {
                out.push_str(&if broken { format!("\n{indent}") } else { "  ".to_owned() });
                out.push_str(piece.of(text).trim_end());
                broken = true;
            }
            _ => {
                if broken && before.is_some() {
                    out.push('\n');
                    out.push_str(indent);
                } else if before.is_some_and(|before| is_parted(text, before, *piece)) {
                    out.push(' ');
                }
                out.push_str(&with_newlines(piece.of(text)));
                before = Some(*piece);
                broken = false;
            }
        }
    }
    out
}

/// Whether a blank stands between two pieces.
fn is_parted(text: &str, left: Piece, right: Piece) -> bool {
    // A model's id takes in all but a blank.
    if left.kind == Kind::Word && left.of(text).contains('/') {
        return true;
    }
    let opens = left.kind == Kind::Operator && left.of(text) == "(";
    let closes = right.kind == Kind::Operator && right.of(text) == ")";
    let tight = matches!(right.kind, Kind::Comma | Kind::Range) || left.kind == Kind::Range;
    !(tight || opens || closes)
}

/// `text` with LF for CRLF.
pub(crate) fn with_newlines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}
