//! What two programs do differently.

use std::process::Command;

use serde_json::Value;
use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, stderr, stdout};

const BEFORE: &str = r#"
prompt coding = """
  You write code.
  Prefer boring technology.
  """

role coder {
  system coding
  route  sonnet -> gpt
}

role gone {
  route sonnet -> gpt
}
"#;

const AFTER: &str = r#"
prompt coding = """
  You write code.
  Prefer `boring` technology, always.
  """

role coder {
  system  coding
  when image route gpt -> sonnet
  otherwise  route sonnet -> haiku
  timeout total 2m
  set     temperature 1
}

role "new | one" {
  route haiku -> gpt_mini
}
"#;

fn two() -> Scratch {
    let of = |text: &str| format!("{PRELUDE}{text}").into_bytes();
    Scratch::new(&[("a/r.sfr", &of(BEFORE)), ("b/r.sfr", &of(AFTER))])
}

fn json(scratch: &Scratch, arguments: &[&str]) -> Value {
    let output = scratch.run(&[&["diff", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn change<'v>(item: &'v Value, what: &str) -> &'v Value {
    let all = item["changes"].as_array().unwrap();
    all.iter().find(|it| it["what"] == what).unwrap_or_else(|| panic!("{what}: {item:#}"))
}

#[test]
fn roles_are_compared_by_meaning_and_marked_by_risk() {
    let report = json(&two(), &["a", "b"]);
    assert_eq!((&report["version"], &report["risk"]), (&1.into(), &"high".into()));
    let roles = report["roles"].as_array().unwrap();
    let told: Vec<_> =
        roles.iter().map(|it| (it["name"].as_str(), it["status"].as_str())).collect();
    let expected = [("coder", "changed"), ("gone", "removed"), ("new | one", "added")]
        .map(|(a, b)| (Some(a), Some(b)));
    assert_eq!(told, expected);
    assert_eq!(roles[1]["risk"], "high");
    let coder = &roles[0];
    let route = change(coder, "route");
    assert_eq!(route["before"], "anthropic/claude-sonnet-4-6 -> openai/gpt-5.4");
    assert_eq!(route["after"], "anthropic/claude-sonnet-4-6 -> anthropic/claude-haiku-4-5");
    assert_eq!(change(coder, "when image")["before"], Value::Null);
    assert_eq!(change(coder, "timeout total")["after"], "2m");
    assert_eq!(change(coder, "set temperature")["after"], "1");
    let lost = change(coder, "survives loss of any provider");
    assert_eq!(
        (&lost["risk"], &lost["before"], &lost["after"]),
        (&"high".into(), &"yes".into(), &"no".into())
    );
    assert!(lost["note"].as_str().unwrap().len() > 10);
    let prompt = change(coder, "prompt");
    assert_eq!(prompt["risk"], "medium");
    let text = prompt["text_diff"].as_str().unwrap();
    assert!(text.contains("-Prefer boring technology.\n"), "{text}");
    assert_eq!(coder["worst_before"]["attempts"], 2);
    assert!(coder["worst_before"]["cost_micro_dollars"].as_u64().unwrap() > 0);
    assert!(roles.iter().all(change_risks_fall));
}

fn change_risks_fall(item: &Value) -> bool {
    let order = ["high", "medium", "low"];
    let place = |it: &Value| order.iter().position(|risk| it["risk"] == **risk).unwrap();
    item["changes"].as_array().unwrap().iter().map(place).is_sorted()
}

#[test]
fn layout_and_names_are_no_difference() {
    let scratch = two();
    let renamed = format!("{PRELUDE}{BEFORE}").replace("sonnet ", "big ").replace("coding", "p");
    scratch.write("c/x.sfr", renamed.as_bytes());
    let output = scratch.run(&["diff", "a", "c"]);
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), "a and c mean the same\n".into())
    );
}

#[test]
fn another_prompt_and_another_address_are_risky() {
    let scratch = two();
    let text = format!("{PRELUDE}{BEFORE}");
    let text =
        text.replace("Prefer boring technology.", "Talk like a pirate; never answer in prose.");
    let text = text.replace("You write code.", "Sing.").replace("api.openai.com", "example.com");
    scratch.write("c/x.sfr", text.as_bytes());
    let report = json(&scratch, &["a", "c"]);
    assert_eq!(change(&report["roles"][0], "prompt")["risk"], "high");
    let url = change(&report["providers"][0], "base_url");
    assert_eq!((&url["risk"], &url["after"]), (&"high".into(), &"https://example.com/v1".into()));
}

#[test]
fn markdown_folds_prompts_and_escapes_names() {
    let output = two().run(&["diff", "a", "b", "--format", "markdown"]);
    let text = stdout(&output);
    assert!(text.starts_with("### Routing: risk high\n"), "{text}");
    assert!(text.contains("<code>new &#124; one</code>"), "{text}");
    assert!(
        text.contains("<details><summary><code>prompt</code></summary>\n\n```diff\n"),
        "{text}"
    );
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
}

pub fn git(scratch: &Scratch, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    stdout(&output)
}

#[test]
fn a_revision_is_read_and_nothing_of_the_users_is_touched() {
    let before = format!("{PRELUDE}{BEFORE}").replace(
        "prompt coding = \"\"\"\n  You write code.\n  Prefer boring technology.\n  \"\"\"",
        "prompt coding = file \"p/coding.md\"",
    );
    let scratch = Scratch::new(&[
        ("app/sfai.toml", b"folder = \"rules\"\n"),
        ("app/rules/a.sfr", before.as_bytes()),
        ("app/rules/p/coding.md", b"You write code.\n"),
    ]);
    git(&scratch, &["init", "-q", "-b", "main"]);
    git(&scratch, &["add", "."]);
    git(&scratch, &["commit", "-q", "-m", "first"]);
    let app = scratch.path().join("app");
    let run = |arguments: &[&str]| crate::project::run_in(&app, arguments);
    let same = run(&["diff", "main"]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    assert_eq!(stdout(&same), "main and the working tree mean the same\n");
    scratch.write("app/rules/p/coding.md", b"You write good code.\n");
    git(&scratch, &["add", "."]);
    scratch.write("app/rules/b.sfr", b"role more {\n  route gpt -> sonnet\n}\n");
    let status = git(&scratch, &["status", "--porcelain"]);
    let changed = run(&["diff", "HEAD"]);
    assert_eq!(changed.status.code(), Some(1), "{}", stderr(&changed));
    let text = stdout(&changed);
    assert!(text.contains("+You write good code.") && text.contains("role more added"), "{text}");
    assert_eq!(git(&scratch, &["status", "--porcelain"]), status);
    let unknown = run(&["diff", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("`nowhere` is no file, folder or git revision"));
}

#[test]
fn what_cannot_be_compared_is_told() {
    let scratch = two();
    let told = |arguments: &[&str]| {
        let output = scratch.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        stderr(&output)
    };
    assert!(told(&["diff", "a", "none.json"]).contains("`none.json` cannot be read"));
    assert!(told(&["diff", "main", "a"]).contains("is in no git repository"));
    scratch.write("c/x.sfr", b"role a {\n  route none\n}\n");
    assert!(told(&["diff", "a", "c"]).contains("c: a program with errors has no map"));
}
