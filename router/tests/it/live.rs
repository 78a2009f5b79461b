//! From an edited route file to the next answer, with the real binaries.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::process::{RouterProcess, dsl};
use crate::running::{MapBuilder, client, question};

const ROUTES: &str = r#"
provider openai {
  protocol openai
  base_url "https://api.openai.com/v1"
  api_key  env "OPENAI_API_KEY"
}

provider anthropic {
  protocol anthropic
  base_url "https://api.anthropic.com"
  api_key  env "ANTHROPIC_API_KEY"
}

role coder {
  route openai/gpt-5.4 -> anthropic/claude-sonnet-4-6
}
"#;

/// Uses the alias `first`, so that the edit is one line.
fn routes(first: &str) -> String {
    let alias = format!("\nmodel first  = {first}\nmodel second = anthropic/claude-haiku-4-5\n");
    let route = "route openai/gpt-5.4 -> anthropic/claude-sonnet-4-6";
    ROUTES.replace(route, "route first -> second") + &alias
}

async fn compile(folder: &Path) {
    for verb in ["check", "compile"] {
        let output = dsl(folder, &[verb]).await;
        assert!(output.status.success(), "{verb}: {output:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_route_serves_the_next_request_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes/coder.sfr");
    std::fs::create_dir(folder.path().join("routes")).unwrap();
    std::fs::write(&file, routes("openai/gpt-5.4")).unwrap();
    compile(folder.path()).await;

    let map = folder.path().join("model_map.json");
    let arguments = ["--demo", "--map", map.to_str().unwrap()];
    let mut router = RouterProcess::start(&arguments, &[]).await;
    let url = format!("http://{}/v1/chat/completions", router.address);
    assert_eq!(answered_by(&url).await, "openai/gpt-5.4");

    let busy = Busy::start(&url);
    busy.at_least(3).await;
    std::fs::write(&file, routes("anthropic/claude-opus-4-8")).unwrap();
    compile(folder.path()).await;
    router.says("serves a new map").await;
    assert_eq!(answered_by(&url).await, "anthropic/claude-opus-4-8");

    std::fs::write(&map, "{").unwrap();
    router.says("keeps the last good map").await;
    assert_eq!(answered_by(&url).await, "anthropic/claude-opus-4-8");

    let answered = busy.answered.load(Ordering::SeqCst);
    busy.at_least(answered + 3).await;
    let (answered, lost) = busy.stop().await;
    println!("{answered} requests during the swaps, {lost} lost");
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_waits_until_the_router_serves_its_map() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes/coder.sfr");
    std::fs::create_dir(folder.path().join("routes")).unwrap();
    std::fs::write(&file, routes("openai/gpt-5.4")).unwrap();
    let push = ["push", "--yes", "--by", "ann", "--to", "maps"];
    let pushed = dsl(folder.path(), &push).await;
    assert!(pushed.status.success(), "{pushed:?}");
    let map = folder.path().join("maps/config/model_map.json");
    let router = RouterProcess::start(&["--demo", "--map", map.to_str().unwrap()], &[]).await;
    let url = format!("http://{}", router.address);

    std::fs::write(&file, routes("anthropic/claude-opus-4-8")).unwrap();
    let pushed = dsl(folder.path(), &[&push[..], &["--url", &url]].concat()).await;
    assert!(pushed.status.success(), "{pushed:?}");
    let chat = format!("{url}/v1/chat/completions");
    assert_eq!(answered_by(&chat).await, "anthropic/claude-opus-4-8");
    let status = dsl(folder.path(), &["status", "--from", "maps", "--url", &url]).await;
    let said = String::from_utf8(status.stdout).unwrap();
    assert!(status.status.success() && said.contains("serves what is live, ok"), "{said}");
}

async fn answered_by(url: &str) -> String {
    let body = question("coder", false).to_string();
    let response = client().post(url).body(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.headers()["x-sfai-model"].to_str().unwrap().to_owned()
}

/// Streams one answer after the other until told to stop.
struct Busy {
    answered: Arc<AtomicUsize>,
    progress: Arc<tokio::sync::Notify>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<usize>,
}

impl Busy {
    fn start(url: &str) -> Self {
        let (answered, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let progress = Arc::new(tokio::sync::Notify::new());
        let (count, ended, notify) = (answered.clone(), stop.clone(), progress.clone());
        let (url, client) = (url.to_owned(), client());
        let task = tokio::spawn(async move {
            let mut lost = 0;
            while !ended.load(Ordering::SeqCst) {
                let request = client.post(&url).body(question("coder", true).to_string());
                let whole = match request.send().await {
                    Ok(response) if response.status() == 200 => response.text().await.ok(),
                    _ => None,
                };
                let complete = whole.is_some_and(|text| text.ends_with("data: [DONE]\n\n"));
                lost += usize::from(!complete);
                count.fetch_add(1, Ordering::SeqCst);
                notify.notify_one();
            }
            lost
        });
        Self { answered, progress, stop, task }
    }

    async fn at_least(&self, count: usize) {
        while self.answered.load(Ordering::SeqCst) < count {
            self.progress.notified().await;
        }
    }

    async fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        let lost = self.task.await.unwrap();
        (self.answered.load(Ordering::SeqCst), lost)
    }
}

#[tokio::test]
async fn the_demo_says_so_before_it_listens_and_in_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("routes")).unwrap();
    std::fs::write(folder.path().join("routes/a.sfr"), routes("openai/gpt-5.4")).unwrap();
    compile(folder.path()).await;
    let map = folder.path().join("model_map.json");
    let router = RouterProcess::start(&["--demo", "--map", map.to_str().unwrap()], &[]).await;
    assert!(router.said.iter().any(|line| line.contains("DEMO")), "{:?}", router.said);
    assert!(router.said.iter().any(|line| line.contains("asks for no key")), "{:?}", router.said);
    let request = client().post(format!("http://{}/", router.address));
    let response = request.body(question("coder", false).to_string()).send().await.unwrap();
    assert!(response.text().await.unwrap().contains("demo"));
}

#[tokio::test]
async fn what_a_map_cannot_be_relied_on_for_is_said_before_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("model_map.json");
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let more = serde_json::json!({"providers": {"mock": {"protocol": "demo"}}, "clients": {"ada":
        {"budget": {"micro_dollars": 1, "per": "day"}}}});
    let role = serde_json::json!({});
    let builder = MapBuilder::new(nowhere).role("r", &["openai/m"], role).with(more);
    std::fs::write(&map, builder.bytes()).unwrap();
    let router = RouterProcess::start(&["--map", map.to_str().unwrap()], &[]).await;
    let said = |words: &str| router.said.iter().any(|line| line.contains(words));
    assert!(said("`ada` has a budget that does not count"), "{:?}", router.said);
    assert!(said("DEMO: provider `mock`"), "{:?}", router.said);
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_with_exit_2() {
    let run = async |arguments: &[&str], keys: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sfai-router"));
        let output = command.args(arguments).env("SFAI_CLIENT_KEYS", keys).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&["--map", "no/such/map.json"], "").await;
    assert!(said.contains("no/such/map.json") && said.contains("sfai-dsl compile"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("model_map.json");
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let role = MapBuilder::new(nowhere).role("r", &["openai/m"], serde_json::json!({}));
    std::fs::write(&map, role.bytes()).unwrap();
    let map = map.to_str().unwrap();
    let said = run(&["--map", map, "--listen", "0.0.0.0:0"], "").await;
    assert!(said.contains("SFAI_CLIENT_KEYS") && said.contains("127.0.0.1"), "{said}");
    let said = run(&["--map", map, "--listen", "0.0.0.0:0"], "ada:short").await;
    assert!(said.contains("`ada`") && !said.contains("short\n"), "{said}");
    let said = run(&[], "nonsense").await;
    assert!(said.contains("part 1 is not `name:key`") && !said.contains("nonsense"), "{said}");
}
