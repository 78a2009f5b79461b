//! `--url` of `push`, `rollback` and `status`, beside something that answers as routers do.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::project::{Scratch, stderr, stdout};
use crate::schemas::{hold, schema};
use crate::store::{command, project, push, run, write_role};

const ROLE: &str = "\nrole coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";
const OTHER: &str = "\nrole coder {\n  route gpt -> sonnet -> gpt_mini -> haiku\n}\n";
const OLD: &str = "sha256:00";

/// Something that answers where a router would.
pub struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Gives each answer in turn, and the last from then on.
    fn start(answers: impl IntoIterator<Item = (u16, String)>) -> Self {
        let mut answers = VecDeque::from_iter(answers);
        Self::of(move || match answers.len() {
            1 => answers.front().cloned().unwrap(),
            _ => answers.pop_front().unwrap(),
        })
    }

    /// A router of the live map of a folder.
    pub fn serving(map: PathBuf) -> Self {
        Self::of(move || {
            let map = model_map::load(&std::fs::read(&map).unwrap()).unwrap();
            health(&map.digest)
        })
    }

    fn of(mut answers: impl FnMut() -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (status, body) = answers();
                lines.lock().unwrap().push(answer(&stream.unwrap(), status, &body));
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request; its first line.
fn answer(mut stream: &TcpStream, status: u16, body: &str) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    // One that has gone away wants no more of it.
    let _ = write!(stream, "{head}\r\n{body}");
    first
}

fn health(digest: &str) -> (u16, String) {
    let map = json!({"digest": digest, "env": "default", "age_seconds": 1});
    (200, json!({"status": "ok", "version": "0.1.0", "map": map}).to_string())
}

/// Ends as it must; what it said.
fn ended(scratch: &Scratch, arguments: &[&str], code: i32) -> String {
    // Whoever tests behind a proxy still asks loopback itself.
    let output = command(scratch, arguments).env("NO_PROXY", "127.0.0.1").output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    stdout(&output) + &stderr(&output)
}

#[test]
fn a_push_and_a_rollback_wait_until_the_router_serves_the_map() {
    let scratch = project();
    let first = push(&scratch, ROLE, "ann");
    let second = push(&scratch, OTHER, "ann");
    // One instance serves the new map while others do not yet; only three in a row count.
    let new = || health(&second);
    let router = Fake::start([new(), health(&first), new(), new(), new()]);
    let said = ended(&scratch, &["push", "--yes", "--url", &router.url()], 0);
    assert!(
        said.contains("is live already") && said.contains("/health serves it, after"),
        "{said}"
    );
    assert_eq!(router.asked(), ["GET /health HTTP/1.1"; 5]);

    let router = Fake::start([(503, unready()), health(&first)]);
    let said = ended(&scratch, &["rollback", "--yes", "--url", &router.url()], 0);
    assert!(said.contains("is live: 1 role") && said.contains("/health serves it"), "{said}");
    assert_eq!(router.asked().len(), 4);
}

fn unready() -> String {
    json!({"error": {"code": "not_ready", "message": "The router cannot serve yet: no map."}})
        .to_string()
}

#[test]
fn a_router_that_does_not_follow_is_told_of_and_the_map_stays_live() {
    let scratch = project();
    push(&scratch, ROLE, "ann");
    write_role(&scratch, OTHER);
    let refused = json!({"digest": OLD, "refused": "format 2 is\u{7} too new"});
    let refused = json!({"status": "degraded", "map": refused}).to_string();
    for (answer, says) in [
        (health(OLD), "/health serves sha256:00\n"),
        ((200, refused), "serves sha256:00, and says: format 2 is  too new"),
        ((503, unready()), "The router cannot serve yet: no map."),
        ((200, "<html>".to_owned()), "is no router: it says 200"),
        ((404, "{}".to_owned()), "is no router: it says 404"),
    ] {
        let router = Fake::start([answer]);
        let arguments = ["push", "--yes", "--url", &router.url(), "--wait", "0"];
        let said = ended(&scratch, &arguments, 2);
        assert!(said.contains("the map is live, but after 0 s") && said.contains(says), "{said}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    let said = ended(&scratch, &["push", "--yes", "--url", &url, "--wait", "0"], 2);
    assert!(said.contains("does not tell what it serves"), "{said}");
    // A dry run waits for nobody, and an address that is none is told before anything is done.
    assert!(ended(&scratch, &["push", "--dry-run", "--url", &url], 0).contains("live already"));
    write_role(&scratch, ROLE);
    let said = ended(&scratch, &["push", "--yes", "--url", "h.example"], 2);
    assert!(said.contains("is no address of a router") && !said.contains("checked"), "{said}");
    let too_long = ["push", "--yes", "--url", &url, "--wait", "86401"];
    for wrong in [&too_long[..], &["push", "--yes", "--wait", "5"]] {
        assert_eq!(run(&scratch, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn status_tells_whether_a_router_serves_what_is_live() {
    let scratch = project();
    let live = push(&scratch, ROLE, "ann");
    let ask = |answer, code| {
        let router = Fake::start([answer]);
        let url = router.url();
        let json = ["status", "--url", &url, "--format", "json"];
        let (text, json) = (ended(&scratch, &json[..3], code), ended(&scratch, &json, code));
        let json: Value = serde_json::from_str(&json).unwrap();
        hold(&schema("status"), &json);
        (text, json["router"].clone())
    };
    let (text, router) = ask(health(&live), 0);
    assert!(text.contains(&format!("router  {live}  serves what is live, ok, http://")), "{text}");
    assert_eq!((&router["digest"], &router["status"]), (&json!(live), &json!("ok")));
    let (text, router) = ask(health(OLD), 1);
    assert!(text.contains("router  sha256:00  does not serve what is live"), "{text}");
    assert_eq!(router["digest"], OLD);
    let (text, router) = ask((503, unready()), 1);
    assert!(text.contains("router  does not tell\n") && text.contains("no map."), "{text}");
    assert_eq!(router["digest"], Value::Null);
}
