//! A condition that cannot be evaluated.
//!
//! Owns this one rule; a fact that the language does not have is an unknown name, a value of
//! another kind has a rule of its own.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;
use crate::syntax::tree::Operator;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR026"),
    name: "condition",
    severity: Severity::Error,
    title: "a condition cannot be evaluated",
    doc: "Every condition is true or false for every request; one that makes no sense is an error \
          here, never a rule that is silently skipped.\n\n\
          - `image`, `tools`, `json` and `stream` are true or false by themselves: `image`, `not \
          image`.\n\
          - `tokens`, `messages` and `max_tokens` are whole numbers: they are compared with `==`, \
          `!=`, `<`, `<=`, `>`, `>=` or `in (…)`.\n\
          - `client`, `header \"…\"` and `metadata \"…\"` are texts: alone they ask whether there \
          is one, and they are compared with `==`, `!=`, `in (…)` or `matches \"glob\"`.",
    bad: one("role coder {\n  when image == true route gpt -> sonnet\n  \
              otherwise          route sonnet -> gpt\n}\n"),
    good: one("role coder {\n  when image route gpt -> sonnet\n  \
               otherwise  route sonnet -> gpt\n}\n"),
    check: None,
};

fn finding(span: Span, message: String, help: impl Into<String>) -> Diagnostic {
    Diagnostic::error(RULE.code, span, message).help(help)
}

/// A flag that is compared; `holds` is whether it has to hold, if that is clear.
pub fn compared_flag(flag: &str, span: Span, holds: Option<bool>) -> Diagnostic {
    let message = format!("`{flag}` is true or false by itself");
    let Some(holds) = holds else {
        return finding(span, message, format!("write `{flag}` or `not {flag}`"));
    };
    let instead = if holds { flag.to_owned() } else { format!("not {flag}") };
    let title = format!("write `{instead}`");
    finding(span, message, title.clone()).fix(title, span, instead)
}

/// A number that is not compared.
pub fn lone_number(fact: &str, span: Span) -> Diagnostic {
    let help = format!("compare it: `{fact} > 8_000`");
    finding(span, format!("`{fact}` is a number, neither true nor false"), help)
}

/// `matches` after a number.
pub fn number_operator(fact: &str, span: Span) -> Diagnostic {
    let help = "compare it with `==`, `!=`, `<`, `<=`, `>`, `>=` or `in (…)`";
    finding(span, format!("`{fact}` is a number, and only texts match a glob"), help)
}

/// A number that no fact can be.
pub fn not_whole(fact: &str, span: Span) -> Diagnostic {
    finding(span, format!("`{fact}` is a whole number from 0"), "write a number such as `8_000`")
}

/// `<` and its like after a text.
pub fn text_operator(operator: Operator, span: Span) -> Diagnostic {
    let message = format!("texts have no order, so that nothing is `{}`", operator.text());
    finding(span, message, "compare it with `==`, `!=`, `in (…)` or `matches \"…\"`")
}

/// `in ()`
pub fn empty_list(span: Span) -> Diagnostic {
    finding(
        span,
        "nothing is in an empty list".to_owned(),
        "write the values, or take the arm away",
    )
}
