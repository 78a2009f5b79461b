//! `push` and its kin with a folder, as their users run them.

use std::process::{Command, Output};

use serde_json::Value;
use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, command_in, stderr, stdout};
use crate::schemas::{hold, schema};

const ROLE: &str = "\nrole coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";

/// What differs from `ROLE` in what it means.
const OTHER: &str = "\nrole coder {\n  route gpt -> sonnet -> gpt_mini -> haiku\n}\n";

/// A project whose maps go to the folder `maps` in it.
pub fn project() -> Scratch {
    let scratch = Scratch::new(&[("sfai.toml", b"[push]\ntarget = \"maps\"\n")]);
    write_role(&scratch, ROLE);
    scratch
}

pub fn write_role(scratch: &Scratch, role: &str) {
    scratch.write("routes/a.sfr", format!("{PRELUDE}{role}").as_bytes());
}

/// `sfai-dsl` as nobody in particular runs it: not on GitHub, with no target but the project's.
pub fn command(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = command_in(scratch.path(), arguments);
    for name in ["SFAI_CONFIG_BUCKET", "GITHUB_ACTIONS", "GITHUB_ACTOR"] {
        command.env_remove(name);
    }
    command
}

pub fn run(scratch: &Scratch, arguments: &[&str]) -> Output {
    command(scratch, arguments).output().unwrap()
}

pub fn succeed(scratch: &Scratch, arguments: &[&str]) -> String {
    let output = run(scratch, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    stdout(&output)
}

/// What it said, having ended so.
pub fn ended(scratch: &Scratch, arguments: &[&str], code: i32) -> String {
    let output = run(scratch, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    stderr(&output)
}

pub fn push(scratch: &Scratch, role: &str, by: &str) -> String {
    write_role(scratch, role);
    succeed(scratch, &["push", "--yes", "--by", by]);
    live(scratch).digest
}

fn live(scratch: &Scratch) -> model_map::ModelMap {
    model_map::load(&scratch.read("maps/config/model_map.json").unwrap()).unwrap()
}

pub fn json(scratch: &Scratch, arguments: &[&str]) -> Value {
    let output = run(scratch, &[arguments, &["--format", "json"]].concat());
    assert_ne!(output.status.code(), Some(2), "{output:?}");
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Times and digests as words, so that the rest can be compared.
pub fn masked(text: &str) -> String {
    let is_of_time = |it: char| it.is_ascii_digit() || "-:TZ".contains(it);
    let words = text.split_inclusive(|it: char| it.is_whitespace() || it == ',');
    let mask = |word: &str| {
        let bare = word.trim_end_matches(|it: char| it.is_whitespace() || it == ',');
        let digits = bare.trim_start_matches("sha256:");
        let is_digest =
            [12, 64].contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_hexdigit());
        match () {
            () if bare.len() == 20 && bare.chars().all(is_of_time) => word.replace(bare, "TIME"),
            () if is_digest => word.replace(digits, "DIGEST"),
            () => word.to_owned(),
        }
    };
    words.map(mask).collect()
}

#[test]
fn a_push_stores_a_version_and_moves_the_live_map() {
    let scratch = project();
    let output = run(&scratch, &["push", "--yes", "--by", "ann"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let maps = scratch.path().join("maps");
    let shown = stdout(&output).replace(&maps.display().to_string(), "MAPS");
    let expected = "\
role coder added, risk low
  low     route: anthropic/claude-sonnet-4-6 -> openai/gpt-5.4 -> openai/gpt-5.4-mini -> anthropic/claude-haiku-4-5
  at most 4 attempts, 80s before the answer, $0.0775; survives loss of any provider

provider anthropic added, risk medium

provider openai added, risk medium

3 differences between nothing and the working tree, risk medium
MAPS sha256:DIGEST is live: 1 role
";
    assert_eq!(masked(&shown), expected);
    let said = masked(&stderr(&output));
    let expected = "\
sfai-dsl: checked with 0 warnings, 0 tests passed
sfai-dsl: stored the version DIGEST
";
    assert_eq!(said, expected);
    let map = live(&scratch);
    let digits = map.digest.trim_start_matches("sha256:");
    let version = scratch.read(&format!("maps/config/versions/{digits}.json")).unwrap();
    assert_eq!(version, scratch.read("maps/config/model_map.json").unwrap());
    let again = succeed(&scratch, &["push", "--yes"]);
    assert!(again.ends_with("is live already\n"), "{again}");
}

#[test]
fn a_dry_run_changes_nothing_and_says_whether_something_would() {
    let scratch = project();
    let said = ended(&scratch, &["push", "--dry-run"], 1);
    assert!(said.contains("a dry run: nothing was changed"), "{said}");
    assert!(!scratch.path().join("maps").exists());
    push(&scratch, ROLE, "ann");
    assert_eq!(ended(&scratch, &["push", "--dry-run"], 0).lines().count(), 1);
}

#[test]
fn without_a_terminal_a_push_has_to_be_meant() {
    let scratch = project();
    let output = scratch.run_with(&["push"], b"y\n");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("no terminal to ask at; --yes goes ahead unasked"));
    // What it would have asked about is shown all the same.
    assert!(stdout(&output).contains("role coder added"), "{output:?}");
    assert!(!scratch.path().join("maps").exists());
}

#[test]
fn errors_and_failed_tests_are_not_pushed() {
    let scratch = project();
    write_role(&scratch, "\nrole coder {\n  route none -> gpt\n}\n");
    let said = ended(&scratch, &["push", "--yes"], 1);
    assert!(said.contains("SFR") && said.contains("nothing was pushed"), "{said}");
    let failing = "test \"wrong\" {\n  ask    coder\n  expect answer from gpt\n}\n";
    write_role(&scratch, &format!("{ROLE}\n{failing}"));
    let said = ended(&scratch, &["push", "--yes"], 1);
    assert!(said.contains("wrong") && said.contains("nothing was pushed"), "{said}");
    assert!(!scratch.path().join("maps").exists());
}

#[test]
fn a_target_is_named_on_the_command_line_before_the_environment_before_the_settings() {
    let scratch = project();
    let output = command(&scratch, &["push", "--yes", "--to", "other"])
        .env("SFAI_CONFIG_BUCKET", "nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(scratch.read("other/config/model_map.json").is_some());
    let url = format!("file://{}/third", scratch.path().display());
    if cfg!(unix) {
        succeed(&scratch, &["push", "--yes", "--to", &url]);
        assert!(scratch.read("third/config/model_map.json").is_some());
    }
    let output = command(&scratch, &["versions"])
        .env("SFAI_CONFIG_BUCKET", "Not A Bucket")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("SFAI_CONFIG_BUCKET: `s3://Not A Bucket`"), "{output:?}");
    scratch.write("sfai.toml", b"[push]\ntarget = \"maps-${env}\"\n");
    succeed(&scratch, &["push", "--yes", "--env", "dev"]);
    assert!(scratch.read("maps-dev/config/model_map.json").is_some());
    scratch.write("sfai.toml", b"");
    assert!(ended(&scratch, &["push", "--yes"], 2).contains("no target is named"));
}

#[test]
fn versions_are_listed_and_what_is_live_is_marked() {
    let scratch = project();
    let first = push(&scratch, ROLE, "ann");
    let second = push(&scratch, OTHER, "bob");
    let listed = json(&scratch, &["versions"]);
    hold(&schema("versions"), &listed);
    assert_eq!((&listed["live"], &listed["older"]), (&second.as_str().into(), &0.into()));
    let find = |digest: &str| {
        let all = listed["versions"].as_array().unwrap();
        all.iter().find(|it| it["digest"] == digest).unwrap().clone()
    };
    let (first, second) = (find(&first), find(&second));
    assert_eq!((&first["by"], &first["live"]), (&"ann".into(), &false.into()));
    assert_eq!((&second["by"], &second["live"]), (&"bob".into(), &true.into()));
    assert_eq!((&second["roles"], &second["env"]), (&1.into(), &"default".into()));
    let text = succeed(&scratch, &["versions", "--limit", "1"]);
    assert!(text.contains("1 version at") && text.contains("1 older"), "{text}");
    let text = succeed(&scratch, &["versions", "--from", "none"]);
    assert!(text.ends_with("no map is live\n"), "{text}");
}

#[test]
fn rollbacks_go_back_step_by_step_and_by_name() {
    let scratch = project();
    let first = push(&scratch, ROLE, "ann");
    let second = push(&scratch, OTHER, "bob");
    let third = push(&scratch, &ROLE.replace(" -> haiku", ""), "eve");
    let dry = ended(&scratch, &["rollback", "--dry-run"], 1);
    assert!(dry.contains("a dry run"), "{dry}");
    assert_eq!(live(&scratch).digest, third);
    for expected in [&second, &first] {
        let shown = succeed(&scratch, &["rollback", "--yes"]);
        assert!(shown.contains("role coder changed"), "{shown}");
        assert_eq!(live(&scratch).digest, *expected);
    }
    let none = ended(&scratch, &["rollback", "--yes"], 2);
    assert!(none.contains("before is not known: name a version"), "{none}");
    let start = third.split_at("sha256:".len() + 8).0;
    succeed(&scratch, &["rollback", "--yes", start]);
    assert_eq!(live(&scratch).digest, third);
    let said = ended(&scratch, &["rollback", "--yes", "latest"], 2);
    assert!(said.contains("`latest` names no version"), "{said}");
    let said = ended(&scratch, &["rollback", "--yes", &"0".repeat(64)], 2);
    assert!(said.contains("has no version that starts with `0000"), "{said}");
    let output = scratch.run_with(&["rollback"], b"y\n");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn status_tells_what_is_live_and_what_differs() {
    let scratch = project();
    let nothing = run(&scratch, &["status"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(stdout(&nothing).contains("live    nothing yet"), "{nothing:?}");
    push(&scratch, ROLE, "ann");
    let maps = scratch.path().join("maps").display().to_string();
    let same = masked(&succeed(&scratch, &["status"]).replace(&maps, "MAPS"));
    let expected = "\
target  MAPS
live    sha256:DIGEST  1 role, env default, push by ann, TIME
local   sha256:DIGEST  1 role, env default
the program is live as it stands here
";
    assert_eq!(same, expected);
    write_role(&scratch, OTHER);
    let report = json(&scratch, &["status"]);
    hold(&schema("status"), &report);
    assert_eq!((&report["same"], &report["live"]["by"]), (&false.into(), &"ann".into()));
    assert_eq!(report["differences"][0]["name"], "coder");
    assert_eq!(run(&scratch, &["status"]).status.code(), Some(1));
    write_role(&scratch, "\nrole coder {\n");
    assert!(ended(&scratch, &["status"], 1).contains("nothing to compare"));
}

#[test]
fn what_is_live_is_pulled_and_so_is_a_version() {
    let scratch = project();
    assert!(ended(&scratch, &["pull"], 2).contains("nothing is live"));
    let first = push(&scratch, ROLE, "ann");
    push(&scratch, OTHER, "bob");
    let live = succeed(&scratch, &["pull"]);
    assert_eq!(live.as_bytes(), scratch.read("maps/config/model_map.json").unwrap());
    succeed(&scratch, &["pull", &first, "-o", "old.json"]);
    assert_eq!(model_map::load(&scratch.read("old.json").unwrap()).unwrap().digest, first);
}

#[test]
fn what_was_altered_in_the_store_is_never_made_live() {
    let scratch = project();
    let first = push(&scratch, ROLE, "ann");
    let second = push(&scratch, OTHER, "bob");
    let path = |digest: &str| {
        format!("maps/config/versions/{}.json", digest.trim_start_matches("sha256:"))
    };
    let whole = String::from_utf8(scratch.read(&path(&first)).unwrap()).unwrap();
    scratch.write(&path(&first), whole.replace("gpt-5.4", "gpt-6").as_bytes());
    for arguments in [&["rollback", "--yes"][..], &["pull", &first]] {
        let said = ended(&scratch, arguments, 2);
        assert!(said.contains("has another content") && said.contains("digest"), "{said}");
    }
    write_role(&scratch, ROLE);
    let said = ended(&scratch, &["push", "--yes"], 2);
    assert!(said.contains("has another content"), "{said}");
    // A whole map under another's name is no better.
    scratch.write(&path(&first), &scratch.read(&path(&second)).unwrap());
    assert!(ended(&scratch, &["push", "--yes"], 2).contains("it is the map"));
    assert_eq!(live(&scratch).digest, second);
}

#[test]
fn a_map_that_was_not_pushed_is_kept_before_it_is_replaced() {
    let scratch = project();
    succeed(&scratch, &["compile", "-o", "first.json"]);
    let first = scratch.read("first.json").unwrap();
    scratch.write("maps/config/model_map.json", &first);
    let status = succeed(&scratch, &["status"]);
    assert!(status.contains("not put there by sfai-dsl"), "{status}");
    write_role(&scratch, OTHER);
    let said = ended(&scratch, &["push", "--yes"], 0);
    assert!(said.contains("what was live is kept as the version"), "{said}");
    succeed(&scratch, &["rollback", "--yes"]);
    assert_eq!(scratch.read("maps/config/model_map.json").unwrap(), first);
}

#[test]
fn what_is_live_and_no_map_can_be_replaced() {
    let scratch = project();
    scratch.write("maps/config/model_map.json", b"{\"cut\": ");
    let output = run(&scratch, &["status"]);
    assert!(stdout(&output).contains("it is not whole JSON"), "{output:?}");
    assert!(ended(&scratch, &["pull"], 2).contains("it is not whole JSON"));
    let said = ended(&scratch, &["push", "--yes"], 0);
    assert!(said.contains("what is live cannot be compared"), "{said}");
    assert_eq!(live(&scratch).roles.len(), 1);
}

#[test]
fn moved_source_and_another_environment_are_told() {
    let scratch = project();
    let first = push(&scratch, ROLE, "ann");
    write_role(&scratch, &format!("\n\n{ROLE}"));
    let said = ended(&scratch, &["push", "--yes"], 0);
    assert!(said.contains("only the places in the source differ"), "{said}");
    assert_eq!(live(&scratch).digest, first);
    assert!(live(&scratch).sources.roles["coder"].ends_with(":20"), "{:?}", live(&scratch).sources);
    let said = ended(&scratch, &["push", "--yes", "--env", "dev"], 0);
    assert!(said.contains("is for env `default`, this one for `dev`"), "{said}");
}

#[test]
fn who_and_the_commit_are_noted() {
    let scratch = project();
    scratch.write(".gitignore", b"maps/\n");
    crate::diff::git(&scratch, &["init", "-q", "-b", "main"]);
    crate::diff::git(&scratch, &["config", "user.email", "git@example.com"]);
    crate::diff::git(&scratch, &["add", "."]);
    crate::diff::git(&scratch, &["commit", "-q", "-m", "first"]);
    let commit = crate::diff::git(&scratch, &["rev-parse", "--short=12", "HEAD"]);
    succeed(&scratch, &["push", "--yes"]);
    let listed = json(&scratch, &["versions"]);
    assert_eq!(listed["versions"][0]["by"], "git@example.com");
    assert_eq!(listed["versions"][0]["commit"], commit.trim());
    write_role(&scratch, OTHER);
    let output = command(&scratch, &["push", "--yes"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ACTOR", "octocat")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let live = &json(&scratch, &["status"])["live"];
    assert_eq!(live["by"], "octocat");
    assert_eq!(live["commit"], format!("{}-dirty", commit.trim()));
}

#[test]
fn of_pushes_at_once_each_ends_well_or_is_told() {
    let scratch = project();
    push(&scratch, ROLE, "ann");
    let others: Vec<Scratch> = (0..4)
        .map(|number| {
            let other = project();
            let about = format!("\nrole coder {{\n  about \"{number}\"\n");
            write_role(&other, &ROLE.replace("\nrole coder {\n", &about));
            other
        })
        .collect();
    let maps = scratch.path().join("maps");
    let start = |(number, other): (usize, &Scratch)| {
        let (to, by) = (maps.display().to_string(), number.to_string());
        let mut command = command(other, &["push", "--yes", "--to", &to, "--by", &by]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = others.iter().enumerate().map(start).collect();
    let outputs: Vec<_> = children.into_iter().map(|it| it.wait_with_output().unwrap()).collect();
    let won = outputs.iter().filter(|it| it.status.code() == Some(0)).count();
    assert!(won >= 1, "{outputs:?}");
    for output in outputs.iter().filter(|it| it.status.code() != Some(0)) {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = stderr(output);
        assert!(said.contains("another one was faster: sha256:") && said.contains("(push, "));
    }
    let listed = json(&scratch, &["versions"]);
    assert_eq!(listed["versions"].as_array().unwrap().len(), 5);
    assert_eq!(live(&scratch).roles.len(), 1);
}

#[test]
fn a_push_that_is_killed_leaves_the_live_map_whole() {
    let scratch = project();
    push(&scratch, ROLE, "ann");
    let before = scratch.read("maps/config/model_map.json").unwrap();
    for number in 0..5 {
        let about = format!("\nrole coder {{\n  about \"{number}\"\n");
        write_role(&scratch, &ROLE.replace("\nrole coder {\n", &about));
        succeed(&scratch, &["compile", "-o", "next.json"]);
        let next = scratch.read("next.json").unwrap();
        let digest = model_map::load(&next).unwrap().digest;
        let version = format!("maps/config/versions/{}.json", digest.trim_start_matches("sha256:"));
        let mut child = command(&scratch, &["push", "--yes"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !scratch.path().join(&version).exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let live = scratch.read("maps/config/model_map.json").unwrap();
        let is_whole = live == before || model_map::load(&live).unwrap().digest.starts_with("sha");
        assert!(is_whole && scratch.read(&version).unwrap() == next);
        // Nothing is locked, and nothing that it left stands in the way.
        succeed(&scratch, &["push", "--yes"]);
        assert_eq!(scratch.read("maps/config/model_map.json").unwrap(), next);
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_told() {
    let scratch = project();
    scratch.write("maps", b"a file");
    let said = ended(&scratch, &["push", "--yes"], 2);
    assert!(said.contains("maps") && said.contains("  help: "), "{said}");
}
