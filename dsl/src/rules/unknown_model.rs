//! A model that the catalogue does not know.
//!
//! Owns this one rule.

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR016"),
    name: "unknown-model",
    severity: Severity::Error,
    title: "a model is not in the catalogue",
    doc: "A mistyped model id would be found out by the first request that it fails. The facts of \
          a provider's models are found under its name, else under the host of its `base_url`, \
          else under its protocol. A private or new model is declared with a block that gives \
          what you know of it, or added to a catalogue that `sfai.toml` names.",
    bad: one("model opus = anthropic/claude-opus-48\n\nrole coder {\n  route opus -> gpt\n}\n"),
    good: one("model opus = anthropic/claude-opus-4-8\n\nrole coder {\n  route opus -> gpt\n}\n"),
    check: None,
};

/// The finding.
pub fn finding(provider: &str, id: &Name, near: Option<&str>) -> Diagnostic {
    let message = format!("the catalogue knows no model `{}` of `{provider}`", id.text);
    let finding = Diagnostic::error(RULE.code, id.span, message);
    match near {
        Some(near) => finding
            .help(format!(
                "did you mean `{near}`? else give the model a block: `{{ context 128_000 }}`"
            ))
            .fix(format!("write `{near}`"), id.span, near),
        None => finding
            .help("give it a block that says what is known of it, such as `{ context 128_000 }`"),
    }
}
