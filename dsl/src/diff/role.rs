//! Roles: their arms, prompts and worst cases.
//!
//! Owns what is compared of a role beside its single statements.

use model_map::{Arm, ModelMap, Role, System};

use super::{Aspects, Change, Item, Risk, Status, aspects, changes, item, worst};
use crate::analysis::Prover;
use crate::spell;

/// Below this part of equal lines and words a prompt counts as another one.
const SAME_PROMPT: f32 = 0.5;

pub(super) fn roles(old: &ModelMap, new: &ModelMap) -> Vec<Item> {
    let mut sides = (Side::of(old), Side::of(new));
    let gone = old.roles.keys().filter(|name| !new.roles.contains_key(*name));
    let mut names: Vec<_> = gone.chain(new.roles.keys()).collect();
    names.sort();
    names.into_iter().filter_map(|name| compare(&mut sides, name)).collect()
}

/// One of the two maps.
struct Side<'m> {
    map: &'m ModelMap,
    prover: Prover<'m>,
}

impl<'m> Side<'m> {
    fn of(map: &'m ModelMap) -> Self {
        Self { map, prover: Prover::new(map) }
    }

    fn worst(&mut self, name: &str, role: &Role) -> worst::Worst {
        worst::worst(&mut self.prover, self.map, name, role)
    }
}

fn compare((old, new): &mut (Side<'_>, Side<'_>), name: &str) -> Option<Item> {
    match (old.map.roles.get(name), new.map.roles.get(name)) {
        (Some(before), Some(after)) => {
            if before == after && is_like(old.map, new.map, after) {
                return None;
            }
            let worst = (old.worst(name, before), new.worst(name, after));
            let mut all = role_changes((old.map, before), (new.map, after));
            all.extend(worst::changes(&worst.0, &worst.1));
            let risk = all.iter().map(|change| change.risk).max()?;
            let mut item = item(name, Status::Changed, risk, all);
            (item.worst_before, item.worst_after) = (Some(worst.0), Some(worst.1));
            Some(item)
        }
        (Some(_), None) => Some(item(name, Status::Removed, Risk::High, Vec::new())),
        (None, Some(role)) => {
            let mut item = item(name, Status::Added, Risk::Low, Vec::new());
            let worst = new.worst(name, role);
            item.changes = role.arms.iter().map(added).collect();
            item.worst_after = Some(worst);
            Some(item)
        }
        (None, None) => None,
    }
}

fn added(arm: &Arm) -> Change {
    Change::new(when(arm), Risk::Low, None, Some(route(arm)))
}

/// Whether both maps know the same of everything that the role reaches.
fn is_like(old: &ModelMap, new: &ModelMap, role: &Role) -> bool {
    let mut keys = role.arms.iter().flat_map(keys);
    keys.all(|key| old.models.get(key) == new.models.get(key))
}

fn keys(arm: &Arm) -> impl Iterator<Item = &String> {
    let drawn = arm.draw.iter().map(|share| &share.model);
    drawn.chain(arm.chain.iter().map(|link| &link.model))
}

fn when(arm: &Arm) -> String {
    let when = arm.when.as_ref();
    when.map_or_else(|| "route".to_owned(), |when| format!("when {}", spell::condition(when)))
}

fn route(arm: &Arm) -> String {
    let shares: Vec<_> =
        arm.draw.iter().map(|share| format!("{}% {}", share.percent, share.model)).collect();
    let first = (!shares.is_empty()).then(|| shares.join(" | "));
    let chain = arm.chain.iter().map(|link| link.model.clone());
    first.into_iter().chain(chain).collect::<Vec<_>>().join(" -> ")
}

fn role_changes(old: (&ModelMap, &Role), new: (&ModelMap, &Role)) -> Vec<Change> {
    let ((old_map, before), (new_map, after)) = (old, new);
    let mut all = changes(&arms(before), &arms(after), |_| Risk::Medium);
    all.extend(order(before, after));
    all.extend(changes(&aspects::role(before), &aspects::role(after), risk));
    all.extend(changes(&guards(before), &guards(after), |_| Risk::Medium));
    let texts = (text(old_map, &before.system), text(new_map, &after.system));
    all.extend(prompt("prompt", &texts.0, &texts.1));
    let modes = [before, after].map(|role| {
        (!role.system.prompts.is_empty()).then(|| aspects::mode(role.system.mode).to_owned())
    });
    let [was, is] = modes;
    if was != is && was.is_some() && is.is_some() {
        all.push(Change::new("prompt's mode", Risk::Medium, was, is));
    }
    let prompts = (guard_prompts(old_map, before), guard_prompts(new_map, after));
    let gone = prompts.0.keys().filter(|what| !prompts.1.contains_key(*what));
    for what in gone.chain(prompts.1.keys()) {
        let text = |of: &Aspects| of.get(what).cloned().unwrap_or_default();
        all.extend(prompt(what, &text(&prompts.0), &text(&prompts.1)));
    }
    all
}

fn arms(role: &Role) -> Aspects {
    numbered(role.arms.iter().map(|arm| (when(arm), route(arm))))
}

fn guards(role: &Role) -> Aspects {
    let block = |guard: &model_map::Guard| format!("when {} {{ }}", spell::condition(&guard.when));
    numbered(role.guards.iter().map(|guard| (block(guard), aspects::guard(guard))))
}

fn guard_prompts(map: &ModelMap, role: &Role) -> Aspects {
    numbered(role.guards.iter().filter_map(|guard| {
        let system = guard.system.as_ref()?;
        Some((format!("prompt when {}", spell::condition(&guard.when)), text(map, system)))
    }))
}

/// What is said of the same twice gets a number.
fn numbered(all: impl Iterator<Item = (String, String)>) -> Aspects {
    let mut aspects = Aspects::new();
    for (what, value) in all {
        let mut name = what.clone();
        let mut number = 1_u32;
        while aspects.contains_key(&name) {
            number += 1;
            name = format!("{what} ({number})");
        }
        aspects.insert(name, value);
    }
    aspects
}

/// That the arms which both have stand in another order.
fn order(before: &Role, after: &Role) -> Option<Change> {
    let both = |own: &Role, other: &Role| -> Vec<String> {
        let others: Vec<_> = other.arms.iter().map(when).collect();
        own.arms.iter().map(when).filter(|when| others.contains(when)).collect()
    };
    let (was, is) = (both(before, after), both(after, before));
    let text = |arms: &[String]| Some(arms.join("; "));
    (was != is).then(|| Change::new("order of the arms", Risk::Medium, text(&was), text(&is)))
}

fn risk(what: &str) -> Risk {
    match what {
        "about" | "cache" | "timeout connect" | "timeout idle" => Risk::Low,
        // What is promised or kept is another matter than how an answer is made.
        "accept" | "audit" | "fallback on" => Risk::High,
        _ => Risk::Medium,
    }
}

fn text(map: &ModelMap, system: &System) -> String {
    let texts = system.prompts.iter().filter_map(|id| map.prompts.get(id));
    texts.map(String::as_str).collect::<Vec<_>>().join("\n\n")
}

fn prompt(what: &str, before: &str, after: &str) -> Option<Change> {
    if before == after {
        return None;
    }
    let diff = similar::TextDiff::from_lines(before, after);
    let text_diff = diff.unified_diff().context_radius(3).header("before", "after").to_string();
    let ratio = similar::TextDiff::from_words(before, after).ratio();
    let risk = if ratio < SAME_PROMPT { Risk::High } else { Risk::Medium };
    let size = |text: &str| {
        let tokens = model_map::estimate_tokens(text);
        (!text.is_empty()).then(|| format!("about {} tokens", spell::number(tokens)))
    };
    let mut change = Change::new(what, risk, size(before), size(after));
    change.text_diff = Some(text_diff);
    change.note = (ratio < SAME_PROMPT && !before.is_empty() && !after.is_empty())
        .then(|| "it is another prompt: less than half of it is the same".to_owned());
    Some(change)
}
