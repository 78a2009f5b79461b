//! A provider or statement that lacks what it needs.
//!
//! Owns this one rule; a role without a route has its own.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR015"),
    name: "incomplete",
    severity: Severity::Error,
    title: "a provider or statement lacks something",
    doc: "A provider needs a `protocol`, which says how to talk to it, and a `base_url`, which \
          says where it is; neither is guessed from its name. A `retry` over 0 needs `on`, which \
          says after which failures.",
    bad: one("provider local {\n  base_url \"http://127.0.0.1:11434/v1\"\n}\n\n\
              model llama = local/llama-3.3 {\n  context 128_000\n}\n\n\
              role coder {\n  route sonnet -> gpt -> llama\n}\n"),
    good: one(
        "provider local {\n  protocol openai\n  base_url \"http://127.0.0.1:11434/v1\"\n}\n\n\
               model llama = local/llama-3.3 {\n  context 128_000\n}\n\n\
               role coder {\n  route sonnet -> gpt -> llama\n}\n",
    ),
    check: None,
};

/// A provider without some of what it needs.
pub fn provider(name: &Name, missing: &[&str]) -> Diagnostic {
    let lacks: Vec<_> = missing.iter().map(|what| format!("`{what}`")).collect();
    let message = format!("provider `{}` has no {}", name.text, lacks.join(" and no "));
    let examples = missing.iter().map(|what| match *what {
        "protocol" => "`protocol openai`",
        _ => "`base_url \"https://…\"`",
    });
    let help = format!("write {} in it", examples.collect::<Vec<_>>().join(" and "));
    Diagnostic::error(RULE.code, name.span, message).help(help)
}

/// A `retry` that does not say on what.
pub fn retry(span: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, span, "`retry` does not say after which failures")
        .help("write `on network, rate_limit, overloaded, server_error`, or those of them you mean")
}
