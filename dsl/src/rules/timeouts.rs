//! Timeouts that cannot hold.
//!
//! Owns this one rule; worst cases are reckoned in [`crate::analysis::bounds`].

use std::time::Duration;

use model_map::Condition;

use super::outlook::RoleOutlook;
use super::{Rule, Subject, one};
use crate::analysis::Verdict;
use crate::analysis::bounds::link_time;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Arm, Guard, Retry, Role, Timeouts};
use crate::span::Span;
use crate::spell;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR043"),
    name: "timeouts",
    severity: Severity::Warning,
    title: "timeouts cannot hold",
    doc: "`total` bounds the whole request, so it must leave room for what comes before an \
          answer starts: `first_token` of one attempt, and the worst case of the chain, which is \
          (1 + retries) × `first_token` and the longest back-offs for each link. Else the last \
          links never get their time. `total` itself is bounded by the platform that `sfai.toml` \
          names: 15 minutes on Lambda (the default), 30 seconds behind an HTTP API.\n\n`connect` \
          lies inside `first_token`; what `Retry-After` asks for is not counted; a stream that \
          flows may run to `total`.",
    bad: one("role coder {\n  route   sonnet -> gpt\n  timeout first_token 40s, total 1m\n}\n"),
    good: one("role coder {\n  route   sonnet -> gpt\n  timeout first_token 25s, total 1m\n}\n"),
    check: Some(platform),
};

pub(super) fn check(one: &RoleOutlook<'_>, findings: &mut Vec<Diagnostic>) {
    if !one.role.is_whole {
        return;
    }
    let times = &one.role.timeouts;
    let (first_token, total) = (times.first_token, times.total);
    if first_token.value > total.value {
        let span = first_token.span.or(total.span).unwrap_or(one.role.name);
        findings.push(over_total(first_token.value, total.value, span));
        return;
    }
    let late: Vec<_> = one.arms.iter().filter(|arm| is_late(one.role, times, arm)).collect();
    findings.extend(late.iter().map(|arm| worst_case(one.role, times, arm)));
    // What holds without any guard is said once.
    if late.is_empty() {
        findings.extend(one.role.guards.iter().filter_map(|guard| of_guard(one, guard)));
    }
}

/// What is wrong with the timeouts that hold under a guard.
fn of_guard(one: &RoleOutlook<'_>, guard: &Guard) -> Option<Diagnostic> {
    let changes = &guard.timeouts;
    let span = changes.first_token.or(changes.total)?.span.unwrap_or(guard.span);
    let times = one.role.timeouts.with(changes);
    if times.first_token.value > times.total.value {
        return Some(over_total(times.first_token.value, times.total.value, span));
    }
    let meets = |goals: Vec<(&Condition, bool)>| {
        let goals: Vec<_> = goals.into_iter().chain([(&guard.when.condition, true)]).collect();
        one.requests.satisfiable(&goals) != Verdict::No
    };
    let mut reached = one.reached();
    let (arm, _) =
        reached.find(|(arm, goals)| is_late(one.role, &times, arm) && meets(goals.clone()))?;
    let finding = worst_case(one.role, &times, arm);
    Some(Diagnostic { span, ..finding }.related(arm.route, "the chain that may take it"))
}

fn over_total(first_token: Duration, total: Duration, span: Span) -> Diagnostic {
    let (first_token, total) = (spell::duration(first_token), spell::duration(total));
    let message = format!("`first_token` is {first_token}, longer than `total`, {total}");
    Diagnostic::warning(RULE.code, span, message).help("raise `total` or lower `first_token`")
}

/// Holds a role's `total` against the platform, whatever its arms.
fn platform(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Subject { program, role, .. } = subject;
    let total = role.timeouts.total;
    let limit = program.platform.limit().filter(|limit| total.value > *limit);
    let Some(limit) = limit.filter(|_| role.is_whole) else { return };
    let platform = program.platform.name();
    let message = format!(
        "`total` is {}, and `{platform}` ends a request after {}",
        spell::duration(total.value),
        spell::duration(limit)
    );
    let help = "lower `total`, or name another `platform` in sfai.toml";
    findings
        .push(Diagnostic::warning(RULE.code, total.span.unwrap_or(role.name), message).help(help));
}

/// The longest before an answer begins.
fn longest(role: &Role, times: &Timeouts, arm: &Arm) -> (Duration, Duration) {
    let links = arm.chain.len() + usize::from(!arm.draw.is_empty());
    let retry = role.retry.as_ref().map(in_map).unwrap_or_default();
    let of_link = link_time(times.first_token.value, &retry);
    (of_link, of_link.saturating_mul(u32::try_from(links).unwrap_or(u32::MAX)))
}

fn is_late(role: &Role, times: &Timeouts, arm: &Arm) -> bool {
    longest(role, times, arm).1 > times.total.value
}

fn worst_case(role: &Role, times: &Timeouts, arm: &Arm) -> Diagnostic {
    let (of_link, worst) = longest(role, times, arm);
    let message = format!(
        "this chain may take {} to its first token, longer than `total`, {}",
        spell::seconds(worst),
        spell::duration(times.total.value)
    );
    let help = format!(
        "each link may take {}: lower `first_token` or `retry`, raise `total`, or shorten the chain",
        spell::seconds(of_link)
    );
    let finding = Diagnostic::warning(RULE.code, arm.route, message).help(help);
    match times.total.span {
        Some(span) => finding.related(span, "the whole request"),
        None => finding,
    }
}

fn in_map(retry: &Retry) -> model_map::Retry {
    let (min_backoff, max_backoff) = retry.backoff;
    model_map::Retry { count: retry.count, max_backoff, min_backoff, on: retry.on.clone() }
}
