//! A link that cannot take what the role promises or the arm lets through.
//!
//! Owns this one rule.

use model_map::{Ability, Condition, Flag};

use super::outlook::RoleOutlook;
use super::{Rule, one};
use crate::analysis::Sees;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Arm, Link};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR055"),
    name: "lacks-ability",
    severity: Severity::Warning,
    title: "a link cannot take what is promised",
    doc: "`accept image` promises callers that pictures work, and `when image` sends nothing but \
          pictures to an arm. A link there whose model takes none fails every such request, or \
          drops the picture. Every link is held to the promise that such a request can reach: \
          where an earlier arm takes all pictures, the later ones need not see. The same goes for \
          `tools` and `json`. What the catalogue does not know is not found.",
    bad: one("model blind = openai/blind {\n  accepts tools\n}\n\nrole coder {\n  \
         accept image\n  route  sonnet -> blind\n}\n"),
    good: one("model blind = openai/blind {\n  accepts tools\n}\n\nrole coder {\n  \
         accept image\n\n  when image route sonnet -> gpt\n  otherwise  route sonnet -> blind\n}\n"),
    check: None,
};

const PAIRS: [(Flag, Ability); 3] =
    [(Flag::Image, Ability::Image), (Flag::Json, Ability::Json), (Flag::Tools, Ability::Tools)];

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    for (arm, goals) in one.reached() {
        for (flag, ability) in PAIRS {
            let lacking: Vec<_> = arm.links().filter(|link| lacks(link, ability)).collect();
            // Most links take all: only where one does not is the question worth its time.
            if lacking.is_empty() {
                continue;
            }
            if let Some(because) = why(one, arm, &goals, (flag, ability)) {
                let those = lacking.into_iter();
                findings.extend(those.map(|link| finding(link, ability, because)));
            }
        }
    }
}

fn lacks(link: &Link, ability: Ability) -> bool {
    link.model.facts.accepts.as_ref().is_some_and(|those| !those.contains(&ability))
}

/// Where it says that requests with this come here.
fn why(
    one: &RoleOutlook<'_>,
    arm: &Arm,
    goals: &[(&Condition, bool)],
    (flag, ability): (Flag, Ability),
) -> Option<(Span, &'static str)> {
    let sees = one.requests.sees(goals, flag)?;
    if sees == Sees::Always {
        let span = arm.when.as_ref().map_or(arm.span, |when| when.span);
        return Some((span, "every request that gets here has it"));
    }
    let accept = one.role.accept.as_ref().filter(|accept| accept.value.contains(&ability))?;
    let span = accept.span.unwrap_or(one.role.name);
    (sees != Sees::Never).then_some((span, "the role promises to take it"))
}

fn finding(link: &Link, ability: Ability, (span, because): (Span, &str)) -> Diagnostic {
    let what = match ability {
        Ability::Image => "pictures",
        Ability::Json => "a schema for the answer",
        Ability::Pdf => "PDF documents",
        Ability::Tools => "tools",
    };
    let message = format!("`{}` does not take {what}", link.model.key());
    let help = "name a model that does, or route these requests in an arm of their own";
    Diagnostic::warning(RULE.code, link.span, message).help(help).related(span, because)
}
