//! Plans by example: which arm, which first link, which changes.

use serde_json::json;

use super::*;
use crate::facts::RequestFacts;
use crate::seal::prompt_id;

/// Two clients and a role of three arms, one of which draws, and two guards.
fn map() -> ModelMap {
    let model = json!({"provider": "p", "id": "m"});
    let prompt = "x".repeat(400);
    serde_json::from_value(json!({
        "digest": "", "env": "test", "format": 1,
        "clients": {"ada": {"allow": ["coder"]}, "bob": {"allow": []}},
        "models": {"p/a": model, "p/b": model, "p/c": model},
        "prompts": {prompt_id(&prompt): prompt},
        "providers": {"p": {"protocol": "demo"}},
        "roles": {"coder": {
            "arms": [
                {"when": {"number": {"fact": "tokens", "at_least": 1000}},
                 "chain": [{"model": "p/b"}]},
                {"when": {"flag": "image"}, "chain": [{"model": "p/b"}, {"model": "p/a"}]},
                {"draw": [{"model": "p/a", "percent": 90}, {"model": "p/c", "percent": 10}],
                 "chain": [{"model": "p/b"}]},
            ],
            "guards": [
                {"when": {"flag": "tools"}, "parameters": {"temperature": 0.1, "max_tokens": 10}},
                {"when": {"text": {"fact": "client", "is": {"one_of": ["ada"]}}},
                 "parameters": {"max_tokens": 20}, "timeouts": {"idle_ms": 7},
                 "system": {"mode": "replace", "prompts": []}},
            ],
            "parameters": {"temperature": 1.0, "top_p": 0.5},
            "retry": {"count": 0, "min_backoff_ms": 1, "max_backoff_ms": 1, "on": []},
            "system": {"prompts": [prompt_id(&prompt)]},
            "timeouts": {"connect_ms": 1, "first_token_ms": 2, "idle_ms": 3, "total_ms": 4},
        }},
        "sources": {"arms": {"coder": ["a.sfr:1", "a.sfr:2", "a.sfr:3"]}, "roles": {}},
    }))
    .unwrap()
}

fn keys<'m>(plan: &Plan<'m>) -> Vec<&'m str> {
    plan.chain.iter().map(|link| link.key).collect()
}

#[test]
fn the_first_arm_that_holds_decides_and_is_named() {
    let map = map();
    let of = |facts: &RequestFacts| {
        let plan = plan(&map, "coder", facts, Draw::percent(0)).unwrap();
        (keys(&plan), plan.rule)
    };
    // The role's own prompt counts: 400 characters are 100 tokens.
    let long = RequestFacts { tokens: 900, image: true, ..RequestFacts::default() };
    assert_eq!(of(&long), (vec!["p/b"], "a.sfr:1"));
    let short = RequestFacts { tokens: 899, ..long };
    assert_eq!(of(&short), (vec!["p/b", "p/a"], "a.sfr:2"));
    assert_eq!(of(&RequestFacts::default()), (vec!["p/a", "p/b"], "a.sfr:3"));
}

#[test]
fn a_draw_falls_on_one_share_and_the_chain_follows() {
    let map = map();
    let first = |percent| {
        let plan = plan(&map, "coder", &RequestFacts::default(), Draw::percent(percent)).unwrap();
        keys(&plan)
    };
    assert_eq!(first(89), ["p/a", "p/b"]);
    assert_eq!(first(90), ["p/c", "p/b"]);
    assert_eq!(first(99), ["p/c", "p/b"]);
}

#[test]
fn a_conversation_keeps_its_draw_and_draws_are_spread_evenly() {
    let of = |client, text: &str| Draw::of(client, text.as_bytes());
    assert_eq!(of(Some("ada"), "hello"), of(Some("ada"), "hello"));
    let mut seen = [0_u32; 100];
    for number in 0..100_000 {
        seen[usize::from(of(Some("ada"), &format!("question {number}")).as_percent())] += 1;
    }
    assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    let short: std::collections::BTreeSet<u8> =
        (0..200).map(|number| of(None, &format!("\"{number}\"")).as_percent()).collect();
    assert!(short.len() > 75, "{} draws of 200 short texts", short.len());
}

#[test]
fn all_guards_that_hold_apply_and_the_later_wins_by_key() {
    let map = map();
    let facts = RequestFacts { tools: true, client: Some("ada".into()), ..Default::default() };
    let both = plan(&map, "coder", &facts, Draw::percent(0)).unwrap();
    let expected = Parameters {
        max_tokens: Some(20),
        temperature: Some(0.1),
        top_p: Some(0.5),
        ..Parameters::default()
    };
    assert_eq!(both.parameters, expected);
    assert_eq!(both.timeouts.idle, std::time::Duration::from_millis(7));
    assert_eq!(both.system.mode, crate::role::SystemMode::Replace);
    let none = plan(&map, "coder", &RequestFacts::default(), Draw::percent(0)).unwrap();
    assert_eq!((none.parameters.temperature, none.system.prompts.len()), (Some(1.0), 1));
}

#[test]
fn a_client_sees_only_the_roles_that_it_may_ask_for() {
    let map = map();
    let asked_by = |client: &str| {
        let facts = RequestFacts { client: Some(client.into()), ..RequestFacts::default() };
        plan(&map, "coder", &facts, Draw::percent(0)).map(|_| ())
    };
    assert_eq!(asked_by("ada"), Ok(()));
    assert_eq!(asked_by("bob"), Err(Unplanned::UnknownRole));
    assert_eq!(asked_by("someone from SFAI_CLIENT_KEYS"), Ok(()));
}

#[test]
fn a_fact_that_a_request_lacks_makes_comparisons_false_and_their_negation_true() {
    let lacking = RequestFacts::default();
    let read = |json| serde_json::from_value::<crate::Condition>(json).unwrap();
    let limit = json!({"number": {"fact": "max_tokens", "at_most": 100}});
    let team = json!({"text": {"fact": {"header": "x-team"}, "is": "present"}});
    for test in [limit, team] {
        assert!(!read(test.clone()).holds(&lacking));
        assert!(read(json!({ "not": test })).holds(&lacking));
    }
}
