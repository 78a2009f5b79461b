//! The example of a workflow and of pre-commit hooks, run: every `run:` in its own shell, in a
//! repository of its own, with the built binary on the path.
//!
//! Stand-ins, since nothing here leaves the machine: GitHub's repositories are a folder that git is
//! told to take for them; `rustup` and `cargo` note what they are asked for; `gh` notes it, too, and
//! answers with the comments that the test says are there. A step's `if:` is GitHub's to judge; the
//! tests say which steps they run.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::golden;
use crate::project::{Scratch, stderr, stdout};

#[derive(Deserialize)]
struct Workflow {
    env: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Deserialize)]
struct Job {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    name: String,
    run: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// What GitHub fills in. Any other expression in what is run ends the test.
const EXPRESSIONS: [(&str, &str); 5] = [
    ("github.token", "a-token"),
    ("github.repository", "acme/routes"),
    ("github.event.pull_request.number", "7"),
    ("vars.SFAI_CONFIG_BUCKET", "sfai-test"),
    ("vars.SFAI_ENV", "prod"),
];

const RUSTUP: &str = "#!/bin/sh\necho \"rustup $*\" >> \"$NOTES\"\n";

/// Takes what is to be installed for installed if it is there.
const CARGO: &str = "#!/bin/sh\nset -e\necho \"cargo $*\" >> \"$NOTES\"\ntest -f dsl/Cargo.toml\n";

/// Notes the call and, of `--field body=@FILE`, the file. A question is answered with the comments.
const GH: &str = r#"#!/bin/sh
set -e
test "$GH_TOKEN" = a-token
echo "gh $*" >> "$NOTES"
for last in "$@"; do :; done
case "$last" in
  body=@*) cat "${last#body=@}" > "$POSTED" ;;
  *) cat "$COMMENTS_THERE" ;;
esac
"#;

/// A job in a repository whose commit is to be merged, and what its steps find around them.
struct Runner {
    scratch: Scratch,
    workflow: Workflow,
}

impl Runner {
    /// The committed routes on `main`, and `change` on a branch merged with it, as
    /// `actions/checkout` has it for a pull request: two commits and no more.
    fn of(change: impl Fn(&Path)) -> Self {
        let scratch = Scratch::new(&[
            ("runner/diff.md", b"left over from another run"),
            ("bin/rustup", RUSTUP.as_bytes()),
            ("bin/cargo", CARGO.as_bytes()),
            ("bin/gh", GH.as_bytes()),
            ("github/OWNER/sfai/dsl/Cargo.toml", b"[package]\n"),
            ("notes", b""),
            ("comments", b""),
        ]);
        for name in ["rustup", "cargo", "gh"] {
            let path = scratch.path().join("bin").join(name);
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let binary = env!("CARGO_BIN_EXE_sfai-dsl");
        symlink(binary, scratch.path().join("bin/sfai-dsl")).unwrap();
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (path, bytes) in golden::files_below(&top.join("routes")) {
            scratch.write(&format!("origin/routes/{path}"), &bytes);
        }
        let map = std::fs::read(top.join("model_map.json")).unwrap();
        scratch.write("origin/model_map.json", &map);
        let text = std::fs::read_to_string(top.join("docs/examples/github-workflow.yml")).unwrap();
        let runner = Self { scratch, workflow: serde_saphyr::from_str(&text).unwrap() };
        runner.git("github/OWNER/sfai", &["init -b main", "add .", "commit -m one"]);
        runner.git(
            "origin",
            &["init -b main", "add .", "commit -m old", "commit -m older --allow-empty"],
        );
        runner.git("origin", &["checkout -b change"]);
        change(&runner.at("origin"));
        let merge = "merge --no-ff -m merge change";
        runner.git("origin", &["add .", "commit -m change --allow-empty", "checkout main", merge]);
        let origin = format!("clone --depth 2 file://{} work", runner.at("origin").display());
        runner.git("", &[&origin]);
        runner
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        String::from_utf8(self.scratch.read(path).unwrap_or_default()).unwrap()
    }

    fn git(&self, folder: &str, orders: &[&str]) {
        for order in orders {
            let mut git = Command::new("git");
            git.args(order.split(' ')).current_dir(self.at(folder));
            let output = self.surround(&mut git).output().unwrap();
            assert!(output.status.success(), "git {order}: {output:?}");
        }
    }

    /// Surrounds a command with what there is on a runner.
    fn surround<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let path = std::env::var("PATH").unwrap();
        let repositories = format!("url.file://{}/.insteadOf", self.at("github").display());
        for name in ["SFAI_ENV", "SFAI_CONFIG_BUCKET", "GITHUB_ACTIONS", "GITHUB_ACTOR"] {
            command.env_remove(name);
        }
        command
            .env("PATH", format!("{}:{path}", self.at("bin").display()))
            .env("HOME", self.at("runner"))
            .env("RUNNER_TEMP", self.at("runner"))
            .env("GITHUB_STEP_SUMMARY", self.at("summary.md"))
            .env("GITHUB_REPOSITORY", "acme/routes")
            .env("NOTES", self.at("notes"))
            .env("POSTED", self.at("posted.md"))
            .env("COMMENTS_THERE", self.at("comments"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_COUNT", "3")
            .env("GIT_CONFIG_KEY_0", repositories)
            .env("GIT_CONFIG_VALUE_0", "https://github.com/")
            .env("GIT_CONFIG_KEY_1", "user.name")
            .env("GIT_CONFIG_VALUE_1", "Somebody")
            .env("GIT_CONFIG_KEY_2", "user.email")
            .env("GIT_CONFIG_VALUE_2", "somebody@example.com")
    }

    /// A step as GitHub runs one that names no shell: a script for `bash -e`.
    fn step(&self, job: &str, name: &str) -> Command {
        let steps = &self.workflow.jobs[job].steps;
        let step = steps.iter().find(|step| step.name == name).unwrap();
        self.scratch.write("script.sh", filled(step.run.as_ref().unwrap()).as_bytes());
        let mut command = Command::new("bash");
        command.arg("-e").arg(self.at("script.sh")).current_dir(self.at("work"));
        self.surround(&mut command);
        for (name, value) in self.workflow.env.iter().chain(&step.env) {
            command.env(name, filled(value));
        }
        command
    }

    fn run(&self, job: &str, name: &str) -> Output {
        self.step(job, name).output().unwrap()
    }

    fn succeed(&self, job: &str, name: &str) -> String {
        let output = self.run(job, name);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        stdout(&output)
    }
}

fn filled(text: &str) -> String {
    let fill = |text: String, (name, value): (&str, &str)| {
        text.replace(&format!("${{{{ {name} }}}}"), value)
    };
    let filled = EXPRESSIONS.into_iter().fold(text.to_owned(), fill);
    assert!(!filled.contains("${{"), "not known here: {filled}");
    filled
}

fn edit(folder: &Path, path: &str, old: &str, new: &str) {
    let path = folder.join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    std::fs::write(path, text.replacen(old, new, 1)).unwrap();
}

/// Takes the `about` of a role away and writes the map anew.
fn harmless(folder: &Path) {
    edit(folder, "routes/backend.sfr", "about", "# about");
    for verb in ["fmt", "compile"] {
        let output = Command::new(env!("CARGO_BIN_EXE_sfai-dsl"))
            .arg(verb)
            .current_dir(folder)
            .env_remove("SFAI_ENV")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn every_step_that_runs_something_is_run_by_a_test() {
    let runner = Runner::of(|_| ());
    let names = |job: &str| -> Vec<String> {
        let steps = runner.workflow.jobs[job].steps.iter();
        steps.filter(|step| step.run.is_some()).map(|step| step.name.clone()).collect()
    };
    let check = [
        "Install sfai-dsl",
        "Check",
        "Test",
        "Layout",
        "The map is that of the program",
        "What changes",
        "Tell it in the pull request",
    ];
    assert_eq!(names("check"), check);
    assert_eq!(names("push"), ["Install sfai-dsl with S3", "Push"]);
    assert_eq!(runner.workflow.jobs.len(), 2);
}

#[test]
fn sfai_is_installed_from_the_repository_that_is_named() {
    let runner = Runner::of(|_| ());
    runner.succeed("check", "Install sfai-dsl");
    let notes = runner.read("notes");
    let toolchain = "rustup toolchain install 1.95 --profile minimal\n";
    let install = "cargo +1.95 install --locked --path dsl";
    assert_eq!(notes, format!("{toolchain}{install} --no-default-features\n"));
    let runner = Runner::of(|_| ());
    runner.succeed("push", "Install sfai-dsl with S3");
    assert_eq!(runner.read("notes"), format!("{toolchain}{install}\n"));
}

#[test]
fn a_good_change_passes_every_check_and_is_told_in_one_comment() {
    let runner = Runner::of(harmless);
    for name in ["Check", "Test", "Layout", "The map is that of the program", "What changes"] {
        runner.succeed("check", name);
    }
    let summary = runner.read("summary.md");
    assert!(summary.starts_with("<!-- sfai-dsl diff -->\n"), "{summary}");
    assert!(summary.contains("backend"), "{summary}");
    assert!(!summary.contains("left over"), "{summary}");

    runner.succeed("check", "Tell it in the pull request");
    let comments = "repos/acme/routes/issues/7/comments";
    let notes = runner.read("notes");
    let calls: Vec<&str> = notes.lines().collect();
    let body = format!("--field body=@{}", runner.at("runner/diff.md").display());
    assert!(calls[0].starts_with(&format!("gh api {comments} --paginate")), "{notes}");
    assert_eq!(calls[1], format!("gh api --silent {comments} {body}"));
    assert_eq!(runner.read("posted.md"), summary);

    // The next time the comment is there, in some cases more than once.
    for there in ["41\n", "41\n42\n"] {
        runner.scratch.write("comments", there.as_bytes());
        runner.scratch.write("notes", b"");
        runner.succeed("check", "Tell it in the pull request");
        let notes = runner.read("notes");
        let renew = "gh api --silent --method PATCH repos/acme/routes/issues/comments/41";
        assert_eq!(notes.lines().last(), Some(format!("{renew} {body}").as_str()), "{notes}");
    }
}

#[test]
fn a_change_of_nothing_is_told_as_such() {
    let runner =
        Runner::of(|folder| std::fs::write(folder.join("README.md"), "# Routes\n").unwrap());
    runner.succeed("check", "What changes");
    let told = runner.read("runner/diff.md");
    assert!(told.lines().count() > 1, "{told}");
}

#[test]
fn a_bad_change_fails_the_check_beside_its_line() {
    let runner = Runner::of(|folder| edit(folder, "routes/backend.sfr", "-> gpt", "-> gtp"));
    let output = runner.run("check", "Check");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stdout(&output);
    assert!(said.starts_with("::error file=routes/backend.sfr,line="), "{said}");
    // What cannot be compared fails its step, and nothing is told.
    assert_eq!(runner.run("check", "What changes").status.code(), Some(1));
}

#[test]
fn a_stale_map_and_a_loose_layout_fail_their_steps() {
    let runner = Runner::of(|folder| edit(folder, "routes/backend.sfr", "-> gpt", "   -> gpt"));
    assert_eq!(runner.run("check", "Layout").status.code(), Some(1));
    runner.succeed("check", "The map is that of the program");
    let runner = Runner::of(|folder| edit(folder, "routes/backend.sfr", "about", "# about"));
    let output = runner.run("check", "The map is that of the program");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[cfg(feature = "s3")]
#[test]
fn what_is_merged_is_pushed() {
    let runner = Runner::of(harmless);
    let fake = crate::s3::Fake::well();
    let mut push = runner.step("push", "Push");
    // What `aws-actions/configure-aws-credentials` leaves.
    crate::s3::lead_to(&mut push, &runner.scratch, &fake.url());
    let output = push.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let map = model_map::load(&fake.object("config/model_map.json").unwrap().bytes).unwrap();
    assert_eq!(map.env, "prod");
}

#[derive(Deserialize)]
struct Hooks {
    repos: Vec<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    hooks: Vec<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    id: String,
    entry: String,
    language: String,
    files: String,
    pass_filenames: bool,
}

fn hooks() -> Vec<Hook> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(top.join("docs/examples/pre-commit-hooks.yaml")).unwrap();
    let mut hooks: Hooks = serde_saphyr::from_str(&text).unwrap();
    hooks.repos.remove(0).hooks
}

/// Which hooks fail or change a file, as pre-commit runs them: those whose pattern one of the staged
/// files has (grep stands in for Python's `re`), without a shell, one after the other.
fn commit(runner: &Runner) -> Vec<String> {
    let folder = runner.at("work");
    runner.git("work", &["add ."]);
    let mut failed = Vec::new();
    for hook in hooks() {
        assert!(hook.language == "system" && !hook.pass_filenames, "{}", hook.id);
        let staged = "git diff --cached --name-only | grep -qE \"$FILES\"";
        let mut find = Command::new("sh");
        find.args(["-c", staged]).env("FILES", &hook.files).current_dir(&folder);
        if !runner.surround(&mut find).status().unwrap().success() {
            continue;
        }
        let mut words = hook.entry.split(' ');
        let mut command = Command::new(runner.at("bin").join(words.next().unwrap()));
        command.args(words).current_dir(&folder);
        let is_good = runner.surround(&mut command).output().unwrap().status.success();
        let mut changes = Command::new("git");
        changes.args(["diff", "--quiet"]).current_dir(&folder);
        let is_same = runner.surround(&mut changes).status().unwrap().success();
        if !is_good || !is_same {
            failed.push(hook.id);
        }
        runner.git("work", &["add ."]);
    }
    failed
}

#[test]
fn the_hooks_let_a_good_commit_pass_and_hold_up_others() {
    let runner = Runner::of(|_| ());
    let work = runner.at("work");
    std::fs::write(work.join("README.md"), "# Routes\n").unwrap();
    assert_eq!(commit(&runner), Vec::<String>::new());
    harmless(&work);
    assert_eq!(commit(&runner), Vec::<String>::new());
    edit(&work, "routes/backend.sfr", "-> gpt", "   -> gpt");
    assert_eq!(commit(&runner), ["sfai-fmt"]);
    edit(&work, "routes/prompts/backend.md", " ", "  ");
    assert_eq!(commit(&runner), ["sfai-map"]);
    edit(&work, "routes/backend.sfr", "-> gpt", "-> gtp");
    assert_eq!(commit(&runner), ["sfai-check", "sfai-test", "sfai-map"]);
}
