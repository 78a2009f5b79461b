//! `sfai-dsl models` as its users run it.

use serde_json::Value;

use crate::project::Scratch;
use crate::schemas::{hold, schema};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn listed(project: &Scratch, filter: &[&str]) -> Vec<(String, String)> {
    let output = project.run(&[&["models", "--format", "json"], filter].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["version"], 1);
    hold(&schema("models"), &value);
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let models = value["models"].as_array().unwrap().iter();
    models.map(|one| (word(&one["provider"]), word(&one["id"]))).collect()
}

#[test]
fn all_models_are_listed_without_any_program() {
    let project = Scratch::new(&[]);
    let all = listed(&project, &[]);
    assert!(all.len() > 200, "{}", all.len());
    assert!(all.is_sorted());
    let output = project.run(&["models"]);
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), all.len() + 4, "a title, a blank line and two notes");
    let line = table.lines().find(|line| line.contains(" claude-3-opus-20240229 ")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let expected = [
        "anthropic",
        "claude-3-opus-20240229",
        "200_000",
        "4_096",
        "image",
        "pdf",
        "tools",
        "-",
        "15",
        "75",
        "2026-01-05",
    ];
    assert_eq!(words, expected);
}

#[test]
fn a_filter_chooses_by_provider_or_identifier() {
    let project = Scratch::new(&[]);
    let xai = listed(&project, &["xai/"]);
    assert!(xai.len() >= 4 && xai.iter().all(|(provider, _)| provider == "xai"), "{xai:?}");
    let sonnet = listed(&project, &["claude-sonnet-4-?"]);
    assert_eq!(sonnet.len(), 3, "{sonnet:?}");
    let regions = listed(&project, &["*.anthropic.claude-sonnet-4-6"]);
    assert!(regions.iter().any(|(_, id)| id == "jp.anthropic.claude-sonnet-4-6"), "{regions:?}");
}

#[test]
fn the_models_of_an_overlay_are_listed_too() {
    let private = b"[lab]\nhosts = [\"llm.internal\"]\n[lab.models.ours]\ncontext = 8_000\n\
                    [openai.models.\"gpt-5.4\"]\noutput = 1_000\n";
    let project = Scratch::new(&[
        ("sfai.toml", b"catalogue = [\"private.toml\"]\n"),
        ("private.toml", private),
    ]);
    assert_eq!(listed(&project, &["lab"])[0], ("lab".into(), "ours".into()));
    let output = project.run(&["models", "openai/gpt-5.4", "--format", "json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&value["models"][0]["id"], &value["models"][0]["output"]),
        (&"gpt-5.4".into(), &1_000.into())
    );
}

#[test]
fn nothing_found_is_exit_1_with_a_suggestion() {
    let project = Scratch::new(&[]);
    let output = project.run(&["models", "claude-sonet-4-6"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let told = "sfai-dsl: the catalogue knows no model like `claude-sonet-4-6`; did you mean `claude-sonnet-4-6`?\n";
    assert_eq!(text(&output.stderr), told);
    let output = project.run(&["models", "qqqqqqqqqqqqqq", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value, serde_json::json!({"version": 1, "models": []}));
}

#[test]
fn a_broken_overlay_is_exit_2() {
    let project = Scratch::new(&[("sfai.toml", b"catalogue = [\"none.toml\"]\n")]);
    let output = project.run(&["models"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the catalogue `none.toml` cannot be read"));
}

#[test]
fn a_program_may_use_every_provider() {
    let program = "\
provider aws {
  protocol openai
  base_url \"https://bedrock-mantle.us-east-1.api.aws/v1\"
  api_key  secret \"/a\"
}

provider gemini {
  protocol openai
  base_url \"https://generativelanguage.googleapis.com/v1beta/openai\"
  api_key  secret \"/g\"
}

model oss   = aws/openai.gpt-oss-120b-1:0
model kyoto = aws/apac.anthropic.claude-sonnet-4-6
model flash = gemini/gemini-3.5-flash

role coder {
  route oss -> flash -> kyoto
}
";
    let project = Scratch::new(&[("routes/a.sfr", program.as_bytes())]);
    let output = project.run(&["check", "--deny", "warnings"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    project
        .write("routes/a.sfr", program.replace("gemini-3.5-flash", "gemini-3.5-flahs").as_bytes());
    let output = project.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("gemini-3.5-flash"), "{}", text(&output.stdout));
}
