//! What is wrong with a condition.
//!
//! Owns the words of these findings; what leads to them is in the modules that read.

use std::ops::Range;

use super::{Problem, SYNTAX};
use crate::diagnostic::{Diagnostic, Edit};
use crate::span::Span;

/// The finding, or the problem if it is of another kind.
pub(super) fn say(problem: Problem, span: Span) -> Result<Diagnostic, Problem> {
    let place = |range: Range<usize>| Span::new(span.file, range);
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    Ok(match problem {
        Problem::DeepCondition { limit } => {
            syntax(format!("conditions are nested more than {limit} deep"))
                .help("`a and b and c` needs no parentheses; name parts of it in several `when`")
        }
        Problem::OpenParenthesis { mend_at } => syntax("this `(` is not closed".to_owned())
            .help("write `)` after what it groups")
            .fix("insert `)`", place(mend_at..mend_at), ")"),
        Problem::StrayParenthesis => syntax("this `)` closes nothing".to_owned())
            .help("remove it, or look for a `(` that is missing before it")
            .fix("remove the `)`", span, ""),
        Problem::Chained => syntax("comparisons do not chain".to_owned())
            .help("join two: `tokens >= 1_000 and tokens < 5_000`"),
        Problem::JoinedByComma => syntax("conditions are not joined by `,`".to_owned())
            .help("write `and` where all must hold, `or` where one is enough"),
        Problem::NotJoined { left, right } => {
            syntax(format!("`and` or `or` is missing between {left} and {right}"))
                .help("write `and` where both must hold, `or` where one is enough")
        }
        Problem::NotCompared { left, right, mend_at } => {
            let found = syntax(format!("nothing compares {left} with {right}"))
                .help("facts are compared by `==`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)` or `matches \"…\"`");
            match mend_at {
                Some(at) => found.fix("compare by `==`", place(at..at), " =="),
                None => found,
            }
        }
        Problem::Turned { mend } => syntax("a comparison begins with its fact".to_owned())
            .help(format!("write `{mend}`"))
            .fix(format!("write `{mend}`"), span, mend),
        Problem::LateNot { first, not } => {
            let mut found = syntax("`not` stands before its condition".to_owned())
                .help("write `not client in (…)`, or `!=` for one value")
                .fix("move `not` to the front", place(first..first), "not ");
            if let Some(fix) = &mut found.fix {
                fix.edits.push(Edit { span: place(not), text: String::new() });
            }
            found
        }
        Problem::PartOfText { written, glob, mend } => {
            let found = syntax(format!("there is no `{written}`"))
                .help(format!("compare the whole text with a pattern: `{glob}`"));
            match mend {
                Some(mend) => found.fix(format!("write `{glob}`"), place(mend), glob),
                None => found,
            }
        }
        Problem::BareList { mend } => {
            let mut found = syntax("the values after `in` stand between `(` and `)`".to_owned())
                .help("write `in (A, B)`")
                .fix("insert `(` and `)`", place(mend.start..mend.start), "(");
            if let Some(fix) = &mut found.fix {
                fix.edits.push(Edit { span: place(mend.end..mend.end), text: ")".to_owned() });
            }
            found
        }
        other => return Err(other),
    })
}
