//! The formats for other people's tools.

use serde_json::Value;
use sfai_dsl::rules::{PRELUDE, RULES};

use crate::project::{Scratch, stdout};

/// An error with a fix and a warning in an env, and one that is related to another file.
fn project() -> Scratch {
    let roles = "role é {\n}\n\nrole a {\n  route sonet -> gpt -> haiku -> gpt_mini\n}\n";
    let again =
        "role a {\n  route sonnet -> gpt\n}\n\nenv dev {\n  role b {\n    route gpt\n  }\n}\n";
    Scratch::new(&[
        ("routes/a a.sfr", roles.as_bytes()),
        ("routes/b.sfr", again.as_bytes()),
        ("routes/p.sfr", PRELUDE.as_bytes()),
    ])
}

#[test]
fn sarif_has_all_that_its_standard_requires() {
    let output = project().run(&["check", "--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "sfai-dsl");
    assert_eq!(driver["semanticVersion"], env!("CARGO_PKG_VERSION"));
    let rules = driver["rules"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.len());
    for (rule, descriptor) in RULES.iter().zip(rules) {
        assert_eq!(
            (&descriptor["id"], &descriptor["name"]),
            (&rule.code.0.into(), &rule.name.into())
        );
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!descriptor[text]["text"].as_str().unwrap().is_empty());
        }
        let level = descriptor["defaultConfiguration"]["level"].as_str().unwrap();
        assert!(["error", "warning"].contains(&level));
    }
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 3, "{results:#?}");
    results.iter().for_each(|result| hold_result(result, rules));
    assert!(
        results.iter().any(|result| result["relatedLocations"][0]["message"]["text"].is_string())
    );
    assert!(results.iter().any(|result| result["properties"]["env"] == "dev"));
    hold_fix(results);
}

fn hold_result(result: &Value, rules: &[Value]) {
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(rules[index]["id"], result["ruleId"]);
    assert!(!result["message"]["text"].as_str().unwrap().is_empty());
    let place = &result["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.starts_with("routes/") && !uri.contains(' '), "{uri}");
    let region = &place["region"];
    let at = |key: &str| region[key].as_u64().unwrap();
    assert!(at("startLine") >= 1 && at("startColumn") >= 1, "{region}");
    assert!((at("endLine"), at("endColumn")) >= (at("startLine"), at("startColumn")), "{region}");
}

fn hold_fix(results: &[Value]) {
    let fixes = results.iter().filter_map(|result| result["fixes"].as_array());
    let fixes: Vec<_> = fixes.flatten().collect();
    let [fix] = fixes.as_slice() else { panic!("one fix: {fixes:#?}") };
    assert_eq!(fix["description"]["text"], "write `sonnet`");
    let change = &fix["artifactChanges"][0];
    assert_eq!(change["artifactLocation"]["uri"], "routes/a%20a.sfr");
    let replacement = &change["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "sonnet");
    assert_eq!(replacement["deletedRegion"]["startLine"], 5);
    assert_eq!(replacement["deletedRegion"]["startColumn"], 9);
}

#[test]
fn lines_for_editors_and_for_github_say_where_and_what() {
    let role = "role a {\n  about \"é\" # é\n  route sonet -> gpt -> haiku -> gpt_mini\n}\n";
    let scratch =
        Scratch::new(&[("routes/a.sfr", role.as_bytes()), ("routes/p.sfr", PRELUDE.as_bytes())]);
    let line = stdout(&scratch.run(&["check", "--format", "concise"]));
    assert!(line.starts_with("routes/a.sfr:3:9: error[SFR"), "{line}");
    assert!(line.contains("no model is named `sonet`\n"));
    let github = stdout(&scratch.run(&["check", "--format", "github"]));
    let start = "::error file=routes/a.sfr,line=3,endLine=3,col=9,endColumn=14,title=SFR";
    assert!(github.starts_with(start), "{github}");
    assert!(
        github.ends_with(" unknown-name::no model is named `sonet`%0Adid you mean `sonnet`?\n")
    );
}

#[test]
fn a_clean_program_is_nothing_to_people_and_an_empty_report_to_programs() {
    let scratch = Scratch::new(&[("routes/a.sfr", b"")]);
    let of = |format| stdout(&scratch.run(&["check", "--format", format]));
    for format in ["human", "concise", "github"] {
        assert_eq!(of(format), "", "{format}");
    }
    let report: Value = serde_json::from_str(&of("json")).unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!(of("jsonl").lines().count(), 2);
    let log: Value = serde_json::from_str(&of("sarif")).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
}
