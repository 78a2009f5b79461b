//! The part `s3`: `sfai-dsl push` and its kin against an emulator of S3 that others wrote.
//!
//! Owns the steps; what `push` does with a server that misbehaves is tested in the crate, against a
//! server of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Outcome, cargo};
use crate::emulator::{self, Emulator, REGION};
use crate::trouble::{Doing, Trouble};

const BUCKET: &str = "sfai-config";

/// Pushes that race each other, and how often at most until one has lost.
const RACERS: usize = 4;
const ROUNDS: usize = 25;

/// Starts the emulator and runs the steps.
///
/// # Errors
/// When the pinned packages cannot be installed or the emulator does not start, or on CI when
/// Python is missing.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let installed = match emulator::install()? {
        Ok(installed) => installed,
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            return Err(Trouble::new("test S3", why));
        }
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    if let failed @ Outcome::Failed = cargo(&["build", "--package", "sfai-dsl"])? {
        return Ok(failed);
    }
    let emulator = Emulator::start(&installed)?;
    emulator.put(&format!("/{BUCKET}"), b"")?;
    let this = std::env::current_exe().doing("find this program")?;
    let program = this.with_file_name(format!("sfai-dsl{}", std::env::consts::EXE_SUFFIX));
    let scratch = tempfile::tempdir().doing("make a scratch folder")?;
    let team = Team { program, folder: scratch.path(), endpoint: emulator.url() };
    match team.steps() {
        Ok(()) => Ok(Outcome::Passed),
        Err(trouble) => {
            eprintln!("{trouble}");
            Ok(Outcome::Failed)
        }
    }
}

/// Those who push to one bucket, each from a folder of their own.
struct Team<'f> {
    program: PathBuf,
    folder: &'f Path,
    endpoint: String,
}

impl Team<'_> {
    fn steps(&self) -> Result<(), Trouble> {
        let missing = self.run("ann", &["push", "--yes", "--to", "s3://no-such-bucket"])?;
        says(&missing, 2, "has no bucket `no-such-bucket`")?;
        self.write("ann", "first")?;
        let mut elsewhere = self.command("ann", &["status"]);
        let elsewhere = elsewhere.env("AWS_REGION", "ap-northeast-1").output();
        says(&elsewhere.doing("start sfai-dsl")?, 2, "is in the region us-east-1, not in ap-")?;
        says(&self.run("ann", &["status"])?, 1, "nothing yet")?;
        says(&self.push("ann", "first")?, 0, "is live: 1 role")?;
        says(&self.run("ann", &["status"])?, 0, "the program is live")?;
        says(&self.run("ann", &["push", "--yes"])?, 0, "is live already")?;
        says(&self.push("bob", "second")?, 0, "role coder changed")?;
        says(&self.run("ann", &["status"])?, 1, "push by bob")?;
        says(&self.run("ann", &["versions"])?, 0, "2 versions at s3://sfai-config")?;
        says(&self.run("ann", &["rollback", "--yes"])?, 0, "is live: 1 role")?;
        says(&self.run("bob", &["pull"])?, 0, "\"about\": \"first\"")?;
        says(&self.run("bob", &["status"])?, 1, "rollback by ann")?;
        self.race()
    }

    /// Until one has lost: which requests meet is for the system to decide.
    fn race(&self) -> Result<(), Trouble> {
        for round in 0..ROUNDS {
            let mut racers = Vec::new();
            for racer in 0..RACERS {
                let name = format!("racer{racer}");
                self.write(&name, &format!("{name} {round}"))?;
                let mut push = self.command(&name, &["push", "--yes"]);
                racers.push((name, push.spawn().doing("start a push")?));
            }
            let mut lost = 0;
            let mut won = Vec::new();
            for (name, racer) in racers {
                let output = racer.wait_with_output().doing("wait for a push")?;
                if output.status.success() {
                    won.push(format!("\"about\": \"{name} {round}\""));
                } else {
                    says(&output, 2, "another one was faster: sha256:")?;
                    lost += 1;
                }
            }
            let live = self.run("ann", &["pull"])?;
            let live = String::from_utf8_lossy(&live.stdout).into_owned();
            if !won.iter().any(|about| live.contains(about)) {
                return Err(Trouble::new("push", format!("what is live is no winner's:\n{live}")));
            }
            if lost > 0 {
                println!("of {RACERS} pushes at once {lost} lost, in round {}", round + 1);
                return Ok(());
            }
        }
        Err(Trouble::new("push", format!("no push lost in {ROUNDS} rounds of {RACERS}")))
    }

    fn push(&self, name: &str, about: &str) -> Result<Output, Trouble> {
        self.write(name, about)?;
        self.run(name, &["push", "--yes"])
    }

    fn write(&self, name: &str, about: &str) -> Result<(), Trouble> {
        let routes = self.folder.join(name).join("routes");
        fs::create_dir_all(&routes).doing("make a project")?;
        let text = PROGRAM.replace("ABOUT", about);
        fs::write(routes.join("a.sfr"), text).doing("write a program")
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Result<Output, Trouble> {
        fs::create_dir_all(self.folder.join(name)).doing("make a project")?;
        if !self.folder.join(name).join("routes").exists() {
            self.write(name, name)?;
        }
        self.command(name, arguments).output().doing("start sfai-dsl")
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.join(name));
        if let Some("push" | "rollback") = arguments.first().copied() {
            command.args(["--by", name]);
        }
        for foreign in ["SFAI_ENV", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"] {
            command.env_remove(foreign);
        }
        command
            .env("SFAI_CONFIG_BUCKET", BUCKET)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", REGION)
            .env("AWS_CONFIG_FILE", self.folder.join("none"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.folder.join("none"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

const PROGRAM: &str = r#"provider anthropic {
  protocol anthropic
  base_url "https://api.anthropic.com"
  api_key  secret "/sfai/${env}/ANTHROPIC_API_KEY"
}

provider openai {
  protocol openai
  base_url "https://api.openai.com/v1"
  api_key  secret "/sfai/${env}/OPENAI_API_KEY"
}

model sonnet = anthropic/claude-sonnet-4-6
model gpt    = openai/gpt-5.4

role coder {
  about "ABOUT"
  route sonnet -> gpt
}

test "an outage is invisible" {
  ask    coder
  given  anthropic answers 529
  expect answer from gpt
}
"#;

fn says(output: &Output, code: i32, words: &str) -> Result<(), Trouble> {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if output.status.code() == Some(code) && said.contains(words) {
        return Ok(());
    }
    let wanted = format!("hear {words:?} and status {code}");
    Err(Trouble::new(wanted, format!("it ended with {} and said\n{said}", output.status)))
}
