//! Something wrong in `sfai.toml` or a catalogue that it names.
//!
//! Owns this one rule; the settings are read in [`crate::project`].

use super::{Example, Rule};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR027"),
    name: "settings",
    severity: Severity::Error,
    title: "`sfai.toml` or a catalogue is wrong",
    doc: "A setting that is mistyped would otherwise be ignored without a word. The keys of \
          `sfai.toml` are `folder`, `env`, `output`, `catalogue` and `platform`; those of a \
          catalogue are in the chapter \"The catalogue\" of the language's documentation. With \
          wrong settings nothing is checked, and the exit status is 2.",
    bad: Example { text: "", beside: &[("sfai.toml", b"foldr = \"routes\"\n")] },
    good: Example { text: "", beside: &[("sfai.toml", b"folder = \"routes\"\n")] },
    check: None,
};

/// A finding; what to do is added by who knows.
pub fn finding(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(RULE.code, span, message)
}
