//! Conditions that cannot be analysed in reasonable time.
//!
//! Owns this one rule.

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::analysis::{Reach, Verdict};
use crate::diagnostic::{Code, Diagnostic, Severity};

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR050"),
    name: "too-complex",
    severity: Severity::Warning,
    title: "conditions are too complex to analyse",
    doc: "Which requests reach an arm is found out exactly, by trying cases. For conditions that \
          join very many facts the cases are too many; then nothing is said about this arm but \
          this. The map works all the same. Fewer facts in one role, or several roles, help. \
          Long runs of `?` in globs that begin with `*` are dear, too.",
    bad: one(HARD),
    good: one("role coder {\n  when header \"x-team\" matches \"*-core\" route sonnet -> gpt\n  \
         otherwise                               route haiku -> gpt\n}\n"),
    check: None,
};

/// A glob whose automaton has a state for each set of its forty places.
const HARD: &str = "role coder {\n  when header \"x-team\" matches \
                    \"????????????????????????????????????????b\" and not header \"x-team\" matches \
                    \"*a????????????????????????????????????????\" and not header \"x-team\" matches \
                    \"*b????????????????????????????????????????????????\" route sonnet -> gpt\n  \
                    otherwise route haiku -> gpt\n}\n";

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    if one.uncovered == Verdict::TooComplex {
        return;
    }
    let hard = one.reach.iter().zip(one.arms).find(|(reach, _)| **reach == Reach::TooComplex);
    if let Some((_, arm)) = hard {
        let span = arm.when.as_ref().map_or(arm.span, |when| when.span);
        let message = "which requests get here is too complex to find out";
        let help = "ask for fewer facts in one role, or split the role";
        findings.push(Diagnostic::warning(RULE.code, span, message).help(help));
    }
}
