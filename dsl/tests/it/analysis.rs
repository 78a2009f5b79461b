//! What the analysis says of a program: each finding with its line and its words.

use crate::project::{Scratch, findings};
use sfai_dsl::rules::PRELUDE;

/// `SFR052 5 message`, in the order of the lines, but for what is said of the prelude.
fn of(text: &str) -> Vec<String> {
    let scratch = Scratch::new(&[
        ("routes/prelude.sfr", PRELUDE.as_bytes()),
        ("routes/example.sfr", text.as_bytes()),
    ]);
    let all = findings(&scratch.run(&["check", "--format", "json"]));
    let own = all.iter().filter(|finding| finding["path"] != "routes/prelude.sfr");
    let line = |finding: &serde_json::Value| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        format!("{} {} {}", text("code"), finding["line"], text("message"))
    };
    own.map(line).collect()
}

#[test]
fn arms_are_held_against_each_other_by_values() {
    let found = of(r#"role coder {
  when image and tokens > 10_000          route gpt -> sonnet
  when tokens > 20_000 and image          route gpt -> haiku
  when header "x" matches "core-*"        route haiku -> gpt
  when header "x" in ("core-a", "core-b") route sonnet -> gpt
  when stream or not stream and tools     route gpt -> haiku
  when not (stream or not stream)         route gpt -> haiku
  otherwise                               route sonnet -> gpt
}
"#);
    let hidden = "every request that this could take is taken by an arm before it";
    let expected = [
        format!("SFR052 3 {hidden}"),
        format!("SFR052 5 {hidden}"),
        "SFR051 7 no request makes this condition true".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn timeouts_are_reckoned_under_guards_that_can_meet_the_arm() {
    let role = |guard: &str| {
        format!(
            "role coder {{\n  when image route gpt\n  otherwise  route sonnet -> gpt\n\n  \
             when {guard} {{\n    timeout first_token 3m\n  }}\n}}\n"
        )
    };
    let single = "SFR041 2 every link of this chain is at `openai`";
    let late = "SFR043 6 this chain may take 6m to its first token, longer than `total`, 5m";
    assert_eq!(of(&role("image")), [single]);
    assert_eq!(of(&role("tools")), [single, late]);
}

#[test]
fn a_broken_promise_shows_what_breaks_it() {
    let text = r#"client ci {
  key   env "CI_KEY"
  allow coder
}

role coder {
  when client == ci and tokens > 1_000 route gpt_mini
  otherwise                            route 90% sonnet | 10% gpt -> haiku
  retry                                1 on overloaded
}

ensure role coder survives loss of openai
ensure role coder survives loss of anthropic
ensure role coder never reaches gpt_mini for client ci
ensure role coder makes at most 3 attempts
ensure role coder costs at most $0.01 for tokens 2_000, max_tokens 100
ensure role coder ends within 5m
"#;
    let found: Vec<_> = of(text).into_iter().filter(|it| it.starts_with("SFR08")).collect();
    let expected = [
        "SFR080 12 role `coder` does not survive the loss of `openai`: every link of its chain is \
         at `openai`",
        "SFR080 13 role `coder` does not survive the loss of `anthropic`: every link of its chain \
         is at `anthropic`",
        "SFR080 14 role `coder` reaches `gpt_mini` for client `ci`: `openai/gpt-5.4-mini` is in \
         its chain",
        "SFR080 15 role `coder` may make more than 3 attempts: a call of \
         `anthropic/claude-haiku-4-5` is number 4",
        "SFR080 16 role `coder` may cost more than $0.01: it costs $0.0165 when \
         `anthropic/claude-haiku-4-5` answers",
    ];
    assert_eq!(found, expected);
}
