//! An arm after the one that takes every request.
//!
//! Owns this one rule; arms that earlier conditions hide are found by analysis.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Edit, Fix, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR029"),
    name: "arm-order",
    severity: Severity::Error,
    title: "an arm follows the one that takes every request",
    doc: "The first arm whose condition holds decides. `otherwise`, and a `route` without a \
          condition, take every request, so that nothing is left for an arm after them: they \
          stand last, and only one of them.",
    bad: one(
        "role coder {\n  otherwise  route sonnet -> gpt\n  when image route gpt -> sonnet\n}\n",
    ),
    good: one(
        "role coder {\n  when image route gpt -> sonnet\n  otherwise  route sonnet -> gpt\n}\n",
    ),
    check: None,
};

/// The finding: `second`, a `keyword`, stands after `first`, which takes all.
pub fn finding(first_keyword: &str, first: Span, keyword: &str, second: Span) -> Diagnostic {
    if keyword == "when" {
        let message = format!("`{first_keyword}` is not the last arm");
        return Diagnostic::error(RULE.code, first, message)
            .help("move it behind the other arms: it takes every request")
            .related(second, "no request gets here");
    }
    let message =
        format!("this `{keyword}` follows `{first_keyword}`, and both take every request");
    Diagnostic::error(RULE.code, second, message)
        .help("take one of them away")
        .related(first, "the first of them")
}

/// The edits that move the line of `arm` behind `last`; none if something else stands on it.
pub fn moved(text: &str, arm: Span, last: Span) -> Option<Fix> {
    let written = text.get(arm.range())?;
    let (before, after) = (text.get(..arm.range().start)?, text.get(arm.range().end..)?);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let indent = before.get(line_start..)?;
    let line_end = after.find('\n')?;
    let is_alone = indent.trim().is_empty() && after.get(..line_end)?.trim().is_empty();
    if !is_alone || last.file != arm.file || last.start < arm.end {
        return None;
    }
    let line = Span::new(arm.file, line_start..arm.range().end + line_end + 1);
    let behind = Span { start: last.end, ..last };
    let edits = vec![
        Edit { span: line, text: String::new() },
        Edit { span: behind, text: format!("\n{indent}{written}") },
    ];
    Some(Fix { title: "move it behind the other arms".to_owned(), edits })
}
