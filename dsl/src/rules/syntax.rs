//! What the reader finds before meaning is looked at.
//!
//! Owns the pages of these rules; their words are in [`crate::syntax`].

use super::{Example, Rule, one};
use crate::diagnostic::Severity;

/// Text that does not follow the grammar.
pub const SYNTAX: Rule = Rule {
    code: crate::syntax::SYNTAX,
    name: "syntax",
    severity: Severity::Error,
    title: "the text does not follow the grammar",
    doc: "One statement a line, blocks between `{` at a line's end and `}` on its own line, names \
          of letters, digits, `_` and `-`. A broken statement or declaration hides nothing in the \
          others: each of them has its own finding.",
    bad: one("role coder {\n  rotue sonnet -> gpt\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n}\n"),
    check: None,
};

/// Bytes and characters that do not belong into a text file.
pub const CHARACTERS: Rule = Rule {
    code: crate::syntax::CHARACTERS,
    name: "characters",
    severity: Severity::Error,
    title: "a file holds bytes or characters that are not text",
    doc: "Route files are UTF-8 without control characters, so that every editor, terminal and \
          review shows the same text. Save the file as UTF-8; write a tab in a string as `\\t`.",
    bad: Example { text: "", beside: &[("routes/latin1.sfr", b"# caf\xe9\n")] },
    good: Example { text: "", beside: &[("routes/utf8.sfr", b"# caf\xc3\xa9\n")] },
    check: None,
};

/// A text's line that is indented less than its closing quotes.
pub const INDENT: Rule = Rule {
    code: crate::syntax::INDENT,
    name: "indent",
    severity: Severity::Error,
    title: "a line of a text is indented less than its closing quotes",
    doc: "The indentation of the closing `\"\"\"` is taken off every line of the text, so that a \
          text can be indented with its role. A line with less of it cannot lose as much.",
    bad: one(
        "role coder {\n  system \"\"\"\n  Write code.\n    \"\"\"\n  route sonnet -> gpt\n}\n",
    ),
    good: one(
        "role coder {\n  system \"\"\"\n    Write code.\n    \"\"\"\n  route sonnet -> gpt\n}\n",
    ),
    check: None,
};
