//! Each rule's own examples: the bad one has its finding and no other, the good one has none.

use sfai_dsl::rules::RULES;

use crate::project::{Scratch, findings};

/// Unused names of the prelude are nobody's business here.
fn relevant(scratch: &Scratch) -> Vec<serde_json::Value> {
    let output = scratch.run(&["check", "--format", "json"]);
    if output.stdout.is_empty() {
        return vec![String::from_utf8_lossy(&output.stderr).into()];
    }
    let mut all = findings(&output);
    all.retain(|finding| finding["path"] != "routes/prelude.sfr");
    all
}

#[test]
fn each_bad_example_has_its_finding_and_each_good_one_none() {
    let mut wrong = Vec::new();
    // `settings` is found in sfai.toml, before there is a program; its test is in `cli`.
    let rules: Vec<_> = RULES.into_iter().filter(|rule| rule.name != "settings").collect();
    for rule in &rules {
        let bad = relevant(&Scratch::of(&rule.bad));
        if bad.len() != 1 || bad[0]["code"] != rule.code.0 || bad[0]["message"] == "" {
            wrong.push(format!("{} bad: {bad:#?}", rule.name));
        }
        let good = relevant(&Scratch::of(&rule.good));
        if !good.is_empty() {
            wrong.push(format!("{} good: {good:#?}", rule.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} rules", rules.len());
}
