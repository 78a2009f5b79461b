//! What a role settles for a request, each field with its place.
//!
//! Owns the list and the spelling of values; which block a field comes from was decided in
//! [`crate::resolve`], which guards apply is the condition's.

use std::time::Duration;

use model_map::{RequestFacts, Retry};
use serde::Serialize;

use crate::program::{Parameters, Placed, Role, System, Timeouts};
use crate::span::Span;
use crate::spell;

/// A field that is in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As it is written: `timeout connect`.
    pub name: &'static str,
    /// As it would be written.
    pub value: String,
    /// Where it is written; none for a built-in one.
    pub span: Option<Span>,
}

fn field(name: &'static str, value: impl Into<String>, span: Option<Span>) -> Field {
    Field { name, value: value.into(), span }
}

/// The fields of a role, with the guards that apply to the request.
pub(super) fn fields(role: &Role, facts: &RequestFacts) -> Vec<Field> {
    let mut times = role.timeouts;
    let mut set = role.parameters;
    let mut system = role.system.as_ref();
    for guard in role.guards.iter().filter(|guard| guard.when.condition.holds(facts)) {
        times = times.with(&guard.timeouts);
        set = set.with(&guard.parameters);
        system = guard.system.as_ref().or(system);
    }
    let mut fields = Vec::new();
    fields.extend(system.map(|system| system_field(system)));
    fields.extend(role.accept.as_ref().map(|accept| {
        let names: Vec<_> = accept.value.iter().map(|ability| ability.name()).collect();
        field("accept", names.join(", "), accept.span)
    }));
    fields.extend(timeouts(&times));
    fields.push(retry(role));
    fields.push(field(
        "fallback on",
        spell::classes(role.fallback.value.iter()),
        role.fallback.span,
    ));
    fields.extend(role.hedge.map(|after| placed("hedge after", after, spell::duration)));
    fields.extend(parameters(&set));
    fields.extend(
        role.limit_max_tokens
            .map(|most| placed("limit max_tokens", most, |most| spell::number(most.into()))),
    );
    fields.extend(role.deny.as_ref().map(|deny| {
        let names: Vec<_> = deny.value.iter().map(String::as_str).collect();
        field("deny", names.join(", "), deny.span)
    }));
    fields.push(field("commit", word(&role.commit.value), role.commit.span));
    fields.extend(role.resume.map(|span| field("resume", "yes", Some(span))));
    fields.extend(role.strict.map(|span| field("strict", "yes", Some(span))));
    fields.extend(role.cache.map(|cache| field("cache", word(&cache.value), cache.span)));
    fields.push(field("audit", word(&role.audit.value), role.audit.span));
    fields
}

fn placed<T>(name: &'static str, value: Placed<T>, spell: impl FnOnce(T) -> String) -> Field {
    field(name, spell(value.value), value.span)
}

/// The word of a choice: the map has the language's own.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

fn system_field(system: &System) -> Field {
    let prompts = system.prompts.iter().map(|prompt| match &prompt.name {
        Some(name) => name.clone(),
        None => {
            format!("a text of {} characters", spell::number(prompt.text.chars().count() as u64))
        }
    });
    let prompts: Vec<_> = prompts.collect();
    field("system", format!("{} {}", word(&system.mode), prompts.join(", ")), Some(system.span))
}

fn timeouts(times: &Timeouts) -> [Field; 4] {
    let of = |name, time: Placed<Duration>| placed(name, time, spell::duration);
    [
        of("timeout connect", times.connect),
        of("timeout first_token", times.first_token),
        of("timeout idle", times.idle),
        of("timeout total", times.total),
    ]
}

fn retry(role: &Role) -> Field {
    let Some(retry) = role.retry.as_ref() else {
        return field("retry", Retry::default().count.to_string(), None);
    };
    let value = match retry.count {
        0 => "0".to_owned(),
        count => {
            let (least, most) =
                (spell::duration(retry.backoff.0), spell::duration(retry.backoff.1));
            format!("{count} on {} backoff {least}..{most}", spell::classes(&retry.on))
        }
    };
    field("retry", value, Some(retry.span))
}

fn parameters(set: &Parameters) -> Vec<Field> {
    let max_tokens =
        set.max_tokens.map(|it| placed("set max_tokens", it, |most| spell::number(most.into())));
    let effort = set
        .reasoning_effort
        .map(|it| placed("set reasoning_effort", it, |effort| spell::effort(effort).to_owned()));
    let heat = set.temperature.map(|it| placed("set temperature", it, |heat| heat.to_string()));
    let share = set.top_p.map(|it| placed("set top_p", it, |share| share.to_string()));
    [effort, max_tokens, heat, share].into_iter().flatten().collect()
}
