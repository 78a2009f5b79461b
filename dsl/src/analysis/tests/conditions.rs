//! Conditions: every answer against all requests, one by one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model_map::{
    Condition, Facts, Flag, NumberFact, NumberTest, RequestFacts, TextFact, TextPattern, TextTest,
};
use proptest::prelude::*;

use super::random::{condition, header, requests};
use crate::analysis::{Reach, Requests, Sees, Verdict};

fn flag(flag: Flag) -> Condition {
    Condition::Flag(flag)
}

fn tokens(at_least: Option<u64>, at_most: Option<u64>) -> Condition {
    Condition::Number(NumberTest { at_least, at_most, fact: NumberFact::Tokens })
}

fn one_of(values: &[&str]) -> Condition {
    let values: BTreeSet<_> = values.iter().map(|value| value.to_string()).collect();
    Condition::Text(TextTest { fact: header(), is: TextPattern::OneOf(values) })
}

fn matches(glob: &str) -> Condition {
    Condition::Text(TextTest { fact: header(), is: TextPattern::Matches(glob.into()) })
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn found(verdict: Verdict) -> RequestFacts {
    match verdict {
        Verdict::Yes(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ranges_meet_or_do_not() {
    let requests = Requests::new(0);
    let (low, high) = (tokens(None, Some(10)), tokens(Some(11), None));
    assert_eq!(requests.satisfiable(&[(&low, true), (&high, true)]), Verdict::No);
    assert_eq!(requests.satisfiable(&[(&low, false), (&high, false)]), Verdict::No);
    assert_eq!(found(requests.satisfiable(&[(&low, false)])).tokens, 11);
    // Nothing lies within bounds that cross.
    let none = tokens(Some(1), Some(0));
    assert_eq!(requests.satisfiable(&[(&none, true)]), Verdict::No);
    assert_eq!(found(requests.satisfiable(&[(&none, false)])).tokens, 0);
}

#[test]
fn the_prompt_counts_among_the_tokens_and_not_in_the_request() {
    let requests = Requests::new(100);
    let (short, long) = (tokens(None, Some(99)), tokens(Some(150), None));
    assert_eq!(requests.satisfiable(&[(&short, true)]), Verdict::No);
    assert_eq!(found(requests.satisfiable(&[(&long, true)])).tokens, 50);
    assert_eq!(requests.least_tokens(&[(&long, true)]), Some(150));
    assert_eq!(requests.least_tokens(&[(&long, false)]), Some(100));
    assert_eq!(requests.least_tokens(&[(&short, true)]), None);
}

#[test]
fn globs_are_held_against_each_other_not_their_text() {
    let requests = Requests::new(0);
    let covered = |own: &str, others: &[&str]| {
        let own = matches(own);
        let others: Vec<_> = others.iter().map(|glob| matches(glob)).collect();
        let goals = others.iter().map(|other| (other, false)).chain([(&own, true)]);
        requests.satisfiable(&goals.collect::<Vec<_>>()) == Verdict::No
    };
    assert!(covered("core-*", &["c*"]));
    assert!(covered("a*b*", &["a*"]));
    assert!(covered("?*", &["*"]));
    assert!(covered("*", &["", "?*"]));
    assert!(covered("a?c", &["*a*c"]));
    assert!(covered("*a*", &["a*", "?*a*"]));
    assert!(!covered("c*", &["core-*"]));
    assert!(!covered("*", &["", "??*"]));
    assert!(!covered(r"\*", &[r"\?"]));
}

#[test]
fn a_witness_is_short_and_readable() {
    let requests = Requests::new(0).with_clients(["ci".into()]);
    let text = |goals: &[(&Condition, bool)]| {
        found(requests.satisfiable(goals)).text(&header()).unwrap().to_owned()
    };
    assert_eq!(text(&[(&matches("core-*"), true), (&one_of(&["core-"]), false)]), "core-a");
    assert_eq!(text(&[(&matches("*"), true)]), "a");
    assert_eq!(text(&[(&matches("*a"), false), (&matches("??"), true)]), "ab");
    let named =
        Condition::Text(TextTest { fact: TextFact::Client, is: TextPattern::Matches("c*".into()) });
    assert_eq!(found(requests.satisfiable(&[(&named, true)])).client.as_deref(), Some("ci"));
    let plain = found(requests.satisfiable(&[(&flag(Flag::Image), true)]));
    assert_eq!(plain, RequestFacts { image: true, messages: 1, ..RequestFacts::default() });
}

#[test]
fn what_hides_an_arm_is_named() {
    let (image, tools) = (flag(Flag::Image), flag(Flag::Tools));
    let both = Condition::All(vec![image.clone(), tools.clone()]);
    let low = tokens(None, Some(9));
    let never = Condition::All(vec![image.clone(), not(image.clone())]);
    let no_image = not(image.clone());
    let arms = [&image, &both, &no_image, &low, &never].map(Some);
    let reach = Requests::new(0).reach(&arms);
    assert!(matches!(reach[0], Reach::Reached(_)));
    assert_eq!(reach[1], Reach::Hidden { by: vec![0] });
    assert!(matches!(reach[2], Reach::Reached(_)));
    assert_eq!(reach[3], Reach::Hidden { by: vec![0, 2] });
    assert_eq!(reach[4], Reach::Never);
    let after_all = Requests::new(0).reach(&[None, Some(&image)]);
    assert_eq!(after_all[1], Reach::Hidden { by: vec![0] });
}

#[test]
fn a_client_that_may_not_ask_sends_nothing() {
    let ci = |holds| {
        let is = TextPattern::OneOf(BTreeSet::from(["ci".to_owned()]));
        (Condition::Text(TextTest { fact: TextFact::Client, is }), holds)
    };
    let (is_ci, _) = ci(true);
    let requests = Requests::new(0).given(is_ci.clone(), false);
    assert_eq!(requests.satisfiable(&[(&is_ci, true)]), Verdict::No);
    assert_eq!(requests.reach(&[Some(&is_ci), None])[0], Reach::Never);
    let only = Requests::new(0).from_client("ci");
    assert_eq!(only.uncovered(&[Some(&is_ci)]), Verdict::No);
}

#[test]
fn many_arms_take_no_time() {
    let teams: Vec<_> = (0..2_000).map(|team| one_of(&[&format!("team-{team}")])).collect();
    let long: Vec<_> = (1..2_000).map(|at| tokens(Some(4_000 - at), None)).collect();
    let started = Instant::now();
    for arms in [&teams, &long] {
        let arms: Vec<_> = arms.iter().map(Some).collect();
        let reach = Requests::new(0).reach(&arms);
        assert!(reach.iter().all(|reach| matches!(reach, Reach::Reached(_))));
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn what_is_too_complex_is_said_to_be() {
    // Pigeons and holes: no request meets this, and case distinction needs them all.
    let pigeon = |pigeon: usize, hole: usize| {
        let fact = TextFact::Header(format!("p{pigeon}-{hole}"));
        Condition::Text(TextTest { fact, is: TextPattern::Present })
    };
    let housed: Vec<_> =
        (0..12).map(|p| Condition::Any((0..11).map(|h| pigeon(p, h)).collect())).collect();
    let apart: Vec<_> = (0..11)
        .flat_map(|h| (0..12).flat_map(move |p| (0..p).map(move |q| (p, q, h))))
        .map(|(p, q, h)| not(Condition::All(vec![pigeon(p, h), pigeon(q, h)])))
        .collect();
    let goals: Vec<_> = housed.iter().chain(&apart).map(|goal| (goal, true)).collect();
    assert_eq!(Requests::new(0).satisfiable(&goals), Verdict::TooComplex);
    // A glob whose automaton has a state for every set of its places.
    let hard = format!("*a{}", "?".repeat(40));
    let (one, other) = (matches(&hard), matches(&format!("*b{}", "?".repeat(40))));
    let both = matches(&format!("*c{}", "?".repeat(60)));
    let goals = [(&one, false), (&other, false), (&both, true)];
    assert!(matches!(Requests::new(0).satisfiable(&goals), Verdict::TooComplex | Verdict::Yes(_)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn satisfiable_agrees_with_all_requests(
        goals in proptest::collection::vec((condition(), any::<bool>()), 1..4),
    ) {
        let goals: Vec<_> = goals.iter().map(|(condition, holds)| (condition, *holds)).collect();
        let meets = |facts: &RequestFacts| goals.iter().all(|(it, holds)| it.holds(facts) == *holds);
        let conditions: Vec<_> = goals.iter().map(|(condition, _)| *condition).collect();
        match Requests::new(0).satisfiable(&goals) {
            Verdict::Yes(request) => prop_assert!(meets(&request), "{request:?}"),
            Verdict::No => {
                let missed = requests(&conditions).into_iter().find(meets);
                prop_assert!(missed.is_none(), "{missed:?}");
            }
            Verdict::TooComplex => prop_assert!(false, "too complex"),
        }
    }

    #[test]
    fn reach_and_cover_agree_with_all_requests(
        arms in proptest::collection::vec(condition(), 1..5),
        bare in any::<bool>(),
    ) {
        let conditions: Vec<_> = arms.iter().collect();
        let all = requests(&conditions);
        let mut arms: Vec<_> = arms.iter().map(Some).collect();
        arms.extend(bare.then_some(None));
        let takes = |facts: &RequestFacts| {
            arms.iter().position(|when| when.is_none_or(|when| when.holds(facts)))
        };
        let taken: BTreeSet<_> = all.iter().map(takes).collect();
        match Requests::new(0).uncovered(&arms) {
            Verdict::Yes(request) => prop_assert_eq!(takes(&request), None),
            verdict => {
                prop_assert_eq!(verdict, Verdict::No);
                prop_assert!(!taken.contains(&None));
            }
        }
        for (at, reach) in Requests::new(0).reach(&arms).into_iter().enumerate() {
            let holds = |facts: &RequestFacts| arms[at].is_none_or(|when| when.holds(facts));
            match reach {
                Reach::Reached(request) => prop_assert_eq!(takes(&request), Some(at)),
                Reach::Never => prop_assert!(!all.iter().any(holds)),
                Reach::Hidden { by } => {
                    prop_assert!(!taken.contains(&Some(at)));
                    let is_hidden = |facts: &RequestFacts| by.iter().any(|by| {
                        arms[*by].is_none_or(|when| when.holds(facts))
                    });
                    prop_assert!(all.iter().filter(|facts| holds(facts)).all(is_hidden));
                }
                Reach::TooComplex => prop_assert!(false, "too complex"),
            }
        }
    }

    #[test]
    fn least_tokens_and_flags_agree_with_all_requests(
        goals in proptest::collection::vec((condition(), any::<bool>()), 1..3),
    ) {
        let goals: Vec<_> = goals.iter().map(|(condition, holds)| (condition, *holds)).collect();
        let tokens = tokens(Some(0), None);
        let mut conditions: Vec<_> = goals.iter().map(|(condition, _)| *condition).collect();
        conditions.push(&tokens);
        let image = flag(Flag::Image);
        conditions.push(&image);
        let all = requests(&conditions);
        let meets = |facts: &&RequestFacts| goals.iter().all(|(it, holds)| it.holds(*facts) == *holds);
        let met: Vec<_> = all.iter().filter(meets).collect();
        let requests = Requests::new(0);
        // Longer texts than are tried out may do, so that brute force gives a bound only.
        if let Some(least) = met.iter().map(|facts| facts.tokens).min() {
            prop_assert!(requests.least_tokens(&goals).is_some_and(|found| found <= least));
            let with = met.iter().any(|facts| facts.image);
            let without = met.iter().any(|facts| !facts.image);
            let sees = requests.sees(&goals, Flag::Image).unwrap();
            prop_assert!(!with || sees != Sees::Never);
            prop_assert!(!without || sees != Sees::Always);
        }
        if let Some(least) = requests.least_tokens(&goals) {
            let bound = super::conditions::tokens(None, Some(least));
            let exact: Vec<_> = goals.iter().copied().chain([(&bound, true)]).collect();
            let request = found(requests.satisfiable(&exact));
            prop_assert_eq!(request.tokens, least);
        }
    }
}
