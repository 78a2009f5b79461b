//! A declaration or statement that lacks what it needs.
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
    title: "a declaration or statement lacks something",
    doc: "A provider needs a `protocol`, which says how to talk to it, and a `base_url`, which \
          says where it is (only `bedrock` and `demo` know that themselves); neither is guessed \
          from its name. A client needs a `key`, or nobody could call as it. A `retry` over 0 \
          needs `on`, which says after which failures. A test needs an `ask` and an `expect`, \
          and a promise about costs both sizes of the request: `for tokens 8_000, max_tokens \
          1_000`.",
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

/// A client without a key.
pub fn client(name: &Name) -> Diagnostic {
    let message = format!("client `{}` has no `key`", name.text);
    Diagnostic::error(RULE.code, name.span, message)
        .help("write `key secret \"…\"` or `key env \"…\"` in it")
}

/// A test without `ask` or `expect`.
pub fn test(span: Span, what: &str) -> Diagnostic {
    let help = match what {
        "ask" => "write `ask ROLE` in it",
        _ => "write `expect answer from MODEL` in it",
    };
    Diagnostic::error(RULE.code, span, format!("this test has no `{what}`")).help(help)
}

/// A promise about costs that does not say of which request.
pub fn cost(span: Span) -> Diagnostic {
    Diagnostic::error(RULE.code, span, "the promise does not say what the request is like")
        .help("write both sizes: `for tokens 8_000, max_tokens 1_000`")
}
