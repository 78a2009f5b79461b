//! `sfai-dsl test` as its users run it.

use std::path::Path;

use serde_json::Value;
use sfai_dsl::rules::PRELUDE;

use crate::golden::files_below;
use crate::project::{Scratch, stderr, stdout};
use crate::schemas::{hold, schema};

const ROLES: &str = "
role coder {
  retry   1 on overloaded, rate_limit
  system  \"You write code, and nothing but code.\"
  timeout first_token 10s, total 1m
  when image            route gpt -> sonnet
  when tokens > 200_000 route haiku -> gpt
  when header \"x-team\" == \"search\" and stream route sonnet -> gpt_mini
  otherwise             route sonnet -> gpt -> gpt_mini
}

role completer {
  route 90% gpt_mini | 10% gpt -> haiku
  timeout first_token 2s, total 8s
  hedge after 700ms
}

client ci {
  key   secret \"/sfai/ci\"
  allow coder
}
";

fn project(tests: &str) -> Scratch {
    let text = format!("{PRELUDE}{ROLES}");
    let files = [("routes/a.sfr", text.as_bytes()), ("routes/tests.sfr", tests.as_bytes())];
    Scratch::new(&files)
}

/// Runs tests of these bodies; gives the report, and for each test what it got instead of what it
/// expected.
fn report(bodies: &[&str]) -> (Value, Vec<Vec<String>>) {
    let test = |(at, body): (usize, &&str)| format!("test \"{at:02}\" {{\n  {body}\n}}\n\n");
    let text: String = bodies.iter().enumerate().map(test).collect();
    let output = project(&text).run(&["test", "--format", "json"]);
    assert!(output.status.code() < Some(2) && output.stderr.is_empty(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_green = report["failed"] == 0;
    assert_eq!(output.status.code(), Some(i32::from(!is_green)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let happened = report["tests"].as_array().unwrap().iter().map(|test| {
        let failures = test["failures"].as_array().unwrap().iter();
        assert_eq!(test["passed"], failures.len() == 0);
        failures.map(|one| text(&one["happened"])).collect()
    });
    let happened = happened.collect();
    (report, happened)
}

#[test]
fn the_canonical_file_passes_its_own_tests() {
    let scratch = Scratch::new(&[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canonical");
    for (path, bytes) in files_below(&folder) {
        scratch.write(&format!("routes/{path}"), &bytes);
    }
    let output = scratch.run(&["test"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected = "  \
  ok  an Anthropic outage is invisible to backend developers
  ok  a screenshot goes to a model that can see

2 tests passed
coverage: 2 of 5 arms, 3 of 12 links
  no test takes  routes/backend.sfr:39  when tokens > 200_000 route opus -> gpt
  no test takes  routes/backend.sfr:50  route opus -> gpt
  no test takes  routes/backend.sfr:55  route 90% gpt_mini | 10% gpt -> haiku
  no test calls  routes/backend.sfr:38  sonnet
  no test calls  routes/backend.sfr:39  opus, gpt
  no test calls  routes/backend.sfr:40  gpt_mini
  no test calls  routes/backend.sfr:50  opus, gpt
  no test calls  routes/backend.sfr:55  gpt_mini, gpt, haiku
";
    assert_eq!(stdout(&output), expected);
}

#[test]
fn a_test_that_fails_says_what_happened_and_which_rule_decided() {
    let tests = "\
test \"Anthropic may fail\" {
  ask    coder with tokens 1_203
  given  anthropic answers 529
  given  gpt answers timeout
  expect answer from gpt after sonnet
  expect within 5s
  expect attempts 4
}

test \"completions come from the small one\" {
  ask    completer with stream
  expect answer from gpt_mini
}
";
    let output = project(tests).run(&["test"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "\
FAIL  Anthropic may fail

      routes/tests.sfr:5  expect answer from gpt after sonnet
        expected  an answer from gpt after sonnet
        happened  an answer from gpt_mini after sonnet, sonnet, gpt
        rule      routes/a.sfr:25  otherwise route sonnet -> gpt -> gpt_mini
        attempts  sonnet    called at 0ms, failed at 0ms: overloaded (529)
                  sonnet    called at 200ms, failed at 200ms: overloaded (529)
                  gpt       called at 200ms, failed at 50s: timeout
                  gpt_mini  called at 50s, answered at 50s

      routes/tests.sfr:6  expect within 5s
        expected  an end within 5s
        happened  gpt_mini answered after 50s
        rule      routes/a.sfr:25  otherwise route sonnet -> gpt -> gpt_mini
        attempts  sonnet    called at 0ms, failed at 0ms: overloaded (529)
                  sonnet    called at 200ms, failed at 200ms: overloaded (529)
                  gpt       called at 200ms, failed at 50s: timeout
                  gpt_mini  called at 50s, answered at 50s

FAIL  completions come from the small one

      routes/tests.sfr:12  expect answer from gpt_mini
        expected  an answer from gpt_mini
        happened  an answer from gpt
        rule      routes/a.sfr:29  route 90% gpt_mini | 10% gpt -> haiku
        drawn     gpt
        attempts  gpt  called at 0ms, answered at 0ms

2 of 2 tests failed
coverage: 2 of 5 arms, 5 of 12 links
";
    let shown = stdout(&output);
    assert_eq!(shown.get(..expected.len()), Some(expected), "{shown}");
    assert!(shown.contains("  no test takes  routes/a.sfr:23  when tokens > 200_000"), "{shown}");
    assert!(shown.contains("  no test calls  routes/a.sfr:29  haiku\n"), "{shown}");
}

#[test]
fn what_is_given_happens_and_all_else_goes_well() {
    let bodies = [
        "ask coder\n  expect answer from sonnet\n",
        "ask coder with image\n  expect answer from gpt\n  expect attempts 1\n  expect within 1ms",
        // With the prompt: what is written is what the condition sees.
        "ask coder with tokens 200_001\n  expect answer from haiku",
        "ask coder with tokens 200_000\n  expect answer from sonnet",
        "ask coder with stream, header \"X-Team\" \"search\"\n  given anthropic answers auth\n  expect answer from gpt_mini after sonnet",
        "ask coder with header \"x-team\" \"search\"\n  given anthropic answers auth\n  expect answer from gpt after sonnet",
        "ask coder\n  given sonnet answers 429 1 times\n  expect answer from sonnet after sonnet",
        "ask coder\n  given anthropic answers 503\n  given sonnet answers 200 after 3s\n  expect answer from sonnet\n  expect within 3s",
        // A line for each time, in the order of the text.
        "ask coder\n  given sonnet answers 529 1 times\n  given sonnet answers 401\n  expect answer from gpt after sonnet, sonnet",
        "ask coder with stream\n  given sonnet answers 200 after 11s\n  expect answer from gpt after sonnet\n  expect within 10s",
        "ask coder\n  given anthropic answers invalid_request\n  expect failure invalid_request after sonnet",
        "ask coder\n  given anthropic answers 529\n  given openai answers 404\n  expect failure overloaded after sonnet, sonnet, gpt, gpt_mini\n  expect attempts 4",
        // Refused: to the client there is no such role.
        "ask completer with client ci\n  expect failure not_found\n  expect within 1ms",
        "ask coder with client ci\n  expect answer from sonnet",
        // Whichever is drawn: the silent one is overtaken, and has not failed.
        "ask completer with stream\n  given openai answers 200 after 1500ms\n  expect answer from haiku\n  expect attempts 2\n  expect within 700ms",
        "ask completer\n  given openai answers 500\n  expect answer from haiku",
    ];
    let (report, happened) = report(&bodies);
    assert!(happened.iter().all(Vec::is_empty), "{happened:#?}");
    assert_eq!(report["passed"], bodies.len());
    let arms = &report["coverage"]["arms"];
    assert_eq!((&arms["covered"], &arms["total"]), (&5.into(), &5.into()));
    let left = report["coverage"]["links"]["uncovered"].as_array().unwrap();
    let left: Vec<_> = left.iter().map(|one| one["place"].as_str().unwrap()).collect();
    assert_eq!(left, ["routes/a.sfr:22", "routes/a.sfr:23"], "{report:#}");
    hold(&schema("test"), &report);
}

#[test]
fn what_does_not_hold_is_told() {
    let (report, happened) = report(&[
        "ask coder\n  expect failure timeout",
        "ask completer with client ci\n  expect answer from gpt",
        "ask coder\n  given sonnet answers network\n  expect answer from gpt after sonnet, sonnet",
        "ask coder\n  expect attempts 2",
        "ask completer\n  given gpt answers 429\n  expect answer from gpt_mini",
        // Only the longest pause is late.
        "ask coder\n  given sonnet answers 529 1 times\n  expect within 199ms",
    ]);
    let expected = [
        "an answer from sonnet",
        "no attempt: the client may not ask for this role",
        "an answer from gpt after sonnet",
        "1 attempt",
        "an answer from haiku after gpt",
        "sonnet answered after 200ms",
    ];
    assert_eq!(happened.concat(), expected);
    let failure = |test: usize| report["tests"][test]["failures"][0].clone();
    assert_eq!(failure(4)["drawn"], "gpt");
    assert_eq!(failure(1)["rule"], Value::Null);
    let first = &failure(2)["attempts"][0];
    assert_eq!((&first["end"], &first["class"]), (&"failed".into(), &"network".into()));
    hold(&schema("test"), &report);
}

#[test]
fn tests_of_an_environment_run_in_it_alone() {
    let dev = "env dev {\n  role coder {\n    route haiku -> gpt\n  }\n\n  test \"dev is cheap\" {\n    ask    coder\n    expect answer from haiku\n  }\n}\n";
    let scratch = project(dev);
    let output = scratch.run(&["test"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), "no tests: a program writes them as `test \"…\" { … }`\n");
    let output = scratch.run(&["test", "--env", "dev"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).starts_with("  ok  dev is cheap\n\n1 test passed\n"), "{output:?}");
}

#[test]
fn errors_end_it_and_say_so() {
    let scratch = project("test \"t\" {\n  ask    codr\n  expect answer from gpt\n}\n");
    let output = scratch.run(&["test", "--format", "json"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert!(stderr(&output).contains("`codr`") && stderr(&output).contains("1 error"));
    assert_eq!(Scratch::new(&[]).run(&["test"]).status.code(), Some(2));
}

#[test]
fn junit_names_each_test_and_why_it_failed() {
    let scratch = project(
        "test \"a <b>\" {\n  ask    coder\n  expect answer from sonnet\n}\n\n\
         test \"c\" {\n  ask    coder\n  expect answer from gpt\n}\n",
    );
    let output = scratch.run(&["test", "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"sfai-dsl\" tests=\"2\" failures=\"1\" errors=\"0\">
  <testsuite name=\"sfai-dsl\" tests=\"2\" failures=\"1\" errors=\"0\">
    <testcase name=\"a &lt;b&gt;\" classname=\"routes/tests.sfr\" file=\"routes/tests.sfr\" line=\"1\"/>
    <testcase name=\"c\" classname=\"routes/tests.sfr\" file=\"routes/tests.sfr\" line=\"6\">
      <failure message=\"expected an answer from gpt, got an answer from sonnet\" type=\"expect\">routes/tests.sfr:8  expect answer from gpt
expected  an answer from gpt
happened  an answer from sonnet
rule      routes/a.sfr:25  otherwise route sonnet -&gt; gpt -&gt; gpt_mini
attempts  sonnet  called at 0ms, answered at 0ms
</failure>
    </testcase>
  </testsuite>
</testsuites>
";
    assert_eq!(stdout(&output), expected);
}
