//! How much of a conversation a role takes.
//!
//! Owns the number that clients are told; the plan that it is found by is `plan`'s.

use std::collections::BTreeSet;

use crate::{
    Ability, Condition, Draw, ModelMap, NumberFact, PlannedLink, RequestFacts, Role, plan,
    prompt_tokens,
};

/// The longest conversation that every link takes which a plain one of its length is planned for.
/// It is none where it is not known.
pub fn usable_context(
    map: &ModelMap,
    name: &str,
    role: &Role,
    client: Option<&str>,
) -> Option<u64> {
    let own = prompt_tokens(map, role);
    let mut lengths = BTreeSet::new();
    for model in models(role) {
        lengths.insert(map.models.get(model)?.input_window()?);
    }
    for condition in role.conditions() {
        edges(condition, &mut lengths);
    }
    // Where nothing is drawn, every draw is alike.
    let draws = if role.arms.iter().any(|arm| !arm.draw.is_empty()) { 100 } else { 1 };
    let fits = |length: u64| {
        (0..draws).all(|percent| {
            let facts = RequestFacts {
                client: client.map(str::to_owned),
                messages: 1,
                tokens: length.saturating_sub(own),
                tools: role.accept.contains(&Ability::Tools),
                stream: true,
                ..RequestFacts::default()
            };
            let takes = |link: &PlannedLink<'_>| link.model.input_window() >= Some(length);
            let planned = plan(map, name, &facts, Draw::percent(percent));
            planned.is_ok_and(|plan| plan.chain.iter().all(takes))
        })
    };
    lengths.into_iter().rev().find(|length| fits(*length))
}

fn models(role: &Role) -> impl Iterator<Item = &String> {
    role.arms.iter().flat_map(|arm| {
        let drawn = arm.draw.iter().map(|share| &share.model);
        drawn.chain(arm.chain.iter().map(|link| &link.model))
    })
}

/// The lengths at which a condition changes its mind: the last before each.
fn edges(condition: &Condition, into: &mut BTreeSet<u64>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| edges(part, into));
        }
        Condition::Not(part) => edges(part, into),
        Condition::Number(test) if test.fact == NumberFact::Tokens => {
            into.extend(test.at_most);
            into.extend(test.at_least.map(|least| least.saturating_sub(1)));
        }
        Condition::Number(_) | Condition::Flag(_) | Condition::Text(_) => {}
    }
}
