//! A value that no protocol takes.
//!
//! Owns this one rule; values that only some models reject have another.

use super::{Rule, alternatives, one};
use crate::catalogue::EFFORTS;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;
use crate::syntax::tree::Backoff;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR019"),
    name: "invalid-value",
    severity: Severity::Error,
    title: "a value is outside what any provider takes",
    doc: "Every request with it would be refused, or would mean something else than is written:\n\n\
          - `temperature` is 0 to 2, `top_p` above 0 and up to 1, `max_tokens` at least 1;\n\
          - `reasoning_effort` is `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`;\n\
          - a timeout, `hedge after` and the time of a limit are longer than nothing; a \
          back-off rises;\n\
          - a limit counts from 1, a budget is more than nothing;\n\
          - a test's upstream answers with a status from 200 to 599: one below 300 is no \
          failure, so that it needs an `after`;\n\
          - `retry` is a whole number from 0, `stop_sequences` too, `max_connections`, `context` and `output` from 1;\n\
          - a `base_url` is `https://HOST…` without query, and a header is one that HTTP has and \
          the router does not write itself.",
    bad: one("role coder {\n  route sonnet -> haiku -> gpt\n  set max_tokens 0\n}\n"),
    good: one("role coder {\n  route sonnet -> haiku -> gpt\n  set max_tokens 4_096\n}\n"),
    check: None,
};

/// Headers that the router or HTTP itself writes.
const RESERVED: [&str; 13] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn finding(span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::error(RULE.code, span, message).help(help)
}

/// A count of stop sequences that is none.
pub fn stop_sequences(span: Span) -> Diagnostic {
    let help = "write a whole number, 0 where it takes no stop sequence";
    finding(span, "`stop_sequences` is a whole number from 0", help)
}

/// A temperature, or why not.
///
/// # Errors
/// Outside 0 to 2, the range of OpenAI's API; Anthropic's ends at 1.
pub fn temperature(value: f64, span: Span) -> Result<f64, Box<Diagnostic>> {
    let fits = (0.0..=2.0).contains(&value);
    let finding = || {
        finding(
            span,
            format!("no model takes a temperature of {value}"),
            "write a number from 0 to 2",
        )
    };
    fits.then_some(value).ok_or_else(|| Box::new(finding()))
}

/// A share of the probability, or why not.
///
/// # Errors
/// Outside 0 (excluded) to 1.
pub fn top_p(value: f64, span: Span) -> Result<f64, Box<Diagnostic>> {
    let fits = value > 0.0 && value <= 1.0;
    let finding = || {
        finding(
            span,
            format!("no model takes a top_p of {value}"),
            "write a number above 0 and up to 1",
        )
    };
    fits.then_some(value).ok_or_else(|| Box::new(finding()))
}

/// `max_tokens`.
pub fn max_tokens(span: Span) -> Diagnostic {
    finding(
        span,
        "an answer's limit is a whole number of tokens, at least 1",
        "write a number such as `8_192`",
    )
}

/// `context` or `output` of a model.
pub fn tokens(span: Span) -> Diagnostic {
    finding(
        span,
        "a window is a whole number of tokens, at least 1",
        "write a number such as `128_000`",
    )
}

/// `reasoning_effort`.
pub fn effort(word: &str, span: Span, near: Option<&str>) -> Diagnostic {
    let message = format!("`{word}` is not an effort");
    match near {
        Some(near) => finding(span, message, format!("did you mean `{near}`?")).fix(
            format!("write `{near}`"),
            span,
            near,
        ),
        None => {
            let help = format!("write {}", alternatives(&EFFORTS.map(|(_, name)| name)));
            finding(span, message, help)
        }
    }
}

/// A timeout of nothing.
pub fn zero_timeout(key: &str, span: Span) -> Diagnostic {
    finding(
        span,
        format!("with a `{key}` of zero every request fails"),
        "write a duration such as `20s`",
    )
}

/// The count of `retry`.
pub fn retry_count(span: Span) -> Diagnostic {
    finding(span, "the number of retries is a whole number from 0", "write a number such as `1`")
}

/// A back-off that falls.
pub fn backoff(node: &Backoff, min: &str, max: &str) -> Diagnostic {
    let message = format!("the back-off falls from {min} to {max}");
    let finding = finding(node.span, message, "write the shorter wait first");
    match (&node.min, &node.max) {
        (Some(low), Some(high)) => finding.fix(
            format!("write `{max}..{min}`"),
            low.span.to(high.span),
            format!("{max}..{min}"),
        ),
        _ => finding,
    }
}

/// `max_connections`.
pub fn max_connections(span: Span) -> Diagnostic {
    finding(
        span,
        "the number of connections is a whole number from 1",
        "write a number such as `20`",
    )
}

/// The name of an environment variable. What is written is not repeated: it may be the key itself.
pub fn variable(span: Span) -> Diagnostic {
    let help = "write a name of letters, digits and `_`, such as `OPENAI_API_KEY`";
    finding(span, "this cannot be the name of an environment variable", help)
}

/// A `base_url` that is none.
pub fn base_url(span: Span, why: &str) -> Diagnostic {
    finding(span, format!("the base URL {why}"), "write a URL such as `https://api.openai.com/v1`")
}

/// The name of a header that a provider is sent; none if it may be one.
pub fn header(name: &str, span: Span) -> Option<Diagnostic> {
    let reserved = || {
        let help = "take the statement away";
        let message = format!("the router writes the header `{name}` itself");
        RESERVED.contains(&name).then(|| finding(span, message, help))
    };
    header_name(name, span).or_else(reserved)
}

/// A header's name; none if HTTP has such names.
pub fn header_name(name: &str, span: Span) -> Option<Diagnostic> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_fine = !name.is_empty() && name.bytes().all(is_token);
    let help = "write letters, digits and `-`";
    (!is_fine).then(|| finding(span, "this cannot be the name of a header", help))
}

/// A header's value; none if it may be one.
pub fn header_value(value: &str, span: Span) -> Option<Diagnostic> {
    let is_fine = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    (!is_fine).then(|| finding(span, "a header's value is one line of ASCII", "write it so"))
}

/// `hedge after` nothing.
pub fn zero_hedge(span: Span) -> Diagnostic {
    let help = "write a duration such as `700ms`";
    finding(span, "after no time at all every request goes to two links", help)
}

/// The count of a client's limit.
pub fn limit(span: Span) -> Diagnostic {
    finding(span, "a limit counts a whole number from 1", "write a number such as `60`")
}

/// The time of a client's limit.
pub fn zero_period(span: Span) -> Diagnostic {
    finding(span, "a limit is counted over some time", "write a duration such as `1m`")
}

/// A client's budget.
pub fn budget(span: Span) -> Diagnostic {
    let help = "write an amount such as `$20`, or take the client away";
    finding(span, "with a budget of nothing every request is refused", help)
}

/// A promised time of nothing.
pub fn zero_promise(span: Span) -> Diagnostic {
    finding(span, "no request ends in no time", "write a duration such as `10s`")
}

/// A count of attempts.
pub fn attempts(span: Span) -> Diagnostic {
    finding(span, "this is a whole number from 1", "write a number such as `2`")
}

/// A count of a request: tokens, messages.
pub fn request_tokens(span: Span) -> Diagnostic {
    finding(span, "this is a whole number from 0", "write a number such as `8_000`")
}

/// The status of an upstream's answer in a test, or why not.
///
/// # Errors
/// Outside 200 to 599; below 300 when the answer is not slow, since nothing is then given.
pub fn status(status: Option<u16>, is_slow: bool, span: Span) -> Result<u16, Box<Diagnostic>> {
    match status {
        Some(good @ 200..=299) if is_slow => Ok(good),
        Some(200..=299) => Err(Box::new(finding(
            span,
            "an answer with this status is no failure",
            "write the status of a failure, or `after` a time",
        ))),
        Some(failure @ 300..=599) => Ok(failure),
        _ => Err(Box::new(finding(
            span,
            "no answer ends with this status",
            "write a status such as `529`, or a class such as `timeout`",
        ))),
    }
}
