//! What is wrong with a draw.
//!
//! Owns the words of these findings; what leads to them is in [`crate::syntax::route`].

use super::{Problem, SYNTAX};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

const DRAW: &str = "the first link may be drawn: `90% A | 10% B -> C`";

/// The finding, or the problem if it is of another kind.
pub(super) fn say(problem: Problem, span: Span) -> Result<Diagnostic, Problem> {
    let syntax = |message: &str| Diagnostic::error(SYNTAX, span, message).help(DRAW);
    let start = span.range().start;
    let before = Span::new(span.file, start..start);
    Ok(match problem {
        Problem::MissingShare { mend } => {
            let found = syntax("a link beside `|` has no share");
            match mend {
                Some(rest) => found.fix(format!("write `{rest}%`"), before, format!("{rest}% ")),
                None => found,
            }
        }
        Problem::LateShare { mend } => syntax("a share stands before its model").fix(
            format!("write `{mend}`"),
            span,
            mend,
        ),
        Problem::MissingPipe { mend } => syntax("the links of a draw are joined by `|`").fix(
            "insert `|`",
            Span::new(span.file, mend),
            " |",
        ),
        Problem::LateWeight => syntax("no share or `|` belongs after `->`").help(
            "only the first link is drawn; write `90% A | 10% B -> C`, and after `->` one model each",
        ),
        other => return Err(other),
    })
}
