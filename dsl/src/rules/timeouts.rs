//! Timeouts that cannot hold.
//!
//! Owns this one rule and the worst case of a chain.

use std::time::Duration;

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Arm, Program, Retry, Role};
use crate::resolve::in_units;
use crate::span::Span;

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
    check: Some(check),
};

fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    for role in program.roles.values().filter(|role| role.is_whole) {
        platform(program, role, findings);
        let (first_token, total) = (role.timeouts.first_token, role.timeouts.total);
        if first_token.value > total.value {
            let span = first_token.span.or(total.span).unwrap_or(role.name);
            findings.push(over_total(first_token.value, total.value, span));
        } else {
            findings.extend(role.each_arm().iter().filter_map(|arm| worst_case(role, arm)));
        }
    }
}

fn over_total(first_token: Duration, total: Duration, span: Span) -> Diagnostic {
    let (first_token, total) = (in_units(first_token), in_units(total));
    let message = format!("`first_token` is {first_token}, longer than `total`, {total}");
    Diagnostic::warning(RULE.code, span, message).help("raise `total` or lower `first_token`")
}

fn platform(program: &Program, role: &Role, findings: &mut Vec<Diagnostic>) {
    let total = role.timeouts.total;
    let Some(limit) = program.platform.limit().filter(|limit| total.value > *limit) else { return };
    let platform = program.platform.name();
    let message = format!(
        "`total` is {}, and `{platform}` ends a request after {}",
        in_units(total.value),
        in_units(limit)
    );
    let help = "lower `total`, or name another `platform` in sfai.toml";
    findings
        .push(Diagnostic::warning(RULE.code, total.span.unwrap_or(role.name), message).help(help));
}

fn worst_case(role: &Role, arm: &Arm) -> Option<Diagnostic> {
    let total = role.timeouts.total;
    let drawn = usize::from(!arm.draw.is_empty());
    let links = u32::try_from(arm.chain.len() + drawn).unwrap_or(u32::MAX);
    let of_link = of_link(role.timeouts.first_token.value, role.retry.as_ref());
    let worst = of_link.saturating_mul(links);
    if worst <= total.value {
        return None;
    }
    let message = format!(
        "this chain may take {} to its first token, longer than `total`, {}",
        spoken(worst),
        in_units(total.value)
    );
    let help = format!(
        "each link may take {}: lower `first_token` or `retry`, raise `total`, or shorten the chain",
        spoken(of_link)
    );
    let finding = Diagnostic::warning(RULE.code, arm.route, message).help(help);
    Some(match total.span {
        Some(span) => finding.related(span, "the whole request"),
        None => finding,
    })
}

/// A sum of times, for people: `121.2s`, where [`in_units`] has only `121200ms`.
fn spoken(time: Duration) -> String {
    if time.subsec_millis() == 0 || time.as_secs() == 0 {
        return in_units(time);
    }
    let fraction = format!("{:03}", time.subsec_millis());
    format!("{}.{}s", time.as_secs(), fraction.trim_end_matches('0'))
}

/// The longest that one link may take before the next one is tried.
fn of_link(first_token: Duration, retry: Option<&Retry>) -> Duration {
    let Some(retry) = retry else { return first_token };
    let tries = retry.count.saturating_add(1);
    let (mut wait, longest) = retry.backoff;
    let mut waits = Duration::ZERO;
    // After some doublings every wait is the longest.
    let mut left = retry.count;
    while left > 0 && wait < longest && !wait.is_zero() {
        waits = waits.saturating_add(wait);
        wait = wait.saturating_mul(2).min(longest);
        left -= 1;
    }
    let rest = if wait.is_zero() { Duration::ZERO } else { longest.saturating_mul(left) };
    first_token.saturating_mul(tries).saturating_add(waits).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::span::FileId;

    #[test]
    fn sums_are_shown_in_seconds() {
        let shown = [121_200, 60_050, 60_000, 900].map(Duration::from_millis).map(spoken);
        assert_eq!(shown, ["121.2s", "60.05s", "1m", "900ms"]);
    }

    #[test]
    fn the_worst_case_counts_retries_and_doubling_waits() {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let seconds = Duration::from_secs;
        let retry = |count| Retry {
            span,
            count,
            on: BTreeSet::new(),
            backoff: (Duration::from_millis(200), seconds(1)),
        };
        assert_eq!(of_link(seconds(20), None), seconds(20));
        assert_eq!(of_link(seconds(20), Some(&retry(1))), Duration::from_millis(40_200));
        // 0.2 + 0.4 + 0.8 + 1 + 1
        assert_eq!(of_link(seconds(1), Some(&retry(5))), Duration::from_millis(6000 + 3400));
        assert!(of_link(seconds(1), Some(&retry(u32::MAX))) > seconds(1 << 32));
    }
}
