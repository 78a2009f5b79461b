//! Settings of editors and tools, whole; `SFAI_UPDATE_GOLDEN=1` writes them anew.

use std::path::{Path, PathBuf};

use crate::project::{Scratch, run_in, stderr, stdout};

const URL: &str = "https://models.example.org/v1/";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn project() -> Scratch {
    let program = std::fs::read(folder().join("routes/all.sfr")).unwrap();
    Scratch::new(&[("routes/all.sfr", &program)])
}

#[test]
fn the_settings_of_every_client_are_as_they_were_read_in_review() {
    let project = project();
    let clients = [
        ("continue", "config.yaml"),
        ("opencode", "opencode.json"),
        ("aider", "aider.conf.yml"),
        ("aider-models", "aider.model.metadata.json"),
        ("env", "env.sh"),
    ];
    for (client, file) in clients {
        let output = project.run(&["client-config", client, "--url", URL]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let (path, written) = (folder().join(file), stdout(&output));
        if std::env::var_os("SFAI_UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &written).unwrap();
        }
        assert_eq!(written, std::fs::read_to_string(&path).unwrap(), "{file}");
    }
}

#[test]
fn the_committed_reference_is_that_of_the_committed_routes() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = run_in(&top, &["client-config", "continue", "--url", "http://127.0.0.1:8080"]);
    let there = std::fs::read_to_string(top.join("docs/continue-config-reference.yaml")).unwrap();
    assert_eq!(stdout(&output), there, "run `cargo xtask docs`");
}

#[test]
fn a_client_gets_the_roles_that_are_its_own() {
    let arguments = ["client-config", "env", "--url", URL, "--for", "web"];
    let output = stdout(&project().run(&arguments));
    assert!(output.contains("# model: drawn\n"), "{output}");
    assert!(output.contains("# model: fast_completion (code completion)\n"), "{output}");
    assert!(!output.contains("pictures"), "{output}");
}

#[test]
fn roles_are_written_in_the_order_in_which_they_are_named() {
    let named = ["--role", "unknown", "--role", "drawn", "--autocomplete", "drawn"];
    let arguments = [&["client-config", "env", "--url", URL][..], &named].concat();
    let output = stdout(&project().run(&arguments));
    assert!(output.ends_with("# model: unknown\n# model: drawn (code completion)\n"), "{output}");
}

#[test]
fn the_role_for_small_chores_is_written_whatever_others_are() {
    let written = |client| {
        let named = ["--role", "pictures", "--small", "drawn"];
        stdout(&project().run(&[&["client-config", client, "--url", URL][..], &named].concat()))
    };
    let opencode: serde_json::Value = serde_json::from_str(&written("opencode")).unwrap();
    assert_eq!(opencode["model"], "sfai/pictures");
    assert_eq!(opencode["small_model"], "sfai/drawn");
    let models = opencode["provider"]["sfai"]["models"].as_object().unwrap();
    assert_eq!(models.keys().collect::<Vec<_>>(), ["drawn", "pictures"]);
    let aider = written("aider");
    assert!(aider.contains("\nmodel: \"openai/pictures\"\n"), "{aider}");
    assert!(aider.contains("\nweak-model: \"openai/drawn\"\n"), "{aider}");
    assert!(written("aider-models").contains("\"openai/drawn\": {"));
}

#[test]
fn an_editor_with_tools_is_told_to_edit_in_place() {
    let role = |name| ["client-config", "aider", "--url", URL, "--role", name];
    let of = |name| stdout(&project().run(&role(name)));
    assert!(of("it's: a \"coder\" # 1").contains("\nedit-format: diff\n"));
    assert!(!of("pictures").contains("edit-format"));
}

#[test]
fn what_is_not_there_is_told() {
    let project = project();
    let told = |arguments: &[&str]| {
        let output = project.run(&[&["client-config", "continue"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        stderr(&output)
    };
    assert!(told(&["--url", "models.example.org"]).contains("begins with https://"));
    assert!(told(&["--url", URL, "--role", "drown"]).contains("did you mean `drawn`?"));
    assert!(told(&["--url", URL, "--autocomplete", "tab"]).contains("no role `tab`"));
    assert!(told(&["--url", URL, "--small", "drawn"]).contains("opencode and aider alone"));
    assert!(told(&["--url", URL, "--for", "wep"]).contains("did you mean `web`?"));
    let denied = told(&["--url", URL, "--for", "web", "--role", "pictures"]);
    assert!(denied.contains("no role `pictures`") && !denied.contains("mean"), "{denied}");
}

#[test]
fn a_program_with_errors_gives_none() {
    let project = Scratch::new(&[("routes/a.sfr", b"role a {\n  route sonet\n}\n")]);
    let output = project.run(&["client-config", "continue", "--url", URL]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
}
