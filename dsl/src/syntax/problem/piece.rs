//! What is wrong with a character, string, number or name.
//!
//! Owns the words of these findings; what leads to them is in the modules that read.

use super::{CHARACTERS, INDENT, OPEN_STRING, Problem, SYNTAX};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// The finding, or the problem if it is of another kind.
pub(super) fn say(problem: Problem, span: Span) -> Result<Diagnostic, Problem> {
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    let found = |message: String| Diagnostic::error(CHARACTERS, span, message);
    Ok(match problem {
        Problem::OpenString => syntax(OPEN_STRING.to_owned()).help(
            "write `\"` at its end; a string stays on one line, a text of several lines stands between `\"\"\"`",
        ),
        Problem::OpenText => syntax("this text is not closed".to_owned())
            .help("write `\"\"\"` on a line of its own after its last line"),
        Problem::TextIndent => Diagnostic::error(
            INDENT,
            span,
            "this line is indented less than the closing quotes of its text",
        )
        .help("indent the line, or the closing `\"\"\"` less: their indentation is taken off every line"),
        Problem::Escape => syntax("no such escape".to_owned())
            .help("strings take `\\\"` `\\\\` `\\/` `\\b` `\\f` `\\n` `\\r` `\\t` and `\\u` with four hex digits"),
        Problem::OpenHole => syntax("this `${` is not closed".to_owned())
            .help("write `${NAME}`, or `$${` for a literal `${`")
            .fix("write a literal `${`", span, "$${"),
        Problem::HoleName => syntax("this is not a name".to_owned())
            .help("between `${` and `}` stands `env` or the name of a `let`; a literal `${` is written `$${`"),
        Problem::Scalar { why, help, mend } => {
            let found = syntax(why.to_owned()).help(help);
            match mend {
                Some(text) => found.fix(format!("write `{text}`"), span, text),
                None => found,
            }
        }
        Problem::UnknownUnit { unit, mend } => {
            let found = syntax(format!("unknown unit `{unit}`"));
            let known = "units are `ms`, `s`, `m` and `h`, `%`, and `KiB`, `MiB` and `GiB`";
            match mend {
                Some(text) => found
                    .help(format!("write `{text}`; {known}"))
                    .fix(format!("write `{text}`"), span, text),
                None => found.help(known),
            }
        }
        Problem::SeveralUnits { mend } => {
            syntax("a duration has one unit".to_owned()).help(format!("write `{mend}`")).fix(
                format!("write `{mend}`"),
                span,
                mend,
            )
        }
        Problem::NameLetters { written } => {
            syntax(format!("`{written}` is not a name")).help(
                "a name starts with a letter or `_` and goes on with letters, digits, `_` and `-`, all of ASCII",
            )
        }
        Problem::QuotedName { what, name } => {
            let found = syntax(format!("{what} is not written in quotes"));
            if crate::syntax::words::is_ident(&name) {
                found.help(format!("write `{name}`")).fix(format!("write `{name}`"), span, name)
            } else {
                found.help("only a role may have a name in quotes; write letters, digits, `_` and `-`")
            }
        }
        Problem::QuotedModel { inner } => syntax("a model is not written in quotes".to_owned())
            .help(format!("write `{inner}`"))
            .fix(format!("write `{inner}`"), span, inner),
        Problem::Stray { written } => stray(&written, span),
        Problem::NotUtf8 => {
            found("not UTF-8".to_owned()).help("save the file in the UTF-8 encoding")
        }
        Problem::TabInString => found("a raw tab in a string".to_owned()).help("write `\\t`").fix(
            "write `\\t`",
            span,
            "\\t",
        ),
        Problem::Control { character } => {
            found(format!("control character U+{:04X}", u32::from(character)))
                .help("remove it, and whatever came with it on this line")
                .fix("remove it", span, "")
        }
        other => return Err(other),
    })
}

/// Characters that belong nowhere; those that editors and other languages put there are known.
fn stray(written: &str, span: Span) -> Diagnostic {
    let found = Diagnostic::error(SYNTAX, span, format!("`{written}` does not belong here"));
    match written {
        "→" => found.help("write `->`").fix("write `->`", span, "->"),
        ";" => found.help("a statement ends with its line").fix("remove it", span, ""),
        ":" => found.help("a keyword and its value stand side by side").fix("remove it", span, ""),
        "'" | "‘" | "’" | "“" | "”" | "`" => found.help("a string stands between `\"`"),
        "//" | "/*" => found.help("a comment starts with `#`"),
        "\u{a0}" | "\u{3000}" => {
            Diagnostic { message: "not an ordinary blank".to_owned(), ..found }
                .help("write a space")
                .fix("write a space", span, " ")
        }
        "&" => found.help("conditions are joined by `and`").fix("write `and`", span, "and"),
        "~" => found.help("a text is compared with a pattern by `matches \"…\"`"),
        "[" | "]" => found.help("a list stands between `(` and `)`"),
        "." => found.help(
            "a number begins with a digit, as in `0.5`; a fact's name stands in quotes, as in `header \"x\"`",
        ),
        "$" => found.help("an amount of money is written `$0.05`; `${NAME}` stands inside strings"),
        _ => found.help("remove it"),
    }
}
