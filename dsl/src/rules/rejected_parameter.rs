//! A parameter that a model of the chain does not take.
//!
//! Owns this one rule; values that no model takes have another.

use model_map::{Effort, Protocol, Sampling};

use super::{Rule, Subject, alternatives, one};
use crate::catalogue::EFFORTS;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Link, Parameters, Placed};
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR042"),
    name: "rejected-parameter",
    severity: Severity::Warning,
    title: "a model of the chain does not take a parameter",
    doc: "The catalogue knows what each model refuses: sampling parameters, some efforts, answers \
          over its own limit. The router leaves such a parameter out or lowers it rather than fail \
          the request, so the role works, but that link does not do what is written.",
    bad: one("role coder {\n  route sonnet -> gpt\n  set temperature 0.2\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n  set reasoning_effort low\n}\n"),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let role = subject.role;
    let of_guards = role.guards.iter().map(|guard| role.parameters.with(&guard.parameters));
    let parameters: Vec<_> = std::iter::once(role.parameters).chain(of_guards).collect();
    for link in role.each_arm().iter().flat_map(|arm| arm.links()) {
        for set in &parameters {
            sampling(set, link, findings);
            effort(set.reasoning_effort, link, findings);
            answer(set.max_tokens, link, findings);
        }
    }
}

fn push(findings: &mut Vec<Diagnostic>, span: Option<Span>, link: &Link, words: (String, String)) {
    let Some(span) = span else { return };
    let (message, help) = words;
    let finding = Diagnostic::warning(RULE.code, span, message).help(help);
    findings.push(finding.related(link.span, "the link that leads to it"));
}

fn sampling(set: &Parameters, link: &Link, findings: &mut Vec<Diagnostic>) {
    if set.temperature.is_none() && set.top_p.is_none() {
        return;
    }
    let key = link.model.key();
    let written = [
        ("temperature", set.temperature.and_then(|heat| heat.span)),
        ("top_p", set.top_p.and_then(|share| share.span)),
    ];
    match link.model.facts.sampling {
        Some(Sampling::Refused) => {
            for (name, span) in written {
                let help = format!("take `{name}` away, or the model out of the chain");
                push(findings, span, link, (format!("`{key}` takes no `{name}`"), help));
            }
        }
        Some(Sampling::One) if set.temperature.is_some() => {
            let message = format!("`{key}` takes `temperature` or `top_p`, not both");
            push(
                findings,
                set.top_p.and_then(|share| share.span),
                link,
                (message, "set one of them".into()),
            );
        }
        _ => {}
    }
    if let Some(heat) = set.temperature.filter(|heat| heat.value > 1.0)
        && link.model.provider.protocol == Protocol::Anthropic
        && link.model.facts.sampling != Some(Sampling::Refused)
    {
        let message = format!("`{key}` takes a temperature up to 1");
        push(findings, heat.span, link, (message, "write a number from 0 to 1".into()));
    }
}

fn effort(set: Option<Placed<Effort>>, link: &Link, findings: &mut Vec<Diagnostic>) {
    let (Some(set), Some(known)) = (set, &link.model.facts.efforts) else { return };
    let has_budget = link.model.facts.thinking_budget_min.is_some();
    // Anthropic's models think only when asked, so that `none` asks for nothing.
    let is_off = set.value == Effort::None && link.model.provider.protocol == Protocol::Anthropic;
    if known.contains(&set.value) || is_off || (known.is_empty() && has_budget) {
        return;
    }
    let key = link.model.key();
    let name = |effort: &Effort| {
        EFFORTS.iter().find(|(one, _)| one == effort).map_or("", |(_, name)| name)
    };
    let words = if known.is_empty() {
        (
            format!("`{key}` takes no `reasoning_effort`"),
            "take it away, or the model out of the chain".into(),
        )
    } else {
        let names: Vec<_> = known.iter().map(name).collect();
        let message = format!("`{key}` does not take the effort `{}`", name(&set.value));
        (message, format!("it takes {}", alternatives(&names)))
    };
    push(findings, set.span, link, words);
}

fn answer(set: Option<Placed<u32>>, link: &Link, findings: &mut Vec<Diagnostic>) {
    let (Some(set), Some(most)) = (set, link.model.facts.output) else { return };
    if u64::from(set.value) > most {
        let message = format!("`{}` answers with at most {most} tokens", link.model.key());
        push(findings, set.span, link, (message, format!("write at most {most}")));
    }
}
