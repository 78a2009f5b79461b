//! Processes that are killed, and disks that are full: nothing half-written is ever read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::audit::lines;
use crate::faults::Upstream;
use crate::process::{built_dsl, dsl};
use crate::running::{MapBuilder, client, question};

const PATIENCE: Duration = Duration::from_secs(60);

/// A program whose map takes several pages, with one word to tell it by.
fn routes(word: &str) -> String {
    let prompt = format!("{word} {}", "and some more of it ".repeat(4_000));
    format!(
        "prompt long = \"\"\"\n  {prompt}\n  \"\"\"\nrole r {{\n  system long\n  route {word} -> gpt\n}}\n"
    )
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("routes")).unwrap();
    fs::write(
        folder.path().join("routes/models.sfr"),
        "provider anthropic {\n  protocol anthropic\n  base_url \"https://api.anthropic.com\"\n}\nprovider openai {\n  protocol openai\n  base_url \"https://api.openai.com/v1\"\n}\nmodel sonnet = anthropic/claude-sonnet-4-6\nmodel opus = anthropic/claude-opus-4-6\nmodel gpt = openai/gpt-5.4\n",
    )
    .unwrap();
    folder
}

fn write_routes(folder: &Path, word: &str) {
    fs::write(folder.join("routes/role.sfr"), routes(word)).unwrap();
}

fn map_of(folder: &Path) -> PathBuf {
    folder.join("model_map.json")
}

#[tokio::test]
async fn a_compile_that_is_killed_leaves_a_whole_map() {
    let folder = project();
    write_routes(folder.path(), "sonnet");
    let first = dsl(folder.path(), &["compile"]).await;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let binary = built_dsl().await;
    let mut killed = 0;
    for round in 0..60_u64 {
        write_routes(folder.path(), if round % 2 == 0 { "opus" } else { "sonnet" });
        let mut child = Command::new(binary)
            .arg("compile")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let done = tokio::time::timeout(Duration::from_millis(round * 2), child.wait()).await;
        if done.is_err() {
            child.kill().await.unwrap();
            killed += 1;
        }
        let bytes = fs::read(map_of(folder.path())).unwrap();
        model_map::load(&bytes).unwrap();
    }
    assert!(killed > 0, "none was killed in time");
    let last = dsl(folder.path(), &["compile"]).await;
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
}

/// Runs a command that may write no file of more than so many blocks.
fn with_full_disk(blocks: u32, binary: &Path) -> Command {
    let mut command = Command::new("sh");
    // Ignored, so that a write fails in place of the process.
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    command.arg(binary);
    command
}

#[tokio::test]
async fn a_compile_on_a_full_disk_keeps_the_map_and_says_so() {
    let folder = project();
    write_routes(folder.path(), "sonnet");
    assert!(dsl(folder.path(), &["compile"]).await.status.success());
    let before = fs::read(map_of(folder.path())).unwrap();
    write_routes(folder.path(), "opus");
    let mut command = with_full_disk(8, built_dsl().await);
    let output = command.arg("compile").current_dir(folder.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("model_map.json"), "{output:?}");
    assert_eq!(fs::read(map_of(folder.path())).unwrap(), before);
    let names = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name != "routes" && name != "model_map.json").collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A router that records into a folder, and may be on a full disk.
async fn recording(upstream: &Upstream, folder: &Path, blocks: Option<u32>) -> (Child, String) {
    let map = MapBuilder::new(upstream.address).role("r", &["openai/m"], json!({}));
    fs::write(map_of(folder), map.bytes()).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_sfai-router"));
    let mut command = match blocks {
        Some(blocks) => with_full_disk(blocks, binary),
        None => Command::new(binary),
    };
    let mut child = command
        .args(["--listen", "127.0.0.1:0", "--map", map_of(folder).to_str().unwrap()])
        .args(["--audit", folder.join("audit").to_str().unwrap()])
        .env_remove("SFAI_CLIENT_KEYS")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    let address = tokio::time::timeout(PATIENCE, async {
        loop {
            let text = String::from_utf8_lossy(&said).into_owned();
            let listening = text.split_once("listening on http://");
            if let Some((address, _)) = listening.and_then(|(_, rest)| rest.split_once('\n')) {
                return address.to_owned();
            }
            assert!(stderr.read_buf(&mut said).await.unwrap() > 0, "{text}");
        }
    });
    let address = address.await.unwrap();
    child.stderr = Some(stderr);
    (child, address)
}

#[tokio::test]
async fn a_router_that_is_killed_leaves_whole_records() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let (mut child, address) = recording(&upstream, folder.path(), None).await;
        let asking = tokio::spawn(async move {
            let http = client();
            loop {
                let request = http.post(format!("http://{address}/"));
                let body = question("r", false).to_string();
                if request.body(body).send().await.is_err() {
                    return;
                }
            }
        });
        // So many have been written that the kill finds it writing.
        let known = lines(&folder.path().join("audit")).len();
        while lines(&folder.path().join("audit")).len() < known + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().await.unwrap();
        asking.await.unwrap();
    }
    for line in lines(&folder.path().join("audit")) {
        model_map::audit::read(line.as_bytes()).unwrap_or_else(|why| panic!("{why}: {line}"));
    }
}

#[tokio::test]
async fn a_full_disk_sends_records_to_the_log_and_loses_none() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = recording(&upstream, folder.path(), Some(8)).await;
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let request = client().post(format!("http://{address}/"));
        let response = request.body(question("r", false).to_string()).send().await.unwrap();
        assert_eq!(response.status(), 200, "it serves on");
        ids.insert(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.unwrap();
    child.wait().await.unwrap();
    let stored = lines(&folder.path().join("audit"));
    let logged = said.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line.get("record")?.to_string())
    });
    let logged: Vec<String> = logged.collect();
    assert!(!logged.is_empty(), "the disk was not full: {said}");
    for line in stored.iter().chain(&logged) {
        let record = model_map::audit::read(line.as_bytes()).unwrap();
        assert!(ids.remove(&record.id), "{} comes twice", record.id);
    }
    assert!(ids.is_empty(), "{} records are nowhere", ids.len());
}
