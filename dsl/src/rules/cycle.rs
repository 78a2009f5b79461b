//! `like` or `let` that leads back to itself.
//!
//! Owns this one rule; circles are found in [`crate::resolve`].

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::{FileId, Span};
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR013"),
    name: "cycle",
    severity: Severity::Error,
    title: "roles or constants are made of each other",
    doc: "A role that is `like` itself over some way takes over nothing, and a constant made of \
          itself has no value. Let one of them stand on its own.",
    bad: one("let host = \"${name}.example\"\nlet name = \"api-${host}\"\n\n\
              role coder {\n  about \"Coding at ${host}\"\n  route sonnet -> gpt\n}\n"),
    good: one("let host = \"${name}.example\"\nlet name = \"api\"\n\n\
               role coder {\n  about \"Coding at ${host}\"\n  route sonnet -> gpt\n}\n"),
    check: None,
};

/// The circle of these names, in the order of its arrows.
pub fn finding(keyword: &str, mut names: Vec<&Name>) -> Diagnostic {
    // The place does not depend on where the walk came in.
    let first = (0..names.len()).min_by_key(|at| names.get(*at).map(|name| name.span));
    names.rotate_left(first.unwrap_or(0));
    let nowhere = Span { file: FileId(0), start: 0, end: 0 };
    let span = names.first().map_or(nowhere, |name| name.span);
    let way: Vec<_> =
        names.iter().chain(names.first()).map(|name| format!("`{}`", name.text)).collect();
    let message = format!("{keyword} {} is made of itself", way.join(" → "));
    let finding =
        Diagnostic::error(RULE.code, span, message).help("let one of them stand on its own");
    names.iter().skip(1).fold(finding, |finding, name| finding.related(name.span, "on the way"))
}
