//! The worst case of a role: how long, how often, how dear, and what it survives.
//!
//! Owns the greatest of all ways; one way's is [`crate::analysis::bounds`]'s.

use std::time::Duration;

use model_map::{ModelMap, Role};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Change, Risk};
use crate::analysis::{Promise, Proof, Prover, Requests, bounds, describe, ways};
use crate::spell;

/// The input of the request whose cost is compared; a prompt of the role lies inside.
pub const INPUT_TOKENS: u64 = 10_000;
/// Its `max_tokens`.
pub const OUTPUT_TOKENS: u64 = 1_000;

/// The worst case over every request, draw and failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Worst {
    /// The longest before an answer begins, in milliseconds; never over the role's `total`.
    pub before_answer_ms: Option<u64>,
    /// The most calls.
    pub attempts: Option<u64>,
    /// What a request of 10,000 tokens with an answer of 1,000 costs at most, in millionths of a
    /// US dollar; absent where a price is unknown.
    pub cost_micro_dollars: Option<u64>,
    /// Whether another link answers when any one provider is lost; absent where it cannot be told.
    pub survives_any_provider: Option<bool>,
    /// What it does not survive, as a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_example: Option<String>,
}

/// The worst case of a role of the map.
pub(super) fn worst(prover: &mut Prover<'_>, map: &ModelMap, name: &str, role: &Role) -> Worst {
    let (survives, counter_example) = match prover.prove(name, &Promise::Survives(None)) {
        Proof::Proved => (Some(true), None),
        Proof::Refuted(found) => {
            let prompt = Requests::of_role(map, name, role).prompt_tokens();
            (Some(false), Some(describe::counter_example(&found, prompt)))
        }
        Proof::Vacuous(_) | Proof::Unknown(_) => (None, None),
    };
    let mut worst = Worst {
        before_answer_ms: None,
        attempts: None,
        cost_micro_dollars: None,
        survives_any_provider: survives,
        counter_example,
    };
    let Ok(ways) = ways(role, &Requests::of_role(map, name, role)) else { return worst };
    let plans: Vec<_> =
        ways.iter().flat_map(|way| crate::analysis::ways::plans(map, name, way)).collect();
    let plans = || plans.iter().map(|(_, plan)| plan);
    let time = plans().map(|plan| bounds::time_before_commit(plan).min(plan.timeouts.total)).max();
    worst.before_answer_ms = time.map(milliseconds);
    worst.attempts = plans().map(|plan| plan.most_attempts()).max();
    let costs: Option<Vec<_>> =
        plans().map(|plan| bounds::cost(plan, INPUT_TOKENS, OUTPUT_TOKENS)).collect();
    worst.cost_micro_dollars = costs.and_then(|all| all.into_iter().map(|(cost, _)| cost).max());
    worst
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What became of the worst case.
pub(super) fn changes(before: &Worst, after: &Worst) -> Vec<Change> {
    let mut all = Vec::new();
    let mut add = |what: &str, risk, texts: [Option<String>; 2]| {
        let [was, is] = texts;
        if was != is {
            all.push(Change::new(what, risk, was, is));
        }
    };
    let survives = [before, after].map(|worst| worst.survives_any_provider);
    let risk = if survives == [Some(true), Some(false)] { Risk::High } else { Risk::Low };
    add("survives loss of any provider", risk, survives.map(|it| it.map(yes_or_no)));
    let costs = [before, after].map(|worst| worst.cost_micro_dollars);
    add("worst cost", growth(costs, 50), costs.map(|it| it.map(spell::dollars)));
    let times = [before, after].map(|worst| worst.before_answer_ms);
    let spelled = times.map(|it| it.map(Duration::from_millis).map(spell::seconds));
    add("worst time before the answer", growth(times, 100), spelled);
    let attempts = [before, after].map(|worst| worst.attempts);
    add("most attempts", Risk::Low, attempts.map(|it| it.map(spell::number)));
    for change in &mut all {
        if change.risk == Risk::High && change.what.starts_with("survives") {
            change.note.clone_from(&after.counter_example);
        }
    }
    all
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// High where it has grown by more than so many percent, medium where it has grown by a tenth of
/// itself or cannot be told any longer.
fn growth([before, after]: [Option<u64>; 2], high: u64) -> Risk {
    let (Some(before), Some(after)) = (before, after) else {
        return if before.is_some() { Risk::Medium } else { Risk::Low };
    };
    let over =
        |percent: u64| u128::from(after) * 100 > u128::from(before) * u128::from(100 + percent);
    match (over(high), over(10)) {
        (true, _) => Risk::High,
        (false, true) => Risk::Medium,
        (false, false) => Risk::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_risky_by_its_size() {
        let risk = |before, after| growth([before, after], 50);
        assert_eq!(risk(Some(100), Some(151)), Risk::High);
        assert_eq!(risk(Some(100), Some(150)), Risk::Medium);
        assert_eq!(risk(Some(100), Some(110)), Risk::Low);
        assert_eq!(risk(Some(100), Some(50)), Risk::Low);
        assert_eq!(risk(Some(100), None), Risk::Medium);
        assert_eq!(risk(None, Some(5)), Risk::Low);
        assert_eq!(risk(Some(u64::MAX), Some(u64::MAX)), Risk::Low);
    }
}
