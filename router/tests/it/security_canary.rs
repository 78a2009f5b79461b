//! Nothing secret and nothing that was said is written where it does not belong.
//!
//! Each secret is a word of its own; after a run through every kind of request and failure, all that
//! the router has written anywhere is searched for them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::{Child, Command};

use crate::audit::lines;
use crate::faults::{At, Fault, Upstream};
use crate::running::{MapBuilder, client, question};

const CLIENT_KEY: &str = "canary-client-key-9f8e7d6c";
const PROVIDER_KEY: &str = "canary-provider-key-1a2b3c4d";
const PROMPT: &str = "canary-prompt";
const ROLE_PROMPT: &str = "canary-system";
const ANSWER: &str = "canary-answer";
const UPSTREAM_ERROR: &str = "canary-upstream-error";
const HEADER: &str = "canary-header";
const METADATA: &str = "canary-metadata";

/// What may be in no log, no audit record without bodies, no header and no `/health`.
const SECRETS: [&str; 8] =
    [CLIENT_KEY, PROVIDER_KEY, PROMPT, ROLE_PROMPT, ANSWER, UPSTREAM_ERROR, HEADER, METADATA];

struct Watched {
    address: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl Watched {
    /// A router whose every output is kept.
    async fn start(upstream: &Upstream, format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prompt = model_map::prompt_id(ROLE_PROMPT);
        let key = json!({"api_key": {"env": "CANARY_KEY"}});
        let system = json!({"system": {"prompts": [prompt]}});
        let map = MapBuilder::new(upstream.address)
            .role("r", &["openai/m"], system.clone())
            .role("claude", &["anthropic/m"], system)
            .with(json!({"prompts": {prompt: ROLE_PROMPT}, "providers": {"openai": key,
                "anthropic": key}}));
        let file = folder.path().join("map.json");
        std::fs::write(&file, map.bytes()).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let audit = folder.path().join("audit");
        let child = Command::new(env!("CARGO_BIN_EXE_sfai-router"))
            .args(["--listen", "127.0.0.1:0", "--map", file.to_str().unwrap()])
            .args(["--audit", audit.to_str().unwrap()])
            .env("SFAI_CLIENT_KEYS", format!("ada:{CLIENT_KEY}"))
            .env("CANARY_KEY", PROVIDER_KEY)
            .env("SFAI_LOG", format)
            .env("RUST_BACKTRACE", "1")
            .stdout(log.try_clone().unwrap())
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = loop {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
            let listening = log.split_once("listening on http://");
            if let Some((address, _)) = listening.and_then(|(_, rest)| rest.split_once(['\n', '"']))
            {
                break address.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        Self { address, folder, child }
    }

    /// Posts with everything that is to be kept quiet; the answer's head as text, and its body.
    async fn post(&self, path: &str, key: &str, body: String) -> (String, String) {
        let request = client().post(format!("http://{}{path}", self.address)).bearer_auth(key);
        let request = request.header("x-team", HEADER).header("cookie", HEADER).body(body);
        let response = request.send().await.unwrap();
        let head = format!("{} {:?}", response.status(), response.headers());
        (head, response.text().await.unwrap_or_default())
    }

    /// Ends it in good order, and gives all that it has written.
    async fn written(mut self) -> Vec<(String, String)> {
        let id = self.child.id().unwrap().to_string();
        let ended = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(ended.success());
        self.child.wait().await.unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        let audit = lines(&self.folder.path().join("audit"));
        assert!(!audit.is_empty());
        let mut all = vec![("log".to_owned(), log)];
        all.extend(audit.into_iter().map(|line| ("audit".to_owned(), line)));
        all
    }
}

fn canary(role: &str, stream: bool) -> String {
    let mut body = question(role, stream);
    body["messages"][0]["content"] = json!(PROMPT);
    body["metadata"] = json!({"note": METADATA});
    body.to_string()
}

fn answer() -> Fault {
    let answer = json!({"choices": [{"index": 0, "message": {"role": "assistant",
        "content": ANSWER}, "finish_reason": "stop"}]});
    Fault::status(200).with_body(&answer.to_string())
}

fn error(status: u16) -> Fault {
    let words = format!("{UPSTREAM_ERROR} {PROVIDER_KEY} {PROMPT}");
    Fault::status(status).with_body(&json!({"error": {"message": words}}).to_string())
}

/// Every way in which a request goes.
async fn run_through(upstream: &Upstream, router: &Watched) -> Vec<String> {
    let mut heads = Vec::new();
    let paths = [("/v1/chat/completions", "r"), ("/v1/messages", "claude"), ("/v1/responses", "r")];
    for stream in [false, true] {
        for (path, role) in paths {
            let faults = [401, 403, 404, 429, 500, 503, 529].map(error);
            let cuts = [At::BeforeHeaders, At::AfterHeaders, At::AfterFirstToken].map(Fault::Cut);
            let others =
                [answer(), Fault::Empty, Fault::NotHttp, Fault::ErrorEvent(At::AfterFirstToken)];
            for fault in faults.into_iter().chain(cuts).chain(others) {
                upstream.push("", [fault]);
                heads.push(router.post(path, CLIENT_KEY, canary(role, stream)).await.0);
            }
            // Of our own: no JSON, no such role, a wrong key.
            let broken = format!("{{\"model\": \"r\", {PROMPT}");
            let (head, text) = router.post(path, CLIENT_KEY, broken).await;
            heads.push(format!("{head} {text}"));
            let wrong = format!("{CLIENT_KEY}x");
            let (head, text) = router.post(path, &wrong, canary(role, stream)).await;
            heads.push(format!("{head} {text}"));
        }
    }
    for path in ["/health", "/v1/models", "/v1/models/r", "/nothing"] {
        let request = client().get(format!("http://{}{path}", router.address));
        let response = request.bearer_auth(CLIENT_KEY).send().await.unwrap();
        heads.push(format!("{:?}", response.headers()));
        heads.push(response.text().await.unwrap());
    }
    heads
}

#[tokio::test]
async fn no_secret_no_prompt_and_no_answer_is_written() {
    for format in ["json", "text"] {
        let upstream = Upstream::start().await;
        let router = Watched::start(&upstream, format).await;
        let heads = run_through(&upstream, &router).await;
        let all = upstream.arrivals();
        assert!(all.iter().any(|it| format!("{:?}", it.headers).contains(PROVIDER_KEY)));
        assert!(all.iter().any(|it| String::from_utf8_lossy(&it.body).contains(ROLE_PROMPT)));
        let heads = heads.into_iter().map(|head| ("answer".to_owned(), head));
        let written = router.written().await.into_iter().chain(heads);
        for (place, text) in written {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} in {place}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_provider_says_of_its_failures_reaches_no_client() {
    let upstream = Upstream::start().await;
    let router = Watched::start(&upstream, "json").await;
    for status in [401, 403, 404, 429, 500, 502, 503, 529] {
        for stream in [false, true] {
            upstream.push("", [error(status)]);
            let (_, text) = router.post("/", CLIENT_KEY, canary("r", stream)).await;
            for secret in [UPSTREAM_ERROR, PROVIDER_KEY, CLIENT_KEY, ROLE_PROMPT] {
                assert!(!text.contains(secret), "{status}: {text}");
            }
        }
    }
}

/// What may be printed of our own types when something is debugged.
#[test]
fn what_is_printed_for_debugging_shows_no_secret() {
    let key = sfai_router::secrets::header(PROVIDER_KEY, "Bearer ").unwrap();
    assert!(!format!("{key:?}").contains(PROVIDER_KEY));
    let new = sfai_router::keys::new("ada").unwrap();
    assert!(!format!("{new:?}").contains(&new.key), "{new:?}");
}
