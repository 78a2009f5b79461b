//! The embedded catalogue beside the source that it was made from, fact by fact.

use std::path::PathBuf;

use model_map::Sampling;
use serde_json::Value;
use sfai_dsl::catalogue::{Ability, Catalogue, EFFORTS, Facts, Price};

/// The provider's name in the source, and the section's.
const NAMES: [(&str, &str); 8] = [
    ("amazon-bedrock", "bedrock"),
    ("anthropic", "anthropic"),
    ("deepseek", "deepseek"),
    ("google", "google"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("openai", "openai"),
    ("xai", "xai"),
];

/// What people know better than the source: `by_hand.toml` says from where.
const JSON_BY_HAND: [&str; 2] = ["anthropic", "mistral"];
const EFFORTS_BY_HAND: [&str; 6] = [
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-flash-latest",
    "gemini-flash-lite-latest",
    "qwen/qwen3-32b",
];

fn source() -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalog");
    let Ok(text) = std::fs::read(folder.join("models.json")) else {
        println!("SKIPPED: there is no source of the catalogue beside this checkout");
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

#[test]
fn every_text_model_of_the_source_is_there_with_its_facts() {
    let Some(source) = source() else { return };
    let catalogue = Catalogue::default();
    let (mut compared, mut left_out) = (0, Vec::new());
    for (theirs, ours) in NAMES {
        let section = catalogue.section(ours, "", "").unwrap();
        let models = source["providers"][theirs].as_object().unwrap();
        assert!(section.models.keys().all(|id| models.contains_key(id)), "{ours}");
        for (id, model) in models {
            match section.models.get(id) {
                Some(facts) => {
                    compare(ours, id, model, facts);
                    compared += 1;
                }
                None => left_out.push((id, model)),
            }
        }
    }
    println!("compared {compared} models; {} are not of text", left_out.len());
    assert!(compared > 200, "{compared}");
    for (id, model) in left_out {
        let (input, output) = (&model["modalities"]["input"], &model["modalities"]["output"]);
        let text = |kinds: &Value| kinds.as_array().unwrap().iter().any(|kind| kind == "text");
        let only_text = output.as_array().is_some_and(|kinds| kinds.len() == 1);
        assert!(!text(input) || !only_text, "{id} is a text model");
    }
}

fn compare(section: &str, id: &str, model: &Value, facts: &Facts) {
    let known = |key: &str| model["limit"][key].as_u64().filter(|tokens| *tokens > 0);
    assert_eq!(facts.context, known("context"), "{id}");
    assert_eq!(facts.input, known("input"), "{id}");
    let output = if facts.embeds == Some(true) { None } else { known("output") };
    assert_eq!(facts.output, output, "{id}");
    abilities(section, id, model, facts);
    let refuses = facts.sampling == Some(Sampling::Refused);
    assert_eq!(refuses, model["temperature"] == false, "{id}");
    reasoning(id, model, facts);
    let is_dated = facts.deprecated.as_ref().is_some_and(|it| it.on.is_some());
    let is_deprecated = model["status"] == "deprecated";
    assert!(is_dated || facts.deprecated.is_some() == is_deprecated, "{id}");
    assert!(facts.deprecated.is_some() || !is_deprecated, "{id}");
    prices(id, &model["cost"], facts);
}

fn abilities(section: &str, id: &str, model: &Value, facts: &Facts) {
    let accepts = facts.accepts.as_ref().unwrap();
    let input = model["modalities"]["input"].as_array().unwrap();
    let takes = |kind: &str| input.iter().any(|one| one == kind);
    assert_eq!(accepts.contains(&Ability::Image), takes("image"), "{id}");
    assert_eq!(accepts.contains(&Ability::Pdf), takes("pdf"), "{id}");
    assert_eq!(accepts.contains(&Ability::Tools), model["tool_call"] == true, "{id}");
    let is_in_source = model["structured_output"] == true;
    if is_in_source || !JSON_BY_HAND.contains(&section) {
        assert_eq!(accepts.contains(&Ability::Json), is_in_source, "{id}");
    }
}

fn reasoning(id: &str, model: &Value, facts: &Facts) {
    let options = model["reasoning_options"].as_array().cloned().unwrap_or_default();
    let of_kind = |kind: &str| options.iter().find(|one| one["type"] == kind).cloned();
    let budget = of_kind("budget_tokens").and_then(|one| one["min"].as_u64());
    assert_eq!(facts.thinking_budget_min.map(u64::from), budget, "{id}");
    if !EFFORTS_BY_HAND.contains(&id) {
        let theirs = of_kind("effort").map(|one| one["values"].as_array().cloned().unwrap());
        let has = |name: &str| theirs.iter().flatten().any(|one| one == name);
        let ours = facts.efforts.as_ref().unwrap();
        for (effort, name) in EFFORTS {
            assert_eq!(ours.contains(&effort), has(name), "{id} {name}");
        }
    }
}

fn prices(id: &str, cost: &Value, facts: &Facts) {
    same_price(id, cost, facts.price);
    let tier = &cost["tiers"][0];
    assert_eq!(facts.price_over.is_some(), tier.is_object(), "{id}");
    if let Some(over) = facts.price_over {
        assert_eq!(Some(over.tokens), tier["tier"]["size"].as_u64(), "{id}");
        same_price(id, tier, over.price);
    }
}

fn same_price(id: &str, cost: &Value, price: Price) {
    let pairs = [
        ("input", price.input),
        ("output", price.output),
        ("cache_read", price.cache_read),
        ("cache_write", price.cache_write),
    ];
    for (key, ours) in pairs {
        let theirs = cost[key].as_f64().filter(|dollars| *dollars > 0.0 || !key.contains('_'));
        let is_same = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours as f64 / 1e6 - theirs).abs() < 1e-6,
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        assert!(is_same, "{id} {key}: {ours:?}, {theirs:?}");
    }
}
