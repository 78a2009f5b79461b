//! Many files and many findings.

use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, findings, stdout};

#[test]
fn three_thousand_files_are_one_program() {
    let scratch = Scratch::new(&[("routes/providers.sfr", PRELUDE.as_bytes())]);
    for n in 0..3000 {
        // Every hundredth has a mistake.
        let total = if n % 100 == 0 { "totl" } else { "total" };
        let role = format!(
            "role r{n} {{\n  timeout {total} 5m\n  route   sonnet -> gpt -> gpt_mini -> haiku\n}}\n"
        );
        scratch.write(&format!("routes/{}/{n:04}.sfr", n % 10), role.as_bytes());
    }
    let output = scratch.run(&["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = findings(&output);
    let places: Vec<_> = found.iter().map(|it| it["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(places.len(), 30);
    assert!(places.is_sorted() && found.iter().all(|it| it["line"] == 2));
    assert_eq!(scratch.run(&["check", "--fix"]).status.code(), Some(0));
    assert_eq!(scratch.run(&["fmt", "--check"]).status.code(), Some(0));
}

#[test]
fn each_finding_is_told_once_in_the_order_of_the_text() {
    let role = "role x {\n  route sonet -> gpt\n  timeout total 5m, idl 3s\n}\n";
    let envs = "env a {\n  role x {\n    about \"a\"\n  }\n}\nenv b {\n  role x {\n    about \"b\"\n  }\n}\n";
    let scratch = Scratch::new(&[
        ("routes/z.sfr", PRELUDE.as_bytes()),
        ("routes/b.sfr", role.as_bytes()),
        ("routes/a.sfr", envs.as_bytes()),
        ("routes/a/b.sfr", b"role y {\n  route gtp -> sonnet -> haiku -> gpt_mini\n}\n"),
    ]);
    let lines = stdout(&scratch.run(&["check", "--format", "concise", "routes", "routes/b.sfr"]));
    let places: Vec<_> = lines.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["routes/a/b.sfr:2:9", "routes/b.sfr:2:9", "routes/b.sfr:3:21"], "{lines}");
}

#[test]
fn people_are_told_how_many_findings_there_are_beyond_those_drawn() {
    let roles: String =
        (0..3000).map(|n| format!("role r{n} {{\n  route sonet{n}\n}}\n")).collect();
    let scratch = Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{roles}").as_bytes())]);
    let drawn = stdout(&scratch.run(&["check"]));
    let counted = drawn.matches("no model is named").count();
    let found = findings(&scratch.run(&["check", "--format", "json"])).len();
    assert!(counted > 0 && counted < found, "{counted} of {found}");
    let last: Vec<_> = drawn.lines().rev().take(2).collect();
    assert!(last[1].starts_with("… and ") && last[1].contains(" more; `--format "), "{last:?}");
    assert!(last[0].contains("3000 errors"), "{last:?}");
}
