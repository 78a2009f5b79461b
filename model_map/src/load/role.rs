//! What a role of a map must be to be served.
//!
//! Owns references and bounds; whether a role is sensible is for `sfai-dsl check`.

use std::time::Duration;

use crate::condition::{Condition, TextPattern};
use crate::map::ModelMap;
use crate::role::{Arm, Role, System};

/// How deep a condition may nest.
const MAX_DEPTH: usize = 64;

/// Holds a role against the map that it is in; the error says what is wrong.
pub(super) fn check(map: &ModelMap, name: &str, role: &Role) -> Result<(), String> {
    let what = format!("role `{name}`");
    if role.arms.is_empty() {
        return Err(format!("{what} has no arm"));
    }
    role.arms.iter().try_for_each(|arm| check_arm(map, &what, arm))?;
    let systems = role.guards.iter().filter_map(|guard| guard.system.as_ref());
    systems.chain([&role.system]).try_for_each(|system| check_system(map, &what, system))?;
    role.conditions().try_for_each(|condition| check_condition(&what, condition, 0))?;
    if let Some(class) = role.retry.on.iter().find(|class| !class.is_retryable()) {
        return Err(format!("{what} retries `{class}`, which a repetition never mends"));
    }
    check_times(&what, role)
}

fn check_arm(map: &ModelMap, what: &str, arm: &Arm) -> Result<(), String> {
    if arm.chain.is_empty() && arm.draw.is_empty() {
        return Err(format!("{what} has an empty chain"));
    }
    let mut models =
        arm.chain.iter().map(|link| &link.model).chain(arm.draw.iter().map(|share| &share.model));
    if let Some(model) = models.find(|model| !map.models.contains_key(*model)) {
        return Err(format!("{what} names the unknown model `{model}`"));
    }
    let drawn: u64 = arm.draw.iter().map(|share| u64::from(share.percent)).sum();
    if !arm.draw.is_empty() && drawn != 100 {
        return Err(format!("{what} draws from shares of {drawn} %, not 100"));
    }
    Ok(())
}

fn check_system(map: &ModelMap, what: &str, system: &System) -> Result<(), String> {
    match system.prompts.iter().find(|id| !map.prompts.contains_key(*id)) {
        Some(id) => Err(format!("{what} names the unknown prompt `{id}`")),
        None => Ok(()),
    }
}

fn check_condition(what: &str, condition: &Condition, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("{what} has a condition that nests over {MAX_DEPTH} deep"));
    }
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().try_for_each(|part| check_condition(what, part, depth + 1))
        }
        Condition::Not(part) => check_condition(what, part, depth + 1),
        Condition::Text(test) if test.is == TextPattern::OneOf(Default::default()) => {
            Err(format!("{what} compares with a list of nothing"))
        }
        _ => Ok(()),
    }
}

fn check_times(what: &str, role: &Role) -> Result<(), String> {
    let guarded = role.guards.iter().map(|guard| role.timeouts.with(&guard.timeouts));
    for times in guarded.chain([role.timeouts]) {
        let all = [times.connect, times.first_token, times.idle, times.total];
        if all.iter().any(Duration::is_zero) {
            return Err(format!("{what} has a timeout of zero"));
        }
    }
    Ok(())
}
