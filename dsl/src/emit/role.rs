//! A role of the map.
//!
//! Owns the translation of one role; what it leads to is added by the parent module.

use model_map::{Limits, Link, Retry, Share, prompt_id};

use crate::program::{Arm, Guard, Parameters, Placed, Role, System, TimeoutChanges, Timeouts};

/// The role in the map's form.
pub(super) fn emit(role: &Role) -> model_map::Role {
    let mut emitted = model_map::Role::of(role.each_arm().iter().map(emit_arm).collect());
    emitted.about = role.about.as_ref().map(|about| about.value.to_string());
    emitted.accept = set(role.accept.as_ref());
    emitted.audit = role.audit.value;
    emitted.cache = role.cache.map(|cache| cache.value);
    emitted.commit = role.commit.value;
    emitted.deny = set(role.deny.as_ref());
    emitted.fallback_on = (*role.fallback.value).clone();
    emitted.guards = role.guards.iter().map(emit_guard).collect();
    emitted.hedge_after = value(role.hedge);
    emitted.limits = Limits { max_tokens: value(role.limit_max_tokens) };
    emitted.parameters = emit_parameters(&role.parameters);
    emitted.resume = role.resume.is_some();
    emitted.retry = emit_retry(role);
    emitted.strict = role.strict.is_some();
    emitted.system = role.system.as_ref().map(|system| emit_system(system)).unwrap_or_default();
    emitted.timeouts = emit_timeouts(&role.timeouts);
    emitted
}

fn value<T: Copy>(placed: Option<Placed<T>>) -> Option<T> {
    placed.map(|placed| placed.value)
}

fn set<T: Clone + Default>(placed: Option<&Placed<std::sync::Arc<T>>>) -> T {
    placed.map(|placed| (*placed.value).clone()).unwrap_or_default()
}

fn emit_arm(arm: &Arm) -> model_map::Arm {
    let share = |share: &crate::program::Share| Share {
        model: share.link.model.key(),
        percent: share.percent,
    };
    model_map::Arm {
        chain: arm.chain.iter().map(|link| Link { model: link.model.key() }).collect(),
        draw: arm.draw.iter().map(share).collect(),
        when: arm.when.as_ref().map(|when| when.condition.clone()),
    }
}

fn emit_guard(guard: &Guard) -> model_map::Guard {
    model_map::Guard {
        parameters: emit_parameters(&guard.parameters),
        system: guard.system.as_ref().map(|system| emit_system(system)),
        timeouts: emit_changes(&guard.timeouts),
        when: guard.when.condition.clone(),
    }
}

fn emit_system(system: &System) -> model_map::System {
    let prompts = system.prompts.iter().map(|prompt| prompt_id(&prompt.text)).collect();
    model_map::System { mode: system.mode, prompts }
}

fn emit_parameters(set: &Parameters) -> model_map::Parameters {
    model_map::Parameters {
        max_tokens: value(set.max_tokens),
        reasoning_effort: value(set.reasoning_effort),
        temperature: value(set.temperature),
        top_p: value(set.top_p),
    }
}

fn emit_retry(role: &Role) -> Retry {
    let retry = role.retry.as_ref().map(|retry| Retry {
        count: retry.count,
        max_backoff: retry.backoff.1,
        min_backoff: retry.backoff.0,
        on: retry.on.clone(),
    });
    retry.unwrap_or_default()
}

fn emit_timeouts(times: &Timeouts) -> model_map::Timeouts {
    model_map::Timeouts {
        connect: times.connect.value,
        first_token: times.first_token.value,
        idle: times.idle.value,
        total: times.total.value,
    }
}

fn emit_changes(times: &TimeoutChanges) -> model_map::TimeoutChanges {
    model_map::TimeoutChanges {
        connect: value(times.connect),
        first_token: value(times.first_token),
        idle: value(times.idle),
        total: value(times.total),
    }
}
