//! How models are shown.

use super::*;
use crate::catalogue::{Catalogue, overlay};

const TEXT: &str = "
[lab.models.big]
context = 1_000_000
output = 64_000
accepts = [\"tools\", \"image\"]
sampling = \"one\"
efforts = [\"high\", \"low\"]
prefill = true
output_limit_key = \"max_tokens\"
price = { input = 1.25, output = 10, cache_read = 0.0028 }
price_over = { tokens = 200_000, input = 2.5 }

[lab.models.nothing-is-known-of-it]

[lab.models.old]
accepts = []
efforts = []
thinking_budget_min = 1_024
price = { input = 0, output = 0.5 }
deprecated = \"2026-10-22\"

[lab.models.vector]
context = 512
embeds = true
deprecated = true
";

fn with_models<T>(of: impl Fn(&[Listed<'_>]) -> T) -> T {
    let (sections, problems) = overlay(TEXT);
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    let section = catalogue.section("lab", "", "").unwrap();
    let listed = section.models.iter().map(|(id, facts)| Listed { provider: "lab", id, facts });
    of(&listed.collect::<Vec<_>>())
}

#[test]
fn a_table_has_every_fact_where_there_is_room() {
    let expected = "\
provider  model                     context  output  accepts             efforts            $ in  $ out  deprecated
lab       big                     1_000_000  64_000  image tools         low high          1.25*    10*
lab       nothing-is-known-of-it          ?       ?  ?                   ?                     ?      ?
lab       old                             ?       ?  -                   budget from 1024      0   0.50  2026-10-22
lab       vector                        512       ?  text, for a vector  ?                     ?      ?  yes

4 models; USD per million tokens; ? is unknown, - is none
* more for long input: see --format json
";
    assert_eq!(with_models(|models| human(models, None)), expected);
    assert_eq!(with_models(|models| human(models, Some(115))), expected);
}

#[test]
fn a_narrow_table_leaves_columns_out_and_says_so() {
    let text = with_models(|models| human(models, Some(80)));
    let table = text.split("\n\n").next().unwrap();
    assert!(table.lines().all(|line| line.len() <= 80), "{text}");
    assert!(
        table.starts_with("provider  model                     context  output   $ in"),
        "{text}"
    );
    assert!(text.contains("left out for want of width: efforts, accepts"), "{text}");
    let text = with_models(|models| human(models, Some(10)));
    assert!(text.starts_with("provider  model\nlab       big\n"), "{text}");
}

#[test]
fn a_column_without_content_is_not_drawn() {
    let text = with_models(|models| human(&models[..1], None));
    assert!(!text.contains("deprecated") && text.contains("\n1 model; "), "{text}");
    assert_eq!(human(&[], None), "");
}

#[test]
fn json_has_a_version_and_every_fact() {
    let text = with_models(|models| json(models).unwrap());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let unknown = serde_json::Value::Null;
    assert_eq!(value["version"], 1);
    let expected = serde_json::json!({
        "provider": "lab", "id": "big", "context": 1_000_000, "input": null, "output": 64_000,
        "accepts": ["image", "tools"], "sampling": "one", "efforts": ["low", "high"],
        "thinking_budget_min": null, "prefill": true, "output_limit_key": "max_tokens",
        "stop_sequences": null, "system_role": null, "endpoints": null, "past_reasoning": null,
        "effort_with_tools": null, "system_turns": null, "call_ids": null,
        "embeds": false, "deprecated": null,
        "usd_per_million_tokens":
            {"input": 1.25, "output": 10.0, "cache_read": 0.0028, "cache_write": null},
        "usd_per_million_tokens_over":
            {"tokens": 200_000, "input": 2.5, "output": null, "cache_read": null, "cache_write": null},
    });
    assert_eq!(value["models"][0], expected);
    assert_eq!(value["models"][1]["accepts"], unknown);
    assert_eq!(value["models"][2]["deprecated"]["on"], "2026-10-22");
    assert_eq!(value["models"][3]["deprecated"]["on"], unknown);
    assert_eq!(value["models"][3]["embeds"], true);
}
