//! `push` and its kin with S3, against a server of its protocol on loopback.

mod fake;
mod troubles;

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::project::{Scratch, stderr, stdout};
use crate::schemas::{hold, schema};
use crate::store::{command, masked, write_role};
pub use fake::Fake;
use fake::{BUCKET, KEY_ID, REGION, Then};

const ROLE: &str = "\nrole coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";

const LIVE: &str = "config/model_map.json";

/// What other programs set, and these tests must not see.
const FOREIGN: [&str; 12] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A project with one role, which is told apart from others by what it is about.
fn project(about: &str) -> Scratch {
    let scratch = Scratch::new(&[("sfai.toml", b"")]);
    write_role(&scratch, &ROLE.replace("coder {\n", &format!("coder {{\n  about \"{about}\"\n")));
    scratch
}

/// `sfai-dsl` with a server in the place of S3 and credentials for it.
fn s3(scratch: &Scratch, url: &str, arguments: &[&str]) -> Command {
    let mut command = command(scratch, arguments);
    lead_to(&mut command, scratch, url);
    command
        .env("SFAI_CONFIG_BUCKET", BUCKET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Gives a command credentials for a server in the place of S3.
pub fn lead_to(command: &mut Command, scratch: &Scratch, url: &str) {
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", REGION)
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", scratch.path().join("none"))
        .env("AWS_SHARED_CREDENTIALS_FILE", scratch.path().join("none"));
}

fn run(scratch: &Scratch, fake: &Fake, arguments: &[&str]) -> Output {
    s3(scratch, &fake.url(), arguments).output().unwrap()
}

fn succeed(scratch: &Scratch, fake: &Fake, arguments: &[&str]) -> String {
    let output = run(scratch, fake, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    stdout(&output)
}

fn live(fake: &Fake) -> model_map::ModelMap {
    model_map::load(&fake.object(LIVE).unwrap().bytes).unwrap()
}

fn about(fake: &Fake) -> String {
    live(fake).roles["coder"].about.clone().unwrap()
}

#[test]
fn a_push_uploads_a_version_and_moves_the_live_map() {
    let (fake, scratch) = (Fake::well(), project("first"));
    let output = run(&scratch, &fake, &["push", "--yes", "--by", "山田"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(masked(&stdout(&output)).ends_with("s3://sfai-test sha256:DIGEST is live: 1 role\n"));
    let digest = live(&fake).digest;
    let version = format!("config/versions/{}.json", digest.trim_start_matches("sha256:"));
    let expected = [format!("GET {LIVE}"), format!("PUT {version}"), format!("PUT {LIVE}")];
    assert_eq!(fake.seen(), expected);
    let (version, moved) = (fake.object(&version).unwrap(), fake.object(LIVE).unwrap());
    assert_eq!(version.bytes, moved.bytes);
    let told =
        |object: &fake::Object, key: &str| object.metadata[&format!("x-amz-meta-{key}")].clone();
    assert_eq!(
        (told(&version, "sfai-did"), told(&moved, "sfai-did")),
        ("store".into(), "push".into())
    );
    assert_eq!(told(&moved, "sfai-by"), "%E5%B1%B1%E7%94%B0");
    assert_eq!(told(&moved, "sfai-digest"), digest);
    let status = succeed(&scratch, &fake, &["status"]);
    assert!(status.contains("push by 山田, 20"), "{status}");
    assert!(succeed(&scratch, &fake, &["push", "--yes"]).ends_with("is live already\n"));
}

#[test]
fn versions_rollback_and_pull_work_with_a_prefix_over_several_pages() {
    let (fake, scratch) = (Fake::well(), project(""));
    let to = format!("s3://{BUCKET}/team/a");
    let run = |arguments: &[&str]| {
        succeed(&scratch, &fake, &[arguments, &["--to", to.as_str()]].concat())
    };
    let mut digests = Vec::new();
    for about in ["one", "two", "three", "four", "five"] {
        write_role(
            &scratch,
            &ROLE.replace("coder {\n", &format!("coder {{\n  about \"{about}\"\n")),
        );
        run(&["push", "--yes", "--by", about]);
        let live = fake.object("team/a/config/model_map.json").unwrap();
        digests.push(model_map::load(&live.bytes).unwrap().digest);
    }
    let listed: serde_json::Value =
        serde_json::from_str(&run(&["versions", "--format", "json"])).unwrap();
    hold(&schema("versions"), &listed);
    let shown: Vec<_> = listed["versions"].as_array().unwrap().iter().map(|it| &it["by"]).collect();
    assert_eq!(shown, ["five", "four", "three", "two", "one"]);
    assert_eq!(listed["versions"][0]["live"], true);
    run(&["rollback", "--yes"]);
    run(&["rollback", "--yes"]);
    assert_eq!(run(&["pull"]), run(&["pull", &digests[2]]));
    run(&["rollback", "--yes", digests[0].split_at(19).0]);
    let first = fake.object("team/a/config/model_map.json").unwrap();
    assert_eq!(model_map::load(&first.bytes).unwrap().digest, digests[0]);
    assert_eq!(first.metadata["x-amz-meta-sfai-did"], "rollback");
}

#[test]
fn of_two_pushes_at_once_one_wins_and_one_is_told() {
    // Both have looked at the same live map before either of them moves it.
    let both = Barrier::new(2);
    let racing = Arc::new(Mutex::new(false));
    let is_racing = Arc::clone(&racing);
    let fake = Fake::start(Box::new(move |request| {
        if request.is_move() && *is_racing.lock().unwrap() {
            both.wait();
        }
        Then::Serve
    }));
    succeed(&project("before"), &fake, &["push", "--yes"]);
    *racing.lock().unwrap() = true;
    let projects = ["ann", "bob"].map(|by| (by, project(by)));
    let children = projects.each_ref().map(|(by, scratch)| {
        s3(scratch, &fake.url(), &["push", "--yes", "--by", by]).spawn().unwrap()
    });
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let codes = outputs.each_ref().map(|output| output.status.code().unwrap());
    let (winner, loser) = if codes == [0, 2] { (0, 1) } else { (1, 0) };
    assert_eq!((codes[winner], codes[loser]), (0, 2), "{outputs:?}");
    assert_eq!(about(&fake), projects[winner].0);
    let said = stderr(&outputs[loser]);
    let faster =
        format!("{} was made live by {} (push, 20", live(&fake).digest, projects[winner].0);
    assert!(said.contains("another one was faster") && said.contains(&faster), "{said}");
    assert!(said.contains("  help: `sfai-dsl status` tells how the two differ"), "{said}");
    // Going on from there is one more push.
    *racing.lock().unwrap() = false;
    succeed(&projects[loser].1, &fake, &["push", "--yes"]);
    assert_eq!(about(&fake), projects[loser].0);
}

#[test]
fn a_push_killed_between_upload_and_move_leaves_the_live_map_whole() {
    let (at_the_move, reached): (Sender<()>, Receiver<()>) = channel();
    let at_the_move = Mutex::new(at_the_move);
    let fake = Fake::start(Box::new(move |request| match request.is_move() {
        false => Then::Serve,
        true if request.header("if-none-match").is_some() => Then::Serve,
        true => {
            at_the_move.lock().unwrap().send(()).unwrap();
            Then::HangUp
        }
    }));
    succeed(&project("before"), &fake, &["push", "--yes"]);
    let before = fake.object(LIVE).unwrap().bytes;
    let after = project("after");
    let mut child = s3(&after, &fake.url(), &["push", "--yes"]).spawn().unwrap();
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fake.object(LIVE).unwrap().bytes, before);
    let versions = succeed(&project("x"), &fake, &["versions", "--format", "json"]);
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2, "{versions:#}");
}

#[test]
fn an_answer_lost_on_the_way_is_no_lost_race() {
    let moves = Mutex::new(0);
    let fake = Fake::start(Box::new(move |request| {
        let mut moves = moves.lock().unwrap();
        *moves += usize::from(request.is_move());
        if request.is_move() && *moves == 1 { Then::ServeAndHangUp } else { Then::Serve }
    }));
    let scratch = project("first");
    // The SDK tries again, and is then told that the map is no longer what it was.
    let mut push = s3(&scratch, &fake.url(), &["push", "--yes"]);
    let output = push.env("AWS_MAX_ATTEMPTS", "3").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(fake.seen().iter().filter(|it| **it == format!("PUT {LIVE}")).count(), 2);
}

#[test]
fn a_map_that_a_stack_was_deployed_with_can_be_rolled_back_to() {
    let (fake, scratch) = (Fake::well(), project("deployed"));
    assert_eq!(run(&scratch, &fake, &["compile"]).status.code(), Some(0));
    fake.put(LIVE, &scratch.read("model_map.json").unwrap());
    succeed(&project("pushed"), &fake, &["push", "--yes"]);
    assert_eq!(about(&fake), "pushed");
    succeed(&scratch, &fake, &["rollback", "--yes"]);
    assert_eq!(about(&fake), "deployed");
}
