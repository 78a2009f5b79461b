//! Everything that can be wrong with a text before its meaning is looked at, and how it is said.
//!
//! Owns the words of the syntax findings; what leads to them is in the modules that read.

use std::ops::Range;

use crate::diagnostic::{Code, Diagnostic};
use crate::span::{FileId, Span};

/// Text that does not follow the grammar.
pub const SYNTAX: Code = Code("SFR001");
/// Characters that do not belong into a text file.
pub const CHARACTERS: Code = Code("SFR002");
/// A text's line that is indented less than its closing quotes.
pub const INDENT: Code = Code("SFR003");

/// What is wrong.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// Ours: the grammar should take every text.
    Internal {
        cause: String,
    },
    TooLarge {
        limit: usize,
    },
    NotUtf8,
    Control {
        character: char,
    },
    TabInString,
    Stray {
        written: String,
    },
    OpenString,
    OpenText,
    TextIndent,
    Escape,
    OpenHole,
    HoleName,
    /// With the mended spelling, where that is certain.
    Scalar {
        why: &'static str,
        help: &'static str,
        mend: Option<String>,
    },
    NameLetters {
        written: String,
    },
    QuotedName {
        what: &'static str,
        name: String,
    },
    StrayClose,
    OpenBlock {
        header: String,
        mend_at: usize,
        mend: String,
    },
    MissingOpen {
        header: String,
        mend_at: usize,
    },
    LateOpen {
        mend: Range<usize>,
    },
    AfterClose {
        mend: Range<usize>,
    },
    TooDeep {
        limit: usize,
    },
    LeadingJoint {
        joint: String,
    },
    Unknown {
        what: &'static str,
        written: String,
        nearest: Option<&'static str>,
        known: String,
    },
    NotAWord {
        what: &'static str,
        known: String,
    },
    Unsupported {
        what: String,
    },
    Misplaced {
        keyword: &'static str,
        belongs: &'static str,
    },
    Missing {
        what: String,
        after: String,
    },
    Expected {
        what: String,
        found: String,
    },
    Extra {
        found: String,
    },
    SecondStatement {
        mend: Range<usize>,
    },
    ModeLast {
        mode: String,
        mend: (usize, Range<usize>),
    },
    StrayEquals,
    MissingEquals {
        name: String,
    },
    MissingArrow {
        left: String,
        right: String,
        mend_at: usize,
    },
    MissingComma {
        left: String,
        right: String,
        mend_at: usize,
    },
    DanglingComma,
    QuotedModel {
        inner: String,
    },
    NoBlock {
        header: String,
    },
    NeedlessBlock {
        header: String,
    },
}

/// Where the findings of one file go.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) file: FileId,
    pub(crate) findings: Vec<Diagnostic>,
    /// Where the text does not follow the grammar; what only a later version reads does.
    pub(crate) broken: Vec<Range<usize>>,
}

impl Report {
    pub(crate) fn new(file: FileId) -> Self {
        Self { file, findings: Vec::new(), broken: Vec::new() }
    }

    /// Adds the finding that `problem` is there.
    pub(crate) fn push(&mut self, problem: Problem, range: Range<usize>) {
        if !matches!(problem, Problem::Unsupported { .. } | Problem::TextIndent) {
            self.broken.push(range.clone());
        }
        let finding = diagnostic(problem, self.file, range);
        self.findings.push(finding);
    }
}

fn diagnostic(problem: Problem, file: FileId, range: Range<usize>) -> Diagnostic {
    let span = Span::new(file, range.clone());
    let place = |range: Range<usize>| Span::new(file, range);
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    match problem {
        Problem::Control { .. } | Problem::TabInString | Problem::NotUtf8 => {
            character(problem, span)
        }
        Problem::StrayClose
        | Problem::OpenBlock { .. }
        | Problem::MissingOpen { .. }
        | Problem::LateOpen { .. }
        | Problem::AfterClose { .. }
        | Problem::TooDeep { .. }
        | Problem::NoBlock { .. }
        | Problem::NeedlessBlock { .. } => block(problem, span),
        Problem::Stray { .. }
        | Problem::OpenString
        | Problem::OpenText
        | Problem::TextIndent
        | Problem::Escape
        | Problem::OpenHole
        | Problem::HoleName
        | Problem::Scalar { .. }
        | Problem::NameLetters { .. }
        | Problem::QuotedName { .. }
        | Problem::QuotedModel { .. } => piece(problem, span),
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
        Problem::Unsupported { what } => syntax(format!("this version does not support {what} yet"))
            .help("leave it out, or use a later version"),
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
                fix.edits.push(crate::diagnostic::Edit { span: place(remove), text: String::new() });
            }
            found
        }
        Problem::StrayEquals => syntax("no `=` belongs here".to_owned())
            .help("a keyword and its value stand side by side; only `let`, `model` and `prompt` take a `=`")
            .fix("remove the `=`", span, ""),
        Problem::MissingEquals { name } => syntax(format!("`=` is missing after {name}"))
            .help("write `NAME = VALUE`")
            .fix("insert `=`", place(range.start..range.start), "= "),
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
    }
}

fn character(problem: Problem, span: Span) -> Diagnostic {
    let found = |message: String| Diagnostic::error(CHARACTERS, span, message);
    match problem {
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
        _ => found("a character that does not belong here".to_owned()),
    }
}

fn piece(problem: Problem, span: Span) -> Diagnostic {
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    match problem {
        Problem::OpenString => syntax("this string is not closed".to_owned()).help(
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
        Problem::NameLetters { written } => {
            syntax(format!("`{written}` is not a name")).help(
                "a name starts with a letter or `_` and goes on with letters, digits, `_` and `-`, all of ASCII",
            )
        }
        Problem::QuotedName { what, name } => {
            let found = syntax(format!("{what} is not written in quotes"));
            if super::words::is_ident(&name) {
                found.help(format!("write `{name}`")).fix(format!("write `{name}`"), span, name)
            } else {
                found.help("only a role may have a name in quotes; write letters, digits, `_` and `-`")
            }
        }
        Problem::QuotedModel { inner } => syntax("a model is not written in quotes".to_owned())
            .help(format!("write `{inner}`"))
            .fix(format!("write `{inner}`"), span, inner),
        Problem::Stray { written } => stray(&written, span),
        _ => syntax("this does not belong here".to_owned()),
    }
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
        "$" => found.help("an amount of money is written `$0.05`; `${NAME}` stands inside strings"),
        _ => found.help("remove it"),
    }
}

fn block(problem: Problem, span: Span) -> Diagnostic {
    let syntax = |message: String| Diagnostic::error(SYNTAX, span, message);
    let place = |range: Range<usize>| Span::new(span.file, range);
    match problem {
        Problem::StrayClose => syntax("this `}` closes nothing".to_owned())
            .help("remove it, or look for a `{` that is missing before it")
            .fix("remove the `}`", span, ""),
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
        _ => syntax("this block is not well formed".to_owned()),
    }
}
