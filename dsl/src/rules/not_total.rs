//! Arms that leave some request without a way.
//!
//! Owns this one rule.

use super::outlook::{Outlook, RoleOutlook};
use super::{Rule, one};
use crate::analysis::{Verdict, describe};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::Program;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR032"),
    name: "not-total",
    severity: Severity::Error,
    title: "no arm takes some request",
    doc: "Every request for a role must have a way. The arms are tried in order, and the first \
          whose condition holds decides; a request that fits none of them could be sent nowhere. \
          The finding names such a request. An `otherwise` at the end takes what is left; it is \
          not needed where the conditions provably cover everything, as `tokens > 1_000` and \
          `tokens <= 1_000` do. A comparison with a fact that the request lacks is false.",
    bad: one("role coder {\n  when tokens > 1_000 route sonnet -> gpt\n  \
         when tokens < 1_000 route haiku -> gpt\n}\n"),
    good: one("role coder {\n  when tokens > 1_000 route sonnet -> gpt\n  \
         otherwise           route haiku -> gpt\n}\n"),
    check: None,
};

pub(super) fn check(_: &Program, outlook: &Outlook<'_>, findings: &mut Vec<Diagnostic>) {
    findings.extend(outlook.roles.iter().filter_map(finding));
}

fn finding(one: &RoleOutlook<'_>) -> Option<Diagnostic> {
    let span = one.arms.last()?.span;
    let message = match &one.uncovered {
        Verdict::No => return None,
        Verdict::Yes(request) => {
            let request = describe::request(request, one.requests.prompt_tokens());
            format!("no arm takes {request}")
        }
        Verdict::TooComplex => {
            "these conditions are too complex to tell whether they cover every request".to_owned()
        }
    };
    let help = "write `otherwise route MODEL -> MODEL` after the last arm";
    Some(Diagnostic::error(RULE.code, span, message).help(help))
}
