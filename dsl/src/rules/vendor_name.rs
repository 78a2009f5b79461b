//! A role whose name a client takes for a vendor's model.
//!
//! Owns this one rule.

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR046"),
    name: "vendor-name",
    severity: Severity::Warning,
    title: "a role is named like a vendor's model",
    doc: "Continue looks at the model's name: one that starts with `gpt` or `o` sends tab \
          completion to the chat endpoint, and `gpt-5…` or `o1…` calls `/responses`. A role so \
          named behaves in ways that its route does not explain. Where a client insists on such \
          a name, write it as a string: `role \"gpt-4o\"`.",
    bad: one("role operations {\n  route sonnet -> gpt\n}\n"),
    good: one("role site_operations {\n  route sonnet -> gpt\n}\n"),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Subject { name, role, .. } = subject;
    // A name in quotes is longer in the text than it is, and meant.
    let is_quoted = role.name.range().len() > name.len();
    if is_quoted || !(name.starts_with("gpt") || name.starts_with('o')) {
        return;
    }
    let message = format!("Continue takes `{name}` for the name of a vendor's model");
    let help = format!("choose another name, or write `role \"{name}\"` if a client insists on it");
    findings.push(Diagnostic::warning(RULE.code, role.name, message).help(help));
}
