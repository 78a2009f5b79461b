//! Recorded requests, planned again.

use serde_json::{Value, json};
use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, stderr, stdout};

fn record(id: &str, role: &str, model: &str, tokens: u64) -> String {
    json!({
        "attempts": [{"ended_ms": 9, "model": model, "started_ms": 1}],
        "draw": 17, "env": "default", "facts": {"messages": 1, "tokens": tokens}, "id": id,
        "map": "sha256:0", "outcome": "answered", "role": role, "rule": "old.sfr:3",
        "status": 200, "time": "2026-11-25T10:00:00Z", "total_ms": 9, "version": 1,
    })
    .to_string()
}

fn project(log: &str) -> Scratch {
    let roles = "\nrole coder {\n  when tokens > 1_000 route gpt -> haiku\n  otherwise route sonnet -> gpt\n}\n";
    let routes = format!("{PRELUDE}{roles}");
    Scratch::new(&[("routes/a.sfr", routes.as_bytes()), ("logs/a.jsonl", log.as_bytes())])
}

const SONNET: &str = "anthropic/claude-sonnet-4-6";

#[test]
fn requests_that_would_move_are_counted_with_examples() {
    let lines = [
        record("stays", "coder", SONNET, 10),
        record("one", "coder", SONNET, 2_000),
        "{\"broken\"".to_owned(),
        record("two", "coder", SONNET, 3_000),
        record("lost", "gone", SONNET, 1),
    ];
    let scratch = project(&(lines.join("\n") + "\n\n"));
    let arguments = ["replay", "logs", "--map", "routes", "--examples", "1"];
    let output = scratch.run(&[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&report["planned"], &report["otherwise"]), (&4.into(), &3.into()));
    let first = &report["changes"][0];
    assert_eq!((&first["role"], &first["count"]), (&"coder".into(), &2.into()));
    assert_eq!(first["after"], json!(["openai/gpt-5.4", "anthropic/claude-haiku-4-5"]));
    assert_eq!(first["examples"].as_array().unwrap().len(), 1);
    assert_eq!(first["examples"][0]["rule_before"], "old.sfr:3");
    assert_eq!(report["changes"][1]["refused"], "no such role");
    assert!(report["unreadable"][0]["place"].as_str().unwrap().ends_with("a.jsonl:3"));
    let schema = stdout(&scratch.run(&["schema", "replay"]));
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(schema.is_valid(&report) && !schema.is_valid(&json!({"version": 1})));
    let text = stdout(&scratch.run(&arguments));
    assert!(text.contains("3 of 4 requests would be routed otherwise"), "{text}");
    assert!(text.contains("a.jsonl:3: no audit record"), "{text}");
}

#[test]
fn logs_are_read_from_the_folders_of_hours_gzipped_or_not_and_a_cut_end_is_passed_over() {
    use std::io::Write;
    let scratch = project(&record("first", "coder", SONNET, 10));
    let whole = record("second", "coder", SONNET, 2_000);
    let cut = record("third", "coder", SONNET, 2_000);
    let hour = scratch.path().join("logs/dt=2026-11-25/hour=10");
    std::fs::create_dir_all(&hour).unwrap();
    let text = format!("{whole}\n{}", &cut[..cut.len() - 9]);
    std::fs::write(hour.join("a.jsonl"), text).unwrap();
    let level = flate2::Compression::default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(format!("{whole}\n").as_bytes()).unwrap();
    // Two gzip files put together are one, too.
    let member = gzip.finish().unwrap();
    std::fs::write(hour.join("b.jsonl.gz"), [&member[..], &member[..]].concat()).unwrap();
    std::fs::write(hour.join("notes.txt"), "not a log").unwrap();

    let output = scratch.run(&["replay", "logs", "--map", "routes", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&report["planned"], &report["otherwise"]), (&4.into(), &3.into()), "{report}");
    assert_eq!(report["unreadable"], json!([]));
    let place = report["cut"][0].as_str().unwrap();
    assert!(place.ends_with("hour=10/a.jsonl:2"), "{place}");
    let text = stdout(&scratch.run(&["replay", "logs", "--map", "routes"]));
    assert!(text.contains("a.jsonl:2: passed over"), "{text}");
}

#[test]
fn a_log_that_stays_is_clean_and_one_that_is_not_there_is_told() {
    let scratch = project(&record("stays", "coder", SONNET, 10));
    assert_eq!(scratch.run(&["replay", "logs", "--map", "routes"]).status.code(), Some(0));
    let output = scratch.run(&["replay", "none.jsonl", "--map", "routes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`none.jsonl` cannot be read"));
}
