//! The published schemas: they are those of the types, and real output satisfies them.

use std::path::Path;

use serde_json::Value;
use sfai_dsl::rules::{PRELUDE, RULES};

use crate::project::{Scratch, stdout};

/// The name for `schema`, and the published file. `SFAI_REFRESH=1` writes the files anew.
const PUBLISHED: [(&str, &str); 8] = [
    ("map", "model_map.schema.json"),
    ("check", "check.schema.json"),
    ("check-jsonl", "check_jsonl.schema.json"),
    ("test", "test.schema.json"),
    ("explain", "explain.schema.json"),
    ("diff", "diff.schema.json"),
    ("replay", "replay.schema.json"),
    ("audit", "audit.schema.json"),
];

pub fn schema(name: &str) -> jsonschema::Validator {
    let text = stdout(&Scratch::new(&[]).run(&["schema", name]));
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

pub fn hold(validator: &jsonschema::Validator, value: &Value) {
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{value:#}");
}

#[test]
fn the_published_files_are_what_the_binary_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    for (name, file) in PUBLISHED {
        let printed = stdout(&Scratch::new(&[]).run(&["schema", name]));
        let path = folder.join(file);
        if std::env::var_os("SFAI_REFRESH").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(published == printed, "{file} is stale: run the tests with SFAI_REFRESH=1");
    }
}

#[test]
fn findings_of_every_rule_satisfy_their_schemas() {
    let (whole, line) = (schema("check"), schema("check-jsonl"));
    for rule in RULES {
        let bad = Scratch::of(&rule.bad);
        let json = stdout(&bad.run(&["check", "--format", "json"]));
        if rule.name == "settings" {
            continue; // found before there is a program
        }
        let report: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["format"], 1);
        hold(&whole, &report);
        let lines = stdout(&bad.run(&["check", "--format", "jsonl"]));
        let lines: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        lines.iter().for_each(|value| hold(&line, value));
        assert_eq!((&lines[0]["type"], &lines[0]["format"]), (&"header".into(), &1.into()));
        let findings = lines[1..lines.len() - 1].iter();
        let bare = findings.map(|finding| {
            let mut finding = finding.clone();
            assert_eq!(finding.as_object_mut().unwrap().remove("type").unwrap(), "finding");
            finding
        });
        assert_eq!(bare.collect::<Vec<_>>(), *report["findings"].as_array().unwrap());
    }
}

#[test]
fn schemas_refuse_what_has_another_shape() {
    let (whole, line) = (schema("check"), schema("check-jsonl"));
    let mut report = serde_json::json!({"format": 1, "errors": 0, "warnings": 0, "findings": []});
    hold(&whole, &report);
    report["findings"] = serde_json::json!([{"code": "SFR010"}]);
    assert!(!whole.is_valid(&report));
    assert!(!line.is_valid(&serde_json::json!({"type": "finding", "code": "SFR010"})));
    assert!(!line.is_valid(&serde_json::json!({"type": "other"})));
}

#[test]
fn a_compiled_map_satisfies_its_schema() {
    let role = "\nrole coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";
    let scratch = Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{role}").as_bytes())]);
    assert_eq!(scratch.run(&["compile"]).status.code(), Some(0));
    let map = serde_json::from_slice(&scratch.read("model_map.json").unwrap()).unwrap();
    hold(&schema("map"), &map);
    assert!(!schema("map").is_valid(&serde_json::json!({"format": 1})));
}

#[test]
fn the_committed_map_is_valid_and_an_altered_one_is_not() {
    let schema = schema("map");
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let map: Value =
        serde_json::from_slice(&std::fs::read(top.join("model_map.json")).unwrap()).unwrap();
    hold(&schema, &map);
    let altered = |pointer: &str, value: Value| {
        let mut altered = map.clone();
        *altered.pointer_mut(pointer).unwrap() = value;
        altered
    };
    assert!(!schema.is_valid(&altered("/format", 2.into())));
    assert!(!schema.is_valid(&altered("/env", Value::Null)));
    assert!(!schema.is_valid(&altered("/providers/openai/protocol", "smtp".into())));
    assert!(!schema.is_valid(&altered("/roles/economy", serde_json::json!({"chain": []}))));
}

#[test]
fn a_diff_satisfies_its_schema() {
    let before = format!("{PRELUDE}\nrole coder {{\n  route sonnet -> gpt\n}}\n");
    let after = before.replace("sonnet -> gpt\n", "gpt -> haiku\n  system \"x\"\n");
    let scratch = Scratch::new(&[("a/r.sfr", before.as_bytes()), ("b/r.sfr", after.as_bytes())]);
    let report = stdout(&scratch.run(&["diff", "a", "b", "--format", "json"]));
    hold(&schema("diff"), &serde_json::from_str(&report).unwrap());
    assert!(!schema("diff").is_valid(&serde_json::json!({"version": 1})));
}
