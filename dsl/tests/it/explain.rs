//! `sfai-dsl explain` as its users run it.

use std::path::Path;

use serde_json::{Value, json};
use sfai_dsl::rules::{PRELUDE, RULES};

use crate::golden::files_below;
use crate::project::{Scratch, stderr, stdout};
use crate::schemas::{hold, schema};

const ROLES: &str = "
role coder {
  system \"You write code.\"
  when image and not tools                route gpt -> sonnet
  when header \"x-team\" == \"search\"        route haiku -> gpt
  when max_tokens > 1_000 or json         route gpt_mini -> haiku
  otherwise                               route 70% sonnet | 30% haiku -> gpt

  when stream {
    timeout first_token 5s
    set     temperature 0.5
  }
}

client batch {
  key   secret \"/sfai/batch\"
  allow other
}

role other {
  route sonnet -> gpt
}
";

fn project() -> Scratch {
    Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{ROLES}").as_bytes())])
}

fn explained(scratch: &Scratch, arguments: &[&str]) -> Value {
    let output = scratch.run(&[&["explain", "coder", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let value = serde_json::from_slice(&output.stdout).unwrap();
    hold(&schema("explain"), &value);
    value
}

fn canonical() -> Scratch {
    let scratch = Scratch::new(&[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canonical");
    for (path, bytes) in files_below(&folder) {
        scratch.write(&format!("routes/{path}"), &bytes);
    }
    scratch
}

#[test]
fn a_role_is_explained_to_people() {
    let output = canonical().run(&["explain", "backend_developer", "--tokens", "1_203"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected = "\
role backend_developer  routes/backend.sfr:33
  Backend work: APIs, storage, reliability

a request with tokens 1203, 67 of them the role's prompt

which arm takes it
  no   routes/backend.sfr:38  when image route gpt -> sonnet
         no   image  it has no image
  no   routes/backend.sfr:39  when tokens > 200_000 route opus -> gpt
         no   tokens > 200_000  it has 1_203
  yes  routes/backend.sfr:40  otherwise route sonnet -> gpt -> gpt_mini

what is in effect
  system                prepend backend, house_style  routes/backend.sfr:35
  accept                image, tools                  routes/backend.sfr:36
  timeout connect       2s                            routes/backend.sfr:29
  timeout first_token   20s                           routes/backend.sfr:29
  timeout idle          30s                           routes/backend.sfr:29
  timeout total         5m                            routes/backend.sfr:29
  retry                 1 on network, rate_limit, overloaded, server_error backoff 200ms..5s  routes/backend.sfr:30
  fallback on           network, timeout, rate_limit, overloaded, server_error, auth, not_found, context_length, empty  built in
  set reasoning_effort  medium                        routes/backend.sfr:42
  set max_tokens        8_192                         routes/backend.sfr:42
  commit                first_token                   built in
  audit                 metadata                      built in

the chain
  1  sonnet    anthropic/claude-sonnet-4-6  routes/backend.sfr:40  2 tries, given up by 40.2s
  2  gpt       openai/gpt-5.4               routes/backend.sfr:40  2 tries, given up by 80.4s
  3  gpt_mini  openai/gpt-5.4-mini          routes/backend.sfr:40  2 tries, given up by 120.6s
  at most 120.6s until an answer begins, 6 attempts, ";
    let shown = stdout(&output);
    assert!(shown.starts_with(expected), "{shown}");
    assert!(shown.lines().last().unwrap().contains(", $0."), "{shown}");
}

/// The verdicts of the arms, each with those of its tests.
fn verdicts(explained: &Value) -> Vec<String> {
    let arms = explained["arms"].as_array().unwrap().iter();
    let arm = |arm: &Value| {
        let tests = arm["tests"].as_array().unwrap().iter().map(|test| {
            let holds = if test["holds"] == true { "+" } else { "-" };
            format!(" {holds}{}", test["has"].as_str().unwrap())
        });
        arm["verdict"].as_str().unwrap().to_owned() + &tests.collect::<String>()
    };
    arms.map(arm).collect()
}

#[test]
fn each_arm_says_why_it_takes_the_request_or_not() {
    let scratch = project();
    let why = |arguments: &[&str]| verdicts(&explained(&scratch, arguments));
    let none = ["+it has no tools", "-it has none", "-it sets none", "-it does not ask for JSON"];
    let plain = why(&[]);
    let expected = [
        format!("fails -it has no image {}", none[0]),
        format!("fails {}", none[1]),
        format!("fails {} {}", none[2], none[3]),
        "applies".to_owned(),
    ];
    assert_eq!(plain, expected);
    let image = why(&["--image", "--tools", "--header", "X-Team: search"]);
    let expected = [
        "fails +it has an image -it has tools",
        "applies +it has \"search\"",
        "not_asked",
        "not_asked",
    ];
    assert_eq!(image, expected);
    let long = why(&["--max-tokens", "2000", "--header", "x-team: ads"]);
    assert_eq!(long[1], "fails -it has \"ads\"");
    assert_eq!(long[2], "applies +it sets 2_000 -it does not ask for JSON");
}

#[test]
fn guards_change_what_is_in_effect_and_where_it_is_from() {
    let scratch = project();
    let field = |explained: &Value, name: &str| {
        let fields = explained["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["name"] == name);
        field.map(|field| (field["value"].clone(), field["place"].clone()))
    };
    let plain = explained(&scratch, &[]);
    assert_eq!(plain["guards"][0]["verdict"], "fails");
    assert_eq!(field(&plain, "timeout first_token"), Some((json!("20s"), Value::Null)));
    assert_eq!(field(&plain, "set temperature"), None);
    let streamed = explained(&scratch, &["--stream"]);
    assert_eq!(streamed["guards"][0]["verdict"], "applies");
    let place = |line: u32| json!(format!("routes/a.sfr:{line}"));
    assert_eq!(field(&streamed, "timeout first_token"), Some((json!("5s"), place(26))));
    assert_eq!(field(&streamed, "set temperature"), Some((json!("0.5"), place(27))));
    let chains = streamed["chains"].as_array().unwrap();
    let firsts: Vec<_> = chains
        .iter()
        .map(|one| (one["percent"].as_u64(), one["links"][0]["model"].as_str().unwrap()))
        .collect();
    assert_eq!(firsts, [(Some(70), "sonnet"), (Some(30), "haiku")]);
    assert_eq!((&chains[0]["longest_ms"], &chains[0]["attempts"]), (&json!(10_000), &json!(2)));
}

#[test]
fn a_request_is_read_from_a_file_or_stdin_and_has_its_own_draw() {
    let scratch = project();
    let part = json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}});
    let body = json!({"model": "coder", "messages": [{"role": "user", "content": [part]}]});
    scratch.write("request.json", body.to_string().as_bytes());
    let image = explained(&scratch, &["--request", "request.json"]);
    assert_eq!(image["arms"][0]["verdict"], "applies");
    assert_eq!(image["request"]["tokens"], 1_500 + image["prompt_tokens"].as_u64().unwrap());
    let mut drawn = std::collections::BTreeSet::new();
    for n in 0..20 {
        let body = json!({"messages": [{"role": "user", "content": format!("question {n}")}]});
        let arguments = ["explain", "coder", "--format", "json", "--request", "-"];
        let output = scratch.run_with(&arguments, body.to_string().as_bytes());
        let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
        let chains = explained["chains"].as_array().unwrap();
        let own: Vec<_> = chains.iter().filter(|one| one["is_drawn"] == true).collect();
        assert_eq!(own.len(), 1, "{explained:#}");
        drawn.insert(own[0]["percent"].as_u64());
    }
    assert_eq!(drawn.len(), 2, "twenty conversations are not all alike");
    let output = scratch.run_with(&["explain", "coder", "--request", "-"], b"[1]");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the request on stdin is no JSON object"), "{output:?}");
}

#[test]
fn a_client_that_may_not_ask_is_told() {
    let scratch = project();
    let output = scratch.run(&["explain", "coder", "--client", "batch"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let refused = "\nrefused: client batch may not ask for this role\n";
    assert!(stdout(&output).ends_with(refused), "{output:?}");
    assert_eq!(explained(&scratch, &["--client", "batch"])["chains"], json!([]));
    let output = scratch.run(&["explain", "coder", "--client", "bacth"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `batch`?"), "{output:?}");
}

#[test]
fn what_is_neither_a_rule_nor_a_role_is_told() {
    let output = project().run(&["explain", "codr"]);
    assert_eq!(output.status.code(), Some(2));
    let told = "`codr` is neither a rule nor a role of this program; did you mean `coder`?";
    assert!(stderr(&output).contains(told), "{output:?}");
    let broken = project();
    broken.write("routes/b.sfr", b"role x {\n  route nothing\n}\n");
    let output = broken.run(&["explain", "coder"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
}

#[test]
fn every_rule_has_its_page_without_any_program() {
    let scratch = Scratch::new(&[]);
    for rule in RULES {
        let output = scratch.run(&["explain", rule.code.0]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let page = stdout(&output);
        assert!(page.starts_with(&format!("{}: {}\n", rule.code.0, rule.title)), "{page}");
        let (before, mended) = page.split_once("\nThe same, mended:\n").unwrap();
        assert!(before.contains("`sfai-dsl check` says:\n") && !mended.trim().is_empty());
        assert_eq!(before.matches(rule.code.0).count(), 2, "{page}");
    }
    let output = scratch.run(&["explain", "timeouts", "--format", "json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    hold(&schema("explain"), &value);
    assert_eq!((&value["kind"], &value["code"]), (&json!("rule"), &json!("SFR043")));
}
