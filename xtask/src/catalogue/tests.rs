//! The way from the source to the files.

use std::path::{Path, PathBuf};

use super::*;

const SOURCE: &str = r#"{
  "as_of": "2026-07-02",
  "source": "models.dev",
  "units": {"cost": "USD per 1,000,000 tokens", "limit": "tokens"},
  "providers": {"lab-inc": {
    "chat": {
      "cost": {"input": 0.049999999999999996, "output": 2.5, "cache_read": 0,
        "tiers": [{"input": 3, "output": 4, "tier": {"size": 200000}}]},
      "limit": {"context": 1048576, "output": 0},
      "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
      "reasoning": true,
      "reasoning_options": [
        {"type": "toggle"},
        {"type": "effort", "values": ["low", "default", "max"]},
        {"type": "budget_tokens", "min": 1024, "max": 2048}],
      "status": "deprecated", "structured_output": true, "temperature": false, "tool_call": true},
    "embed": {"cost": {"input": 0.1, "output": 0}, "limit": {"context": 512, "output": 1024},
      "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": false,
      "temperature": false, "tool_call": false},
    "paint": {"modalities": {"input": ["text"], "output": ["image"]}, "tool_call": true},
    "riddle": {"modalities": {"input": ["text"]}, "reasoning": true, "tool_call": true},
    "talk": {"modalities": {"input": ["audio"], "output": ["text"]}, "tool_call": false}
  }}
}"#;

const BY_HAND: &str = r#"
[[section]]
name = "lab"
from = "lab-inc"
hosts = ["*.lab.example"]
prefixes = ["eu."]
past_reasoning = "refused"
call_ids = "nine"

[[correction]]
source = "its page"
sections = ["lab"]
models = ["embed*"]
set = { embeds = true }

[[correction]]
source = "its page"
sections = ["lab"]
models = ["*"]
reasoning = true
set = { prefill = true, sampling = "one", output_limit_key = "max_completion_tokens" }
add = ["json"]
"#;

const WRITTEN: &str = r#"
[lab]
hosts = ["*.lab.example"]
prefixes = ["eu."]
past_reasoning = "refused"
call_ids = "nine"

[lab.models."chat"]
context = 1_048_576
accepts = ["image", "pdf", "tools", "json"]
sampling = "one"
efforts = ["low", "max"]
thinking_budget_min = 1_024
prefill = true
output_limit_key = "max_completion_tokens"
price = { input = 0.05, output = 2.5 }
price_over = { tokens = 200_000, input = 3, output = 4 }
deprecated = true

[lab.models."embed"]
context = 512
accepts = []
sampling = "refused"
efforts = []
embeds = true
price = { input = 0.1, output = 0 }

[lab.models."riddle"]
accepts = ["tools", "json"]
sampling = "one"
prefill = true
output_limit_key = "max_completion_tokens"
"#;

fn trouble(source: &str, by_hand: &str) -> String {
    generate(source, by_hand).unwrap_err().to_string()
}

#[test]
fn a_section_is_written_from_the_source_and_the_corrections() {
    let files = generate(SOURCE, BY_HAND).unwrap();
    let [(name, text)] = files.as_slice() else { panic!("one file") };
    assert_eq!(name, "lab.toml");
    let (head, written) = text.split_at(text.find("\n[lab]").unwrap());
    assert_eq!(written, WRITTEN);
    assert!(head.lines().all(|line| line.starts_with('#') && line.len() <= 100), "{head}");
    assert!(head.contains("as of 2026-07-02"));
    let (_, problems) = sfai_dsl::catalogue::overlay(text);
    assert_eq!(problems, vec![]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let stale = BY_HAND.replace("embed*", "paint");
    assert!(trouble(SOURCE, &stale).contains("no model is `paint` any more (its page)"));
    let units = SOURCE.replace("USD per 1,000,000 tokens", "EUR");
    assert!(trouble(&units, BY_HAND).contains("it counts in `EUR`"));
    let tier = r#"{"input": 3, "output": 4, "tier": {"size": 200000}}"#;
    let tiers = SOURCE.replace(tier, &format!("{tier}, {tier}"));
    assert!(trouble(&tiers, BY_HAND).contains("`chat` has several price tiers"));
    let unknown = BY_HAND.replace("lab-inc", "lab");
    assert!(trouble(SOURCE, &unknown).contains("find the provider `lab`"));
    let misspelt = BY_HAND.replace("prefill", "prefil");
    assert!(trouble(SOURCE, &misspelt).contains("prefil"));
    assert!(trouble("{", BY_HAND).contains("understand the source"));
}

#[test]
fn the_committed_catalogue_is_what_the_shared_source_gives() {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalog/models.json");
    let Ok(source) = std::fs::read_to_string(from) else {
        println!("SKIPPED: there is no source of the catalogue beside this checkout");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl/catalogue");
    let by_hand = std::fs::read_to_string(folder.join("by_hand.toml")).unwrap();
    let files = generate(&source, &by_hand).unwrap();
    let models: usize = files.iter().map(|(_, text)| text.matches(".models.").count()).sum();
    for (name, text) in &files {
        let there = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(there == *text, "{name} is stale: run `cargo xtask catalogue --from FILE`");
    }
    println!("compared {} files, {models} models", files.len());
}
