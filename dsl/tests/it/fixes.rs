//! `check --fix`: every fix mends what it says and breaks nothing.

use sfai_dsl::rules::RULES;

use crate::project::{Scratch, findings, stderr, stdout};

/// The findings outside the prelude, by code and message.
fn left(scratch: &Scratch) -> Vec<String> {
    let all = findings(&scratch.run(&["check", "--format", "json"]));
    let own = all.iter().filter(|finding| finding["path"] != "routes/prelude.sfr");
    own.map(|it| format!("{} {}", it["code"], it["message"])).collect()
}

fn of(text: &str) -> Scratch {
    let scratch = Scratch::of(&RULES[0].good);
    scratch.write("routes/example.sfr", text.as_bytes());
    scratch
}

#[test]
fn the_fix_of_each_rules_bad_example_leaves_nothing_to_find() {
    let mut mended = Vec::new();
    let mut wrong = Vec::new();
    for rule in RULES {
        let bad = Scratch::of(&rule.bad);
        let before = bad.run(&["check", "--format", "json"]);
        if before.stdout.is_empty() {
            continue; // `settings`: found before there is a program
        }
        let all = findings(&before);
        if !all.iter().any(|it| it["code"] == rule.code.0 && it["fix"].is_object()) {
            continue;
        }
        mended.push(rule.name);
        bad.run(&["check", "--fix"]);
        let rest = left(&bad);
        if !rest.is_empty() {
            wrong.push(format!("{}: {rest:#?}", rule.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(mended.len() >= 4, "{mended:?}");
    println!("{mended:?}");
}

/// A mistake for every place of the code that makes a fix, and what it becomes.
const MISTAKES: [(&str, &str); 26] = [
    ("rol a {\n  route sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a {\n  rotue sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    (
        "role a { about \"x\" route sonnet -> gpt }\n",
        "role a { about \"x\"\nroute sonnet -> gpt }\n",
    ),
    (
        "prompt p = \"x\"\nrole a {\n  system p append\n  route sonnet -> gpt\n}\n",
        "prompt p = \"x\"\nrole a {\n  system append p\n  route sonnet -> gpt\n}\n",
    ),
    ("role a {\n  route = sonnet -> gpt\n}\n", "role a {\n  route  sonnet -> gpt\n}\n"),
    (
        "model s openai/gpt-5.4\nrole a {\n  route s -> sonnet\n}\n",
        "model s = openai/gpt-5.4\nrole a {\n  route s -> sonnet\n}\n",
    ),
    ("role a {\n  route sonnet gpt haiku\n}\n", "role a {\n  route sonnet -> gpt -> haiku\n}\n"),
    (
        "role a {\n  timeout total 5m idle 3s\n  route sonnet -> gpt\n}\n",
        "role a {\n  timeout total 5m, idle 3s\n  route sonnet -> gpt\n}\n",
    ),
    ("role a {\n  timeout total 5m,\n}\n", "role a {\n  timeout total 5m\n}\n"),
    (
        "role a {\n  about \"x\ty\"\n  route sonnet -> gpt\n}\n",
        "role a {\n  about \"x\\ty\"\n  route sonnet -> gpt\n}\n",
    ),
    ("role a {\n  route\u{8} sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    (
        "role a {\n  about \"a ${b\"\n  route sonnet -> gpt\n}\n",
        "role a {\n  about \"a $${b\"\n  route sonnet -> gpt\n}\n",
    ),
    (
        "role a {\n  timeout total 5min\n  route sonnet -> gpt\n}\n",
        "role a {\n  timeout total 5m\n  route sonnet -> gpt\n}\n",
    ),
    ("role a {\n  route \"sonnet\" -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    (
        "model s = \"openai/gpt-5.4\"\nrole a {\n  route s -> sonnet\n}\n",
        "model s = openai/gpt-5.4\nrole a {\n  route s -> sonnet\n}\n",
    ),
    ("role a {\n  route sonnet → gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a {\n  route sonnet -> gpt;\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a {\n  route: sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a {\n  route sonnet ->\u{a0}gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a {\n  route sonnet -> gpt\n}\n}\n", "role a {\n  route sonnet -> gpt\n}\n\n"),
    ("role a {\n  route sonnet -> gpt\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a\n  route sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    ("role a\n{\n  route sonnet -> gpt\n}\n", "role a {\n  route sonnet -> gpt\n}\n"),
    (
        "role a {\n  route sonnet -> gpt\n} role b {\n  route gpt -> sonnet\n}\n",
        "role a {\n  route sonnet -> gpt\n}\nrole b {\n  route gpt -> sonnet\n}\n",
    ),
    (
        "role a {\n  route sonnet -> gpt\n  retry 1 on timeout, network\n}\n",
        "role a {\n  route sonnet -> gpt\n  retry 1 on network\n}\n",
    ),
    (
        "role a {\n  route sonnet -> gpt\n  retry 1 on network backoff 8s..500ms\n  set reasoning_effort hihg\n}\n",
        "role a {\n  route sonnet -> gpt\n  retry 1 on network backoff 500ms..8s\n  set reasoning_effort high\n}\n",
    ),
];

#[test]
fn each_kind_of_fix_mends_its_mistake() {
    let mut wrong = Vec::new();
    for (bad, good) in MISTAKES {
        let scratch = of(bad);
        let before = left(&scratch);
        scratch.run(&["check", "--fix"]);
        let after = String::from_utf8(scratch.read("routes/example.sfr").unwrap()).unwrap();
        if after != good {
            wrong.push(format!("{bad}{before:#?}\nbecame\n{after}{:#?}", left(&scratch)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_was_fixed_and_what_is_left_is_told() {
    let scratch =
        of("role a {\n  rotue sonet -> gpt\n}\nrole b {\n  route never_heard -> gpt\n}\n");
    let diff = scratch.run(&["check", "--fix", "--diff"]);
    assert_eq!(diff.status.code(), Some(1));
    assert!(stdout(&diff).contains("-  rotue sonet -> gpt\n+  route sonnet -> gpt\n"), "{diff:?}");
    let output = scratch.run(&["check", "--fix"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stdout(&output);
    // The second mistake is seen once the first is mended.
    assert!(said.contains("routes/example.sfr:2: fixed[SFR001] write `route`\n"), "{said}");
    assert!(said.contains("write `sonnet`\n2 findings mended\n"), "{said}");
    assert!(said.contains("no model is named `never_heard`"), "{said}");
    let json = scratch.run(&["check", "--fix", "--format", "json"]);
    assert_eq!(stderr(&json), "");
    assert_eq!(findings(&json).iter().filter(|it| it["severity"] == "error").count(), 1);
}

#[test]
fn a_mended_program_is_clean() {
    let scratch = of("role a {\n  route sonet -> gtp\n}\n");
    assert_eq!(scratch.run(&["check", "--fix"]).status.code(), Some(0));
    assert_eq!(
        scratch.read("routes/example.sfr").unwrap(),
        b"role a {\n  route sonnet -> gpt\n}\n"
    );
}

#[test]
fn a_file_that_is_not_utf8_is_not_written() {
    let scratch = of("");
    let spoilt = b"# \xff\nrole a {\n  route sonet -> gpt\n}\n";
    scratch.write("routes/example.sfr", spoilt);
    assert_eq!(scratch.run(&["check", "--fix"]).status.code(), Some(1));
    assert_eq!(scratch.read("routes/example.sfr").unwrap(), spoilt);
}
