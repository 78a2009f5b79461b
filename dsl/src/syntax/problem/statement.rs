//! What is wrong with a file or a statement.
//!
//! Owns the words of these findings; what leads to them is in the modules that read.

use std::ops::Range;

use super::{Problem, SYNTAX};
use crate::diagnostic::{Diagnostic, Edit};
use crate::span::Span;

/// The finding.
pub(super) fn say(problem: Problem, span: Span) -> Diagnostic {
    let start = span.range().start;
    let place = |range: Range<usize>| Span::new(span.file, range);
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    match problem {
        Problem::Internal { cause } => syntax(format!("internal error: the grammar gave up: {cause}"))
            .help("this is a mistake of sfai's; please report it together with the file"),
        Problem::TooLarge { limit } => syntax(format!("the file is over {limit} bytes"))
            .help("split it: all files of the folder are one program"),
        Problem::LeadingJoint { joint } => syntax(format!("a line cannot begin with `{joint}`"))
            .help(format!("end the line before with `{joint}`; a statement is broken after it")),
        Problem::Unknown { what, written, nearest, known } => {
            let found = syntax(format!("unknown {what} `{written}`"));
            match nearest {
                Some(word) => found
                    .help(format!("did you mean `{word}`?"))
                    .fix(format!("write `{word}`"), span, word),
                None => found.help(format!("known here: {known}")),
            }
        }
        Problem::NotAWord { what, known } => {
            syntax(format!("a {what} begins with a keyword")).help(format!("known here: {known}"))
        }
        Problem::Misplaced { keyword, belongs } => syntax(format!("`{keyword}` does not belong here"))
            .help(format!("it belongs {belongs}")),
        Problem::Missing { what, after } => {
            syntax(format!("{what} is missing after {after}")).help(format!("write {what} there"))
        }
        Problem::Expected { what, found } => syntax(format!("expected {what}, found {found}"))
            .help(format!("write {what} here")),
        Problem::Extra { found } => syntax(format!("nothing more belongs here, but there is {found}"))
            .help("remove it, or write it on a line of its own if it is another statement"),
        Problem::SecondStatement { mend } => syntax("a second statement on one line".to_owned())
            .help("write one statement a line")
            .fix("begin a new line", place(mend), "\n"),
        Problem::ModeLast { mode, mend: (at, remove) } => {
            let mut found = syntax(format!("`{mode}` stands after the prompts"))
                .help(format!("write it first: `system {mode} …`"))
                .fix(format!("write `{mode}` first"), place(at..at), format!("{mode} "));
            if let Some(fix) = &mut found.fix {
                fix.edits.push(Edit { span: place(remove), text: String::new() });
            }
            found
        }
        Problem::UnknownMode { written, nearest } => {
            let found = syntax(format!("unknown mode `{written}`"));
            let known = "the modes of `system` are `prepend`, `append` and `replace`";
            match nearest {
                Some(mode) => found
                    .help(format!("did you mean `{mode}`? {known}"))
                    .fix(format!("write `{mode}`"), span, mode),
                None => found.help(known),
            }
        }
        Problem::LateKeyword { keyword } => {
            syntax(format!("`{keyword}` does not stand first in its statement"))
                .help(format!("write `{keyword}` at the start of the line"))
        }
        Problem::LateFact { fact, mend } => {
            syntax(format!("`{fact}` belongs before the name that it asks for"))
                .help(format!("write `{mend}`"))
                .fix(format!("write `{mend}`"), span, mend)
        }
        Problem::StrayEquals => syntax("no `=` belongs here".to_owned())
            .help("a keyword and its value stand side by side; only `let`, `model` and `prompt` take a `=`")
            .fix("remove the `=`", span, ""),
        Problem::MissingEquals { name } => syntax(format!("`=` is missing after {name}"))
            .help("write `NAME = VALUE`")
            .fix("insert `=`", place(start..start), "= "),
        Problem::MissingArrow { left, right, mend_at } => {
            syntax(format!("`->` is missing between {left} and {right}"))
                .help("a chain is written `A -> B -> C`")
                .fix("insert `->`", place(mend_at..mend_at), " ->")
        }
        Problem::MissingComma { left, right, mend_at } => {
            syntax(format!("`,` is missing between {left} and {right}"))
                .help("what a statement lists is parted by commas")
                .fix("insert `,`", place(mend_at..mend_at), ",")
        }
        Problem::DanglingComma => syntax("nothing follows this `,`".to_owned())
            .help("remove it, or write what comes next")
            .fix("remove the `,`", span, ""),
        Problem::BrokenLine { mend } => {
            let found = syntax("a statement goes on only after `->`, `|` or `,`".to_owned())
                .help("write the condition on one line with what it guards");
            match mend {
                Some(mend) => found.fix("join the lines", place(mend), " "),
                None => found,
            }
        }
        Problem::LeftOut { word, before } => syntax(format!("`{word}` is missing before {before}"))
            .help(format!("write `{word}` there"))
            .fix(format!("insert `{word}`"), place(start..start), format!("{word} ")),
        Problem::Habit { written, meant, mend } => {
            syntax(format!("`{written}` is written `{meant}` here"))
                .help(format!("write `{meant}`"))
                .fix(format!("write `{meant}`"), span, mend)
        }
        Problem::WantsQuotes { name } => syntax(format!("`{name}` is written in quotes here"))
            .help(format!("write `\"{name}\"`"))
            .fix(format!("write `\"{name}\"`"), span, format!("\"{name}\"")),
        // All others have been said by kind.
        _ => syntax("this does not belong here".to_owned()),
    }
}
