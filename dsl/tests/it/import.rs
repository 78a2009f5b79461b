//! Other routers' configurations, and the programs that are made of them.

use std::path::{Path, PathBuf};

use crate::project::{Scratch, findings, stderr, stdout};

/// What stands for `@KEY@`: in two halves, so that no scanner takes this file for a leak.
const KEY: [&str; 2] = ["sk-", "proj-abcDEF0123456789abcDEF"];

const SAMPLES: [(&str, &str); 5] = [
    ("litellm", "litellm.yaml"),
    ("litellm", "litellm_more.yaml"),
    ("portkey", "portkey.json"),
    ("portkey", "portkey_conditional.json"),
    ("model-map", "roles.json"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn sample(file: &str) -> String {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    text.replace("@KEY@", &KEY.concat())
}

/// Holds `text` against a file; `SFAI_UPDATE_GOLDEN=1` writes it instead.
fn golden(file: &str, text: &str) {
    let path = folder().join(file);
    if std::env::var_os("SFAI_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{file}: SFAI_UPDATE_GOLDEN=1 writes what is new; read it");
}

#[test]
fn samples_are_imported_as_they_were_read_in_review() {
    for (from, file) in SAMPLES {
        let scratch = Scratch::new(&[(file, sample(file).as_bytes())]);
        let output = scratch.run(&["import", from, file]);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", stderr(&output));
        let (program, report) = (stdout(&output), stderr(&output));
        golden(&format!("{file}.sfr"), &program);
        golden(&format!("{file}.report"), &report);
        for secret in [KEY.concat().as_str(), "hunter2"] {
            assert!(!program.contains(secret) && !report.contains(secret), "{file}");
        }
        for line in report.lines().skip(1) {
            assert!(program.contains(&format!("# - {}\n", line.trim())), "{file}: {line}");
        }
    }
}

#[test]
fn imported_programs_check_without_errors_and_are_laid_out() {
    for (from, file) in SAMPLES {
        let scratch = Scratch::new(&[(file, sample(file).as_bytes())]);
        let output = scratch.run(&["import", from, file, "-o", "routes"]);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", stderr(&output));
        let checked = scratch.run(&["check", "--format", "json"]);
        assert_eq!(checked.status.code(), Some(0), "{file}: {:#?}", findings(&checked));
        assert_eq!(scratch.run(&["fmt", "--check"]).status.code(), Some(0), "{file}");
        assert_eq!(scratch.run(&["compile"]).status.code(), Some(0), "{file}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let text = sample("roles.json");
    let scratch =
        Scratch::new(&[("a.json", text.as_bytes()), ("routes/imported.sfr", b"# mine\n")]);
    let output = scratch.run(&["import", "model-map", "a.json", "-o", "routes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("imported.sfr is there already"), "{}", stderr(&output));
    assert_eq!(scratch.read("routes/imported.sfr").unwrap(), b"# mine\n");
}

#[test]
fn our_own_map_is_decompiled() {
    let text = sample("roles.json");
    let scratch = Scratch::new(&[("a.json", text.as_bytes())]);
    scratch.run(&["import", "model-map", "a.json", "-o", "routes"]);
    assert_eq!(scratch.run(&["compile"]).status.code(), Some(0));
    let imported = scratch.run(&["import", "model-map", "model_map.json"]);
    let decompiled = scratch.run(&["decompile", "model_map.json"]);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    assert_eq!(stdout(&imported), stdout(&decompiled));
}

/// What `import` says of a text that it cannot read.
fn refused(from: &str, text: &str) -> String {
    let scratch = Scratch::new(&[("config", text.as_bytes())]);
    let output = scratch.run(&["import", from, "config"]);
    assert_eq!(output.status.code(), Some(2), "{text}: {}", stdout(&output));
    assert_eq!(stdout(&output), "");
    stderr(&output)
}

#[test]
fn what_cannot_be_read_is_told_with_its_path() {
    let one = |fields: &str| {
        format!(
            "model_list:\n  - model_name: a\n    litellm_params: {{model: openai/gpt-5.4, {fields}}}\n"
        )
    };
    for (from, text, says) in [
        ("litellm", "model_list: [", "is not YAML that can be read: a mistake at line 1"),
        ("litellm", "model_list: 3", "`model_list` must be a list"),
        ("litellm", "model_list: [3]", "`model_list[0]` must be an object"),
        (
            "litellm",
            "model_list: [{model_name: a}]",
            "`model_list[0].litellm_params.model` is missing",
        ),
        ("litellm", "{}", "holds no route"),
        (
            "litellm",
            &one("temperature: warm"),
            "`model_list[0].litellm_params.temperature` must be a number from 0",
        ),
        ("litellm", &one("num_retries: -1"), "litellm_params.num_retries` must be a whole number"),
        (
            "litellm",
            &one("api_key: os.environ/A B"),
            "litellm_params.api_key` names no environment",
        ),
        ("litellm", &one("api_base: ftp://x"), "does not start with https://"),
        ("portkey", "{,}", "is not JSON: a mistake at line 1, column 2"),
        ("portkey", "{\"strategy\": {\"mode\": \"magic\"}, \"targets\": [{}]}", "`strategy.mode`"),
        ("portkey", "{\"retry\": {\"on_status_codes\": [\"x\"]}}", "`retry.on_status_codes[0]`"),
        ("model-map", "[]", "must be an object"),
        ("model-map", "{\"a\": 1}", "`a` must be an object"),
        (
            "model-map",
            "{\"a\": {\"provider\": \"acme\", \"model\": \"m\"}}",
            "`a.provider` is no provider",
        ),
        ("model-map", "{\"format\": 1, \"roles\": {}}", "config"),
        (
            "model-map",
            "{\"a\": {\"provider\": \"openai\", \"model\": \"m\", \"fallbacks\": [\"m\"]}}",
            "`a.fallbacks[0]` must be written `provider/model`",
        ),
    ] {
        let told = refused(from, text);
        assert!(told.contains(says), "{text}: {told}");
    }
}

#[test]
fn an_error_shows_no_key() {
    let key = KEY.concat();
    for text in [
        format!("model_list:\n  - api_key: \"{key}\n"),
        format!("model_list:\n  - model_name: a\n    litellm_params: {{model: [{key}]}}\n"),
        format!("model_list:\n  - {key}\n"),
        format!(
            "model_list:\n  - model_name: a\n    litellm_params: {{model: openai/a, timeout: {key}}}\n"
        ),
        format!("{key}: &a [*b, {key}]\n"),
        format!("model_list:\n  - {{model_name: {key}, litellm_params: {{model: openai/a}}}}\n"),
        format!("model_list:\n  - {{model_name: a, litellm_params: {{model: openai/{key}}}}}\n"),
    ] {
        assert!(!refused("litellm", &text).contains(&key), "{text}");
    }
}

/// The route of the one role of these weights.
fn drawn(weights: &[&str]) -> String {
    let entries = weights.iter().enumerate().map(|(at, weight)| {
        format!(
            "  - model_name: a\n    litellm_params: {{model: openai/m{at}, weight: {weight}}}\n"
        )
    });
    let text = format!("model_list:\n{}", entries.collect::<String>());
    let scratch = Scratch::new(&[("config.yaml", text.as_bytes())]);
    let output = scratch.run(&["import", "litellm", "config.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let program = stdout(&output);
    let line = program.lines().find(|line| line.trim().starts_with("route ")).unwrap();
    line.trim().to_owned()
}

#[test]
fn shares_add_up_to_a_hundred() {
    assert_eq!(drawn(&["1", "1", "1"]), "route 34% m0 | 33% m1 | 33% m2");
    assert_eq!(drawn(&["2", "1"]), "route 67% m0 | 33% m1");
    assert_eq!(drawn(&["1000", "1", "1"]), "route 98% m0 | 1% m1 | 1% m2");
    assert_eq!(drawn(&["1", "0"]), "route m0");
    assert_eq!(drawn(&["0.5", "0.25", "0.25"]), "route 50% m0 | 25% m1 | 25% m2");
}
