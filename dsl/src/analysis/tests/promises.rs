//! Promises: every proof against plans that are played through at random, and every
//! counter-example played through again.

use std::collections::BTreeSet;
use std::time::Duration;

use model_map::{
    Arm, Attempts, Condition, Draw, Failure, FailureClass, Flag, Guard, Link, Model, ModelMap,
    Plan, Protocol, Provider, RequestFacts, Retry, Role, Share, Step, TimeoutChanges, Timeouts,
    plan,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::analysis::outage::{LOSS, Tried};
use crate::analysis::{CounterExample, Promise, Proof, Prover, bounds, prove};
use crate::simulate::{End, Meets, play};

const MODELS: [&str; 5] = ["p/one", "p/two", "q/one", "q/two", "r/one"];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn model(key: &str) -> Model {
    let (provider, id) = key.split_once('/').unwrap();
    let json = serde_json::json!({ "provider": provider, "id": id });
    let mut model: Model = serde_json::from_value(json).unwrap();
    model.price.input = Some(1_000_000 * key.len() as u64);
    model.price.output = Some(5_000_000);
    model
}

fn map(role: Role) -> ModelMap {
    let provider = |name: &str| {
        let provider: Provider =
            serde_json::from_value(serde_json::json!({ "protocol": "demo" })).unwrap();
        assert_eq!(provider.protocol, Protocol::Demo);
        (name.to_owned(), provider)
    };
    ModelMap {
        clients: Default::default(),
        digest: String::new(),
        env: "default".into(),
        format: 1,
        models: MODELS.into_iter().map(|key| (key.to_owned(), model(key))).collect(),
        prompts: Default::default(),
        providers: ["p", "q", "r"].into_iter().map(provider).collect(),
        roles: [("coder".to_owned(), role)].into(),
        sources: Default::default(),
    }
}

fn chain(keys: &[&str]) -> Vec<Link> {
    keys.iter().map(|key| Link { model: key.to_string() }).collect()
}

fn retry(count: u32, on: &[FailureClass]) -> Retry {
    Retry { count, on: on.iter().copied().collect(), ..Retry::default() }
}

fn refuted(proof: Proof) -> CounterExample {
    match proof {
        Proof::Refuted(example) => *example,
        other => panic!("{other:?}"),
    }
}

#[test]
fn roles_of_one_shape_survive_together_and_others_are_told_apart() {
    let role = Role::of(vec![Arm::always(chain(&["p/one", "q/one"]))]);
    let mut map = map(role.clone());
    let mut add = |name: &str, change: fn(&mut Role)| {
        let mut other = role.clone();
        change(&mut other);
        map.roles.insert(name.to_owned(), other);
    };
    add("cool", |role| role.parameters.temperature = Some(0.1));
    add("hasty", |role| role.timeouts.total = seconds(30));
    add("stubborn", |role| role.fallback_on = [FailureClass::Network].into());
    add("alone", |role| role.arms = vec![Arm::always(chain(&["p/one", "p/two"]))]);
    add("split", |role| role.arms[0].when = Some(Condition::Flag(Flag::Image)));
    let survives = Promise::Survives(None);
    let mut prover = Prover::new(&map);
    // One after the other, so that what was proved of one could be taken for another.
    for name in ["coder", "cool", "hasty", "stubborn", "alone", "split"] {
        assert_eq!(prover.prove(name, &survives), prove(&map, name, &survives), "{name}");
    }
    assert_eq!(prover.prove("cool", &survives), Proof::Proved);
    assert!(matches!(prover.prove("hasty", &survives), Proof::Refuted(_)));
}

#[test]
fn a_loss_is_survived_by_a_second_provider_with_time_left() {
    let mut role = Role::of(vec![Arm::always(chain(&["p/one", "p/two", "q/one"]))]);
    role.retry = retry(1, &[FailureClass::Network]);
    let survives = Promise::Survives(Some("p".into()));
    assert_eq!(prove(&map(role.clone()), "coder", &survives), Proof::Proved);
    // Two links, twice 20s and 200ms each, then 20s for the third.
    role.timeouts.total = Duration::from_millis(100_400);
    assert_eq!(prove(&map(role.clone()), "coder", &survives), Proof::Proved);
    role.timeouts.total = Duration::from_millis(100_399);
    let example = refuted(prove(&map(role.clone()), "coder", &survives));
    assert_eq!(example.failures.len(), 4);
    assert!(example.outcome.contains("`q/one` is called after 80.4s"), "{}", example.outcome);
    role.timeouts.total = seconds(300);
    role.fallback_on = [FailureClass::Network, FailureClass::Timeout].into();
    let example = refuted(prove(&map(role), "coder", &survives));
    assert_eq!(example.failures.len(), 1);
    assert!(example.outcome.contains("`fallback` does not lead on after"), "{}", example.outcome);
}

#[test]
fn every_draw_and_every_arm_must_survive() {
    let image = Condition::Flag(Flag::Image);
    let seeing = Arm { when: Some(image), ..Arm::always(chain(&["q/one", "q/two"])) };
    let share = |model: &str, percent| Share { model: model.into(), percent };
    let drawn = Arm {
        draw: vec![share("p/one", 90), share("q/one", 10)],
        ..Arm::always(chain(&["q/two"]))
    };
    let survives = Promise::Survives(None);
    let example = refuted(prove(&map(Role::of(vec![seeing, drawn.clone()])), "coder", &survives));
    assert!(example.request.image && example.draw.is_none());
    let example = refuted(prove(&map(Role::of(vec![drawn])), "coder", &survives));
    assert_eq!(example.chain, ["q/one", "q/two"]);
    assert_eq!(example.draw, Some(Draw::percent(90)));
}

#[test]
fn a_promise_of_what_is_not_there_is_vacuous() {
    let map = map(Role::of(vec![Arm::always(chain(&["p/one", "q/one"]))]));
    let of = |promise| prove(&map, "coder", &promise);
    assert!(matches!(of(Promise::Survives(Some("r".into()))), Proof::Vacuous(_)));
    assert_eq!(of(Promise::Survives(Some("q".into()))), Proof::Proved);
    assert_eq!(of(Promise::UsesOnly(["p".into(), "q".into()].into())), Proof::Proved);
    assert!(matches!(of(Promise::UsesOnly(["p".into()].into())), Proof::Refuted(_)));
}

#[test]
fn the_worst_answer_is_the_dearest() {
    let mut role = Role::of(vec![Arm::always(chain(&["p/one", "q/one"]))]);
    role.retry = retry(1, &[FailureClass::Network]);
    // Four attempts at $5 a million, and the answer.
    let costs = |role: &Role, micro_dollars| {
        let promise = Promise::CostsAtMost { micro_dollars, tokens: 1_000, max_tokens: 100 };
        prove(&map(role.clone()), "coder", &promise)
    };
    assert_eq!(costs(&role, 4 * 5_000 + 500), Proof::Proved);
    let example = refuted(costs(&role, 4 * 5_000 + 499));
    assert_eq!((example.request.tokens, example.request.max_tokens), (1_000, Some(100)));
    role.limits.max_tokens = Some(10);
    assert_eq!(costs(&role, 4 * 5_000 + 50), Proof::Proved);
    role.deny.insert("max_tokens".into());
    role.limits.max_tokens = None;
    assert!(matches!(costs(&role, u64::MAX), Proof::Unknown(_)));
}

#[test]
fn the_worst_time_counts_retries_and_doubling_pauses() {
    let retry = |count| Retry {
        count,
        max_backoff: seconds(1),
        on: [FailureClass::Network].into(),
        ..Retry::default()
    };
    assert_eq!(bounds::link_time(seconds(20), &Retry::default()), seconds(20));
    assert_eq!(bounds::link_time(seconds(20), &retry(1)), Duration::from_millis(40_200));
    // 0.2 + 0.4 + 0.8 + 1 + 1
    assert_eq!(bounds::link_time(seconds(1), &retry(5)), Duration::from_millis(9_400));
    // 24 more pauses of a second each.
    assert_eq!(bounds::link_time(seconds(1), &retry(29)), Duration::from_millis(57_400));
    assert!(bounds::link_time(seconds(1), &retry(u32::MAX)) > seconds(1 << 32));
}

fn classes() -> impl Strategy<Value = BTreeSet<FailureClass>> {
    subsequence(FailureClass::ALL.to_vec(), 0..8).prop_map(|some| some.into_iter().collect())
}

fn links(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Link>> {
    proptest::collection::vec(select(MODELS.to_vec()), range).prop_map(|keys| chain(&keys))
}

fn arm() -> impl Strategy<Value = Arm> {
    let draw = prop_oneof![
        Just(Vec::new()),
        (select(MODELS.to_vec()), select(MODELS.to_vec()), 0_u32..=100).prop_map(
            |(a, b, first)| {
                vec![
                    Share { model: a.into(), percent: first },
                    Share { model: b.into(), percent: 100 - first },
                ]
            }
        ),
    ];
    let flag = select(Flag::ALL.to_vec());
    (links(1..3), draw, flag).prop_map(|(chain, draw, flag)| Arm {
        chain,
        draw,
        when: Some(Condition::Flag(flag)),
    })
}

fn role() -> impl Strategy<Value = Role> {
    let retried = subsequence(
        FailureClass::ALL.into_iter().filter(|class| class.is_retryable()).collect::<Vec<_>>(),
        0..4,
    );
    let timers = (1_u64..20, 1_u64..90);
    let guard = (select(Flag::ALL.to_vec()), 1_u64..20).prop_map(|(flag, first_token)| Guard {
        parameters: Default::default(),
        system: None,
        timeouts: TimeoutChanges { first_token: Some(seconds(first_token)), ..Default::default() },
        when: Condition::Flag(flag),
    });
    let guards = proptest::collection::vec(guard, 0..2);
    let arms = (proptest::collection::vec(arm(), 0..3), links(1..4));
    (arms, classes(), 0_u32..2, retried, timers, guards).prop_map(
        |((mut arms, last), fallback_on, count, retried, (first_token, total), guards)| {
            arms.push(Arm::always(last));
            let mut role = Role::of(arms);
            role.fallback_on = fallback_on;
            role.guards = guards;
            role.retry = retry(count, &retried);
            role.timeouts = Timeouts {
                first_token: seconds(first_token),
                total: seconds(total),
                ..Timeouts::default()
            };
            role
        },
    )
}

/// Every request that makes a difference: all flags.
fn requests() -> impl Iterator<Item = RequestFacts> {
    (0..16_u8).map(|bits| RequestFacts {
        image: bits & 1 > 0,
        json: bits & 2 > 0,
        stream: bits & 4 > 0,
        tools: bits & 8 > 0,
        ..RequestFacts::default()
    })
}

/// Every plan that a request and a draw can get.
fn all_plans(map: &ModelMap) -> Vec<(RequestFacts, Plan<'_>)> {
    let shares = map.roles["coder"].arms.iter().filter_map(|arm| arm.draw.first());
    let edges = shares.flat_map(|share| [share.percent.saturating_sub(1), share.percent]);
    let percents: BTreeSet<u32> = edges.chain([0, 99]).filter(|percent| *percent < 100).collect();
    let mut plans = Vec::new();
    for facts in requests() {
        for percent in &percents {
            let draw = Draw::percent(*percent as u8);
            plans.push((facts.clone(), plan(map, "coder", &facts, draw).unwrap()));
        }
    }
    plans
}

/// Plays a loss through, each attempt failing at a random time and each pause being random.
/// Whether a link that works is called with `first_token` left.
fn plays_well(
    plan: &Plan<'_>,
    streamed: bool,
    (lost, class): (&str, FailureClass),
    mut chance: impl FnMut() -> f64,
) -> bool {
    let played = play(plan, streamed, |call| {
        if plan.chain[call.link].model.provider != lost {
            return Meets::Enough;
        }
        let latest = match class {
            FailureClass::Timeout => call.deadline,
            _ => call.deadline.min(call.at + plan.timeouts.first_token),
        };
        let part = if class == FailureClass::Timeout { 1.0 } else { chance() };
        let at = call.at + latest.saturating_sub(call.at).mul_f64(part);
        Meets::Failure { failure: Failure::of(class), at, jitter: chance() }
    });
    match played.end {
        End::Enough(attempt) => {
            let called_at = played.attempts.log()[attempt].started;
            called_at + plan.timeouts.first_token <= plan.timeouts.total
        }
        _ => false,
    }
}

/// Plays a counter-example through, failure by failure, and says where it is not possible or does
/// no harm.
fn breaks(plan: &Plan<'_>, example: &CounterExample) -> Result<(), String> {
    let is_close = |one: Duration, other: Duration| one.abs_diff(other) < Duration::from_micros(9);
    let mut left: Vec<_> = example.failures.iter().collect();
    let mut wrong = None;
    let played = play(plan, example.request.stream, |call| {
        let key = plan.chain[call.link].key;
        let is_this = |it: &&Tried| it.model == key && is_close(it.called_at, call.at);
        let Some(place) = left.iter().position(is_this) else { return Meets::Enough };
        let tried = left.remove(place);
        let at = tried.failed_at;
        if at > call.deadline + Duration::from_micros(9) || at < call.at || !key.starts_with("p/") {
            wrong =
                Some(format!("{tried:?} was called at {:?} until {:?}", call.at, call.deadline));
        }
        let most = bounds::greatest_pause(&plan.role.retry, call.before);
        let again = left.iter().find(|next| next.model == key).map(|next| next.called_at - at);
        let jitter = again.map_or(1.0, |pause| pause.as_secs_f64() / most.as_secs_f64());
        let at = at.min(call.deadline);
        Meets::Failure { failure: Failure::of(tried.class), at, jitter }
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    match played.end {
        _ if !left.is_empty() => Err(format!("never called: {left:?}")),
        End::GivenUp { .. } => Ok(()),
        End::Enough(attempt) => {
            let at = played.attempts.log()[attempt].started;
            let is_late = at + plan.timeouts.first_token > plan.timeouts.total;
            is_late.then_some(()).ok_or_else(|| format!("there is time at {at:?}"))
        }
        other => Err(format!("{other:?}")),
    }
}

/// The most calls, by trying every class at every attempt.
fn most_calls(attempts: &mut Attempts, step: Step, now: Duration, made: usize) -> usize {
    match step {
        Step::GiveUp | Step::Watch => made,
        Step::Wait(until) => {
            let step = attempts.resume(until);
            most_calls(attempts, step, until, made)
        }
        Step::Call(_) => {
            // One of the classes that come to the same.
            let mut went = BTreeSet::new();
            let tried = FailureClass::ALL.into_iter().filter_map(|class| {
                let mut attempts = attempts.clone();
                let last = attempts.log().len() - 1;
                let step = attempts.attempt_failed(last, now, Failure::of(class), 0.0);
                let is_length = class == FailureClass::ContextLength;
                let next = attempts.clone().resume(now);
                let is_new = went.insert(format!("{step:?} {next:?} {is_length}"));
                is_new.then(|| most_calls(&mut attempts, step, now, made + 1))
            });
            tried.max().unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proved_to_survive_survives_and_what_is_not_does_not(
        role in role(),
        seed in any::<u64>(),
    ) {
        let map = map(role);
        let mut seed = seed | 1;
        let mut chance = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // The ends of the range more often than chance would have it.
            ((seed % 1_200) as f64 / 1_000.0 - 0.1).clamp(0.0, 1.0)
        };
        match prove(&map, "coder", &Promise::Survives(Some("p".into()))) {
            Proof::Proved => {
                // Where another provider is first, nothing is lost.
                let starts = |plan: &Plan<'_>| plan.chain[0].model.provider == "p";
                for (facts, plan) in all_plans(&map).into_iter().filter(|(_, it)| starts(it)) {
                    for class in LOSS.into_iter().cycle().take(18) {
                        prop_assert!(
                            plays_well(&plan, facts.stream, ("p", class), &mut chance),
                            "{facts:?} {class}"
                        );
                    }
                }
            }
            Proof::Refuted(example) => {
                let draw = example.draw.unwrap_or(Draw::percent(0));
                let plan = plan(&map, "coder", &example.request, draw).unwrap();
                let keys: Vec<_> = plan.chain.iter().map(|link| link.key).collect();
                prop_assert_eq!(&keys, &example.chain);
                prop_assert!(breaks(&plan, &example).is_ok(), "{:?} {example:?}", breaks(&plan, &example));
            }
            Proof::Vacuous(_) => {
                let mut models = map.roles["coder"].arms.iter().flat_map(|arm| {
                    arm.draw.iter().map(|it| &it.model).chain(arm.chain.iter().map(|it| &it.model))
                });
                prop_assert!(!models.any(|key| key.starts_with("p/")));
            }
            Proof::Unknown(reason) => prop_assert!(false, "{reason}"),
        }
    }

    #[test]
    fn attempts_are_as_many_as_any_failures_can_make(role in role(), most in 0_u32..10) {
        let map = map(role);
        let mut tried = BTreeSet::new();
        let mut worst = 0;
        for (_, plan) in all_plans(&map) {
            let keys: Vec<_> = plan.chain.iter().map(|link| link.key).collect();
            if tried.insert(keys) {
                let mut attempts = Attempts::new(&plan, true);
                let step = attempts.start(Duration::ZERO);
                worst = worst.max(most_calls(&mut attempts, step, Duration::ZERO, 0));
            }
        }
        match prove(&map, "coder", &Promise::MakesAtMost(most)) {
            Proof::Proved => prop_assert!(worst <= most as usize),
            Proof::Refuted(example) => {
                prop_assert!(worst > most as usize);
                prop_assert_eq!(example.failures.len(), most as usize + 1);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn what_is_promised_of_chains_is_what_every_request_gets(role in role(), limit in 1_u64..90) {
        let map = map(role);
        let plans = all_plans(&map);
        let keeps = |promise: Promise| prove(&map, "coder", &promise) == Proof::Proved;
        let all = |holds: &dyn Fn(&Plan<'_>) -> bool| plans.iter().all(|(_, plan)| holds(plan));
        prop_assert_eq!(
            keeps(Promise::EndsWithin(seconds(limit))),
            all(&|plan| plan.timeouts.total <= seconds(limit))
        );
        let model = "q/one".to_owned();
        prop_assert_eq!(
            keeps(Promise::NeverReaches { model, client: None }),
            all(&|plan| plan.chain.iter().all(|link| link.key != "q/one"))
        );
        prop_assert_eq!(
            keeps(Promise::UsesOnly(["p".into(), "q".into()].into())),
            all(&|plan| plan.chain.iter().all(|link| link.model.provider != "r"))
        );
    }
}
