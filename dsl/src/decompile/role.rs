//! Roles, and the defaults that they have in common.

use std::collections::BTreeMap;
use std::fmt::Write;

use model_map::{
    Arm, Audit, CacheBreakpoint, Commit, Guard, ModelMap, Retry, Role, System, SystemMode,
    Timeouts, usual_fallback,
};

use super::names::Names;
use crate::spell;

/// What most roles have and need not write.
pub(super) struct Defaults {
    timeouts: Option<Timeouts>,
    retry: Option<Retry>,
}

impl Defaults {
    /// The most frequent values; none where no two roles agree.
    pub(super) fn of(map: &ModelMap) -> Self {
        let timeouts = map.roles.values().map(|role| role.timeouts);
        let retries = map.roles.values().map(|role| role.retry.clone());
        let retry = most_frequent(retries).filter(|retry| retry.count > 0);
        Self { timeouts: most_frequent(timeouts), retry }
    }

    pub(super) fn push(&self, text: &mut String) {
        if self.timeouts.is_none() && self.retry.is_none() {
            return;
        }
        text.push_str("\ndefaults {\n");
        if let Some(timeouts) = &self.timeouts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  timeout {}", timeouts_text(timeouts, None));
        }
        if let Some(retry) = &self.retry {
            let _ = writeln!(text, "  {}", retry_text(retry));
        }
        text.push_str("}\n");
    }
}

fn most_frequent<T: PartialEq>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counted: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counted.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counted.push((value, 1)),
        }
    }
    let (value, count) = counted.into_iter().rev().max_by_key(|(_, count)| *count)?;
    (count > 1).then_some(value)
}

/// Writes a role.
pub(super) fn push(
    text: &mut String,
    names: &Names,
    (name, role): (&str, &Role),
    defaults: &Defaults,
) {
    let _ = write!(text, "\nrole {} {{\n", spell::name(name));
    for line in lines(names, role, defaults) {
        let _ = writeln!(text, "  {line}");
    }
    for guard in &role.guards {
        push_guard(text, names, guard);
    }
    text.push_str("}\n");
}

fn lines(names: &Names, role: &Role, defaults: &Defaults) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(role.about.as_ref().map(|about| format!("about {}", spell::string(about))));
    if role.system != System::default() {
        lines.extend(system_text(names, &role.system));
    }
    if !role.accept.is_empty() {
        let words: Vec<_> = role.accept.iter().map(|ability| ability.name()).collect();
        lines.push(format!("accept {}", words.join(", ")));
    }
    lines.extend(role.arms.iter().map(|arm| arm_text(names, arm, role.arms.len() == 1)));
    if defaults.timeouts != Some(role.timeouts) {
        lines.push(format!("timeout {}", timeouts_text(&role.timeouts, defaults.timeouts)));
    }
    let usual = defaults.retry.clone().unwrap_or_default();
    if role.retry != usual {
        lines.push(retry_text(&role.retry));
    }
    if role.fallback_on != usual_fallback() {
        lines.push(format!("fallback on {}", spell::classes(&role.fallback_on)));
    }
    if let Some(after) = role.hedge_after {
        lines.push(format!("hedge after {}", spell::duration(after)));
    }
    lines.extend(rest(role));
    lines
}

/// The statements that are one word or a word and a value.
fn rest(role: &Role) -> Vec<String> {
    let set = spell::parameters(&role.parameters);
    let deny: Vec<_> = role.deny.iter().map(|name| spell::name(name)).collect();
    let limit = role.limits.max_tokens;
    let lines = [
        (!set.is_empty()).then(|| format!("set {}", set.join(", "))),
        limit.map(|limit| format!("limit max_tokens {}", spell::number(limit.into()))),
        (!deny.is_empty()).then(|| format!("deny {}", deny.join(", "))),
        match role.commit {
            Commit::FirstToken => None,
            Commit::Complete => Some("commit complete".to_owned()),
            Commit::Headers => Some("commit headers".to_owned()),
        },
        role.resume.then(|| "resume".to_owned()),
        role.strict.then(|| "strict".to_owned()),
        role.cache.map(|cache| match cache {
            CacheBreakpoint::Conversation => "cache conversation".to_owned(),
            CacheBreakpoint::System => "cache system".to_owned(),
        }),
        match role.audit {
            Audit::Metadata => None,
            Audit::Full => Some("audit full".to_owned()),
            Audit::Off => Some("audit off".to_owned()),
        },
    ];
    lines.into_iter().flatten().collect()
}

fn system_text(names: &Names, system: &System) -> Option<String> {
    let mode = match system.mode {
        SystemMode::Prepend => "",
        SystemMode::Append => "append ",
        SystemMode::Replace => "replace ",
    };
    let prompts: Vec<_> = system.prompts.iter().map(|id| names.prompt(id)).collect();
    (!prompts.is_empty()).then(|| format!("system {mode}{}", prompts.join(", ")))
}

fn arm_text(names: &Names, arm: &Arm, is_only: bool) -> String {
    let shares: Vec<_> = arm
        .draw
        .iter()
        .map(|share| format!("{}% {}", share.percent, names.model(&share.model)))
        .collect();
    let first = (!shares.is_empty()).then(|| shares.join(" | "));
    let chain = arm.chain.iter().map(|link| names.model(&link.model).to_owned());
    let route = first.into_iter().chain(chain).collect::<Vec<_>>().join(" -> ");
    match &arm.when {
        Some(condition) => format!("when {} route {route}", spell::condition(condition)),
        None if is_only => format!("route {route}"),
        None => format!("otherwise route {route}"),
    }
}

/// Timeouts but those that `usual` has as well.
fn timeouts_text(times: &Timeouts, usual: Option<Timeouts>) -> String {
    let of = |times: &Timeouts| {
        let keys = ["connect", "first_token", "idle", "total"];
        keys.into_iter().zip([times.connect, times.first_token, times.idle, times.total])
    };
    let usual: BTreeMap<_, _> = usual.iter().flat_map(of).collect();
    let entries: Vec<_> = of(times)
        .filter(|(key, value)| usual.get(key) != Some(value))
        .map(|(key, value)| format!("{key} {}", spell::duration(value)))
        .collect();
    entries.join(", ")
}

/// `retry 1 on network`
pub(crate) fn retry_text(retry: &Retry) -> String {
    if retry.count == 0 {
        return "retry 0".to_owned();
    }
    let mut text = format!("retry {} on {}", retry.count, spell::classes(&retry.on));
    let built_in = Retry::default();
    if (retry.min_backoff, retry.max_backoff) != (built_in.min_backoff, built_in.max_backoff) {
        let (min, max) = (spell::duration(retry.min_backoff), spell::duration(retry.max_backoff));
        let _ = write!(text, " backoff {min}..{max}");
    }
    text
}

fn push_guard(text: &mut String, names: &Names, guard: &Guard) {
    let _ = writeln!(text, "  when {} {{", spell::condition(&guard.when));
    let set = spell::parameters(&guard.parameters);
    if !set.is_empty() {
        let _ = writeln!(text, "    set {}", set.join(", "));
    }
    if let Some(system) = guard.system.as_ref().and_then(|system| system_text(names, system)) {
        let _ = writeln!(text, "    {system}");
    }
    let times = &guard.timeouts;
    let times = [
        ("connect", times.connect),
        ("first_token", times.first_token),
        ("idle", times.idle),
        ("total", times.total),
    ];
    let times: Vec<_> = times
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key} {}", spell::duration(value?))))
        .collect();
    if !times.is_empty() {
        let _ = writeln!(text, "    timeout {}", times.join(", "));
    }
    text.push_str("  }\n");
}
