//! The same name, statement or key twice.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR012"),
    name: "duplicate",
    severity: Severity::Error,
    title: "something is written twice",
    doc: "The order of files and of declarations means nothing, so of two declarations of one \
          name, two statements of one kind in a block, or two values of one key, neither can win. \
          Both places are shown; take one away.\n\n`defaults` stands once in a program. The \
          blocks of one `env` add up, and what they say together may say each thing once. \
          `timeout`, `set` and `limit` may stand several times in a block, each key once. The \
          arms of a role in an `env` stand in one block of it, since their order means \
          something; its guarded blocks likewise. Two names for one model are fine as long as their blocks give it the same facts.",
    bad: one(
        "role coder {\n  route sonnet -> gpt\n}\n\nrole \"coder\" {\n  route gpt -> haiku\n}\n",
    ),
    good: one("role coder {\n  route sonnet -> gpt\n}\n\nrole writer {\n  route gpt -> haiku\n}\n"),
    check: None,
};

/// A second declaration of a name.
pub fn name(keyword: &str, first: &Name, second: &Name) -> Diagnostic {
    let message = format!("{keyword} `{}` is declared twice", second.text);
    Diagnostic::error(RULE.code, second.span, message)
        .help("rename one of them or take it away")
        .related(first.span, "it is declared here first")
}

/// A second statement or key.
pub fn statement(what: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, second, format!("`{what}` is written twice"))
        .help("take one of them away")
        .related(first, "it is written here first")
}

/// Arms or guarded blocks in several blocks of one environment.
pub fn in_blocks(what: &str, first: Span, second: Span) -> Diagnostic {
    let message = format!("{what} stand in two blocks of one environment");
    Diagnostic::error(RULE.code, second, message)
        .help("write them in one block: their order means something, that of the blocks does not")
        .related(first, "they begin here")
}

/// A second `defaults`.
pub fn defaults(first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, second, "`defaults` is written twice")
        .help("a program has one: move the statements of one into the other")
        .related(first, "it is written here first")
}

/// A constant with the name of the environment.
pub fn let_env(span: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, span, "`env` already names the environment")
        .help("give the constant another name")
}

/// Two aliases of one model with different facts.
pub fn facts(key: &str, first: &Name, second: &Name) -> Diagnostic {
    let message = format!("`{}` and `{}` give `{key}` different facts", first.text, second.text);
    Diagnostic::error(RULE.code, second.span, message)
        .help("give both the same block, or use one name")
        .related(first.span, "the other name of the same model")
}
