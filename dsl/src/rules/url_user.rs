//! A user part in a URL.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR022"),
    name: "url-user",
    severity: Severity::Error,
    title: "a URL names a user",
    doc: "`https://user:password@host` writes a password into a file that many read, and HTTP \
          clients treat it each in their own way. Give the key with `api_key`, and anything else \
          with `header`.",
    bad: one(
        "env dev {\n  provider openai {\n    base_url \"https://me:word@proxy.example/v1\"\n  }\n}\n",
    ),
    good: one(
        "env dev {\n  provider openai {\n    base_url \"https://proxy.example/v1\"\n  }\n}\n",
    ),
    check: None,
};

/// The finding; `span` is the user part, which is not shown.
pub fn finding(span: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, span, "the URL names a user")
        .help("take the part before `@` away, and name the key with `api_key`")
}
