//! A model that its provider retires.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Program;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR045"),
    name: "deprecated-model",
    severity: Severity::Warning,
    title: "a model is deprecated",
    doc: "Its provider has said that it will go away, or has already switched it off; then every \
          attempt on it fails and costs time. The day is given where the catalogue has it.",
    bad: one(
        "model old = anthropic/claude-3-7-sonnet-20250219\n\nrole coder {\n  route old -> gpt\n}\n",
    ),
    good: one("role coder {\n  route sonnet -> gpt\n}\n"),
    check: None,
};

pub(super) fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    for model in program.models.values() {
        let Some(deprecation) = &model.facts.deprecated else { continue };
        let since = deprecation.on.as_ref().map(|day| format!(" as of {day}")).unwrap_or_default();
        let message = format!("`{}` is deprecated{since}", model.key());
        let finding = Diagnostic::warning(RULE.code, model.target, message);
        findings.push(finding.help("name the model that follows it"));
    }
}
