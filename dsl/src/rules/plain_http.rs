//! A base URL that is not https.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR023"),
    name: "plain-http",
    severity: Severity::Error,
    title: "a provider is asked over plain http",
    doc: "Over plain http the key and the whole conversation can be read on the way. Loopback \
          (`localhost`, `127.0.0.0/8`, `[::1]`) never leaves the machine and is fine; where a \
          trusted network is meant, the provider says `allow plain_http`.",
    bad: one("env dev {\n  provider openai {\n    base_url \"http://proxy.example/v1\"\n  }\n}\n"),
    good: one("env dev {\n  provider openai {\n    base_url \"http://proxy.example/v1\"\n    \
               allow plain_http\n  }\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(span: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, span, "the base URL is neither https nor loopback")
        .help("write https, or `allow plain_http` in the provider if that is meant")
}
