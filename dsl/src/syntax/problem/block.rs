//! What is wrong with a block.
//!
//! Owns the words of these findings; what leads to them is in the modules that read.

use std::ops::Range;

use super::{Problem, SYNTAX};
use crate::diagnostic::{Diagnostic, Edit};
use crate::span::Span;

/// The finding, or the problem if it is of another kind.
pub(super) fn say(problem: Problem, span: Span) -> Result<Diagnostic, Problem> {
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    let place = |range: Range<usize>| Span::new(span.file, range);
    Ok(match problem {
        Problem::StrayClose => syntax("this `}` closes nothing".to_owned())
            .help("remove it, or look for a `{` that is missing before it")
            .fix("remove the `}`", span, ""),
        Problem::NotABrace { written, brace } => {
            syntax(format!("blocks stand between braces, not `{written}`"))
                .help(format!("write `{brace}`"))
                .fix(format!("write `{brace}`"), span, brace)
        }
        Problem::LateName { written, mend } => {
            syntax(format!("`{written}` belongs before the `{{`"))
                .help(format!("write `{mend}`"))
                .fix(format!("write `{mend}`"), span, mend)
        }
        Problem::NoHeader { meant: Some(meant) } => {
            let start = span.range().start;
            syntax(format!("`{meant}` is missing before this `{{`"))
                .help(format!("write `{meant} {{`"))
                .fix(format!("insert `{meant}`"), place(start..start), format!("{meant} "))
        }
        Problem::NoHeader { meant: None } => syntax("this block has no header".to_owned())
            .help("write what it declares before its `{`, as in `role NAME {`"),
        Problem::BlockOfEntries { header, mend } => {
            let found = syntax(format!("`{header}` takes no block"));
            match mend {
                Some((range, text)) => found
                    .help(format!("write `{text}`"))
                    .fix("write it on one line", place(range), text),
                None => found.help(format!(
                    "its keys and values stand on its line, as in `{header} KEY VALUE, KEY VALUE`"
                )),
            }
        }
        Problem::OpenBlock { header, mend_at, mend } => {
            syntax(format!("the block of `{header}` is not closed"))
                .help("write `}` on a line of its own after its last statement")
                .fix("insert `}`", place(mend_at..mend_at), mend)
        }
        Problem::MissingOpen { header, mend_at } => {
            syntax(format!("`{{` is missing after `{header}`"))
                .help("a block starts with `{` on the line of its header")
                .fix("insert `{`", place(mend_at..mend_at), " {")
        }
        Problem::LateOpen { mend } => syntax("this `{` stands on a line of its own".to_owned())
            .help("a block starts on the line of its header")
            .fix("move it up", place(mend), " {"),
        Problem::AfterClose { mend } => syntax("something follows a `}` on its line".to_owned())
            .help("begin a new line after `}`")
            .fix("begin a new line", place(mend), "\n"),
        Problem::TooDeep { limit } => syntax(format!("blocks are nested more than {limit} deep"))
            .help("nothing in the language needs that"),
        Problem::NoBlock { header } => syntax(format!("`{header}` has no block"))
            .help("write what it holds between `{` and `}`"),
        Problem::NeedlessBlock { header } => {
            syntax(format!("`{header}` takes no block")).help("remove the block")
        }
        Problem::NoGuardBlock { keyword, mend } => {
            let found = syntax(format!("what a `when` guards with `{keyword}` stands in a block"))
                .help(format!("write `when COND {{ {keyword} … }}`"));
            let Some((start, end)) = mend else { return Ok(found) };
            let mut found = found.fix("write a block", place(start..start), "{ ");
            if let Some(fix) = &mut found.fix {
                fix.edits.push(Edit { span: place(end..end), text: " }".to_owned() });
            }
            found
        }
        Problem::NotGuarded { keyword: "route" } => {
            syntax("`route` does not belong into a block of `when`".to_owned())
                .help("write `when COND route …` on one line, without a block")
        }
        Problem::NotGuarded { keyword: "when" } => {
            syntax("a `when` does not belong into another".to_owned())
                .help("join the conditions with `and`")
        }
        Problem::NotGuarded { keyword } => {
            syntax(format!("`{keyword}` does not belong into a block of `when`")).help(
                "such a block holds `set`, `system` and `timeout`; all else stands in the role itself",
            )
        }
        Problem::OtherwiseBlock => syntax("`otherwise` guards only a `route`".to_owned()).help(
            "write `otherwise route …`; what holds where no `when` changes it stands in the role itself",
        ),
        other => return Err(other),
    })
}
