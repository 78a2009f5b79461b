//! Something that is declared and never used.
//!
//! Owns this one rule; what is used is worked out in [`crate::check`].

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::resolve::Space;
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR044"),
    name: "unused",
    severity: Severity::Warning,
    title: "something is declared and never used",
    doc: "A provider that no model names, a model that no route names, a prompt that no role \
          names, or a constant that nothing names, in no environment. It is either left over or \
          was meant somewhere. Roles are what clients ask for, so they are always used. As long \
          as the program has syntax errors this rule is silent, since what could not be read may \
          be what uses it.",
    bad: one("model opus = anthropic/claude-opus-4-8\n\nrole coder {\n  route sonnet -> gpt\n}\n"),
    good: one("model opus = anthropic/claude-opus-4-8\n\nrole coder {\n  route opus -> gpt\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(space: Space, name: &Name) -> Diagnostic {
    let message = format!("{} `{}` is never used", space.keyword(), name.text);
    Diagnostic::warning(RULE.code, name.span, message).help("use it or take it away")
}
