//! `-`: a file from stdin, as editors hand it over.

use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, findings, stderr, stdout};

const ROLE: &str = "role coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";

fn project() -> Scratch {
    Scratch::new(&[("routes/a.sfr", PRELUDE.as_bytes()), ("routes/b.sfr", ROLE.as_bytes())])
}

fn json(project: &Scratch, more: &[&str], text: &str) -> Vec<serde_json::Value> {
    let arguments = [&["check", "-", "--format", "json"], more].concat();
    findings(&project.run_with(&arguments, text.as_bytes()))
}

#[test]
fn an_unsaved_text_is_checked_in_the_place_of_its_file() {
    let project = project();
    let named = ["--stdin-filename", "routes/b.sfr"];
    assert_eq!(json(&project, &named, ROLE), Vec::<serde_json::Value>::new());
    let found = json(&project, &named, &ROLE.replace("sonnet", "sonet"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((&found[0]["path"], &found[0]["line"]), (&"routes/b.sfr".into(), &2.into()));
    // What it means for the other files is told, too.
    let found = json(&project, &named, &ROLE.replace("sonnet -> ", ""));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["path"], "routes/a.sfr");
    assert_eq!(project.read("routes/b.sfr").unwrap(), ROLE.as_bytes());
}

#[test]
fn a_text_without_a_file_is_checked_beside_the_others() {
    let project = project();
    let found = json(&project, &[], ROLE);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["related"][0]["path"], "routes/b.sfr");
    assert_eq!(found[0]["path"], "stdin.sfr");
    let alone = Scratch::new(&[]).run_with(&["check", "-"], b"# nothing yet\n");
    assert_eq!((alone.status.code(), stdout(&alone)), (Some(0), String::new()), "{alone:?}");
}

#[test]
fn a_text_is_read_with_the_prompts_of_the_file_that_it_stands_for() {
    let project = project();
    project.write("routes/more/p.md", b"Be brief.\n");
    let text = "prompt brief = file \"p.md\"\nrole x {\n  system brief\n  route sonnet -> gpt\n}\n";
    let found = json(&project, &["--stdin-filename", "routes/more/c.sfr"], text);
    assert_eq!(found, Vec::<serde_json::Value>::new());
    assert!(!json(&project, &["--stdin-filename", "routes/c.sfr"], text).is_empty());
}

#[test]
fn fmt_writes_the_tidy_text_to_stdout_whatever_the_project_is() {
    let project = Scratch::new(&[("sfai.toml", b"not toml")]);
    let done = project.run_with(&["fmt", "-"], b"role x{route   a->b}");
    assert_eq!(
        (done.status.code(), stdout(&done)),
        (Some(0), "role x {\n  route a -> b\n}\n".into())
    );
    let tidy = project.run_with(&["fmt", "-"], done.stdout.as_slice());
    assert_eq!(tidy.stdout, done.stdout);
    let check =
        project.run_with(&["fmt", "-", "--check", "--stdin-filename", "n.sfr"], b"role x{}");
    assert_eq!((check.status.code(), stdout(&check)), (Some(1), "n.sfr\n".into()));
    let diff = project.run_with(&["fmt", "-", "--diff"], b"role x{route a->b}\n");
    assert_eq!(diff.status.code(), Some(1));
    assert!(stdout(&diff).contains("-role x{route a->b}\n+role x {\n"), "{diff:?}");
    let spoilt = project.run_with(&["fmt", "-"], b"role \xff {}");
    assert_eq!((spoilt.status.code(), spoilt.stdout.len()), (Some(2), 0));
}

#[test]
fn stdin_stands_alone_and_is_not_mended_in_place() {
    let project = project();
    let both = project.run_with(&["check", "-", "routes"], b"");
    assert_eq!(both.status.code(), Some(2));
    assert!(stderr(&both).contains("stands alone"));
    let text = ROLE.replace("coder", "x").replace("sonnet", "sonet");
    let mended = project.run_with(&["check", "-", "--fix"], text.as_bytes());
    assert_eq!(mended.status.code(), Some(2));
    let shown = project.run_with(&["check", "-", "--fix", "--diff"], text.as_bytes());
    assert_eq!(shown.status.code(), Some(1));
    assert!(stdout(&shown).contains("+  route sonnet -> gpt"), "{shown:?}");
}
