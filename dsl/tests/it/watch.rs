//! `watch` as a real process: each change is waited for by its status line.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, command_in};

/// Long enough for a loaded machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

const ROLE: &str = "role coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";

struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let mut command = command_in(scratch.path(), &[&["watch"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = to.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next status line that holds `wanted`, without its time.
    fn wait(&self, wanted: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with {wanted:?} after {seen:#?}")
            };
            let (time, said) = line.split_at(9);
            assert!(time.bytes().all(|it| it.is_ascii_digit() || b": ".contains(&it)), "{line}");
            if said.contains(wanted) {
                return said.to_owned();
            }
            seen.push(said.to_owned());
        }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.wait("stopped");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Gone already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn project() -> Scratch {
    Scratch::new(&[("routes/p.sfr", PRELUDE.as_bytes()), ("routes/a.sfr", ROLE.as_bytes())])
}

#[test]
fn a_change_is_compiled_and_a_mistake_keeps_the_last_good_map() {
    let scratch = project();
    let watch = Watch::start(&scratch, &[]);
    watch.wait("wrote model_map.json: 1 role, sha256:");
    watch.wait("watching routes");
    let good = scratch.read("model_map.json").unwrap();
    scratch.write("routes/a.sfr", ROLE.replace("sonnet", "sonet").as_bytes());
    watch.wait("error: model_map.json stays as it was");
    assert_eq!(scratch.read("model_map.json").unwrap(), good);
    scratch.write("routes/a.sfr", format!("{ROLE}{}", ROLE.replace("coder", "b")).as_bytes());
    watch.wait("wrote model_map.json: 2 roles");
    assert_ne!(scratch.read("model_map.json").unwrap(), good);
    watch.stop();
}

#[test]
fn new_folders_prompt_files_and_settings_count_too() {
    let scratch = project();
    let watch = Watch::start(&scratch, &["-o", "out.json"]);
    watch.wait("wrote out.json: 1 role");
    watch.wait("watching");
    let role = ROLE.replace("coder", "b").replace("{\n", "{\n  system p\n");
    scratch.write("routes/deep/er/p.md", b"one\n");
    scratch.write("routes/deep/er/b.sfr", format!("prompt p = file \"p.md\"\n{role}").as_bytes());
    watch.wait("wrote out.json: 2 roles");
    scratch.write("routes/deep/er/p.md", b"two\n");
    watch.wait("wrote out.json: 2 roles");
    assert!(String::from_utf8(scratch.read("out.json").unwrap()).unwrap().contains("\"two\""));
    scratch.write("elsewhere/c.sfr", format!("{PRELUDE}{ROLE}").as_bytes());
    scratch.write("sfai.toml", b"folder = \"elsewhere\"\n");
    watch.wait("wrote out.json: 1 role");
    scratch.write(
        "elsewhere/c.sfr",
        format!("{PRELUDE}{ROLE}{}", ROLE.replace("coder", "d")).as_bytes(),
    );
    watch.wait("wrote out.json: 2 roles");
    scratch.write("sfai.toml", b"foldr = 1\n");
    watch.wait("could not run: the project's settings have mistakes");
    watch.stop();
}

#[test]
fn a_folder_that_is_not_there_yet_or_goes_and_comes_is_seen() {
    let scratch = Scratch::new(&[]);
    let watch = Watch::start(&scratch, &["--env", "dev"]);
    watch.wait("could not run: no .sfr file found");
    watch.wait("watching routes");
    scratch.write("routes/a.sfr", format!("{PRELUDE}{ROLE}").as_bytes());
    watch.wait("wrote model_map.json: 1 role");
    std::fs::remove_dir_all(scratch.path().join("routes")).unwrap();
    watch.wait("could not run");
    scratch
        .write("routes/a.sfr", format!("{PRELUDE}{ROLE}{}", ROLE.replace("coder", "d")).as_bytes());
    watch.wait("wrote model_map.json: 2 roles");
    let map = String::from_utf8(scratch.read("model_map.json").unwrap()).unwrap();
    assert!(map.contains("\"env\":\"dev\"") || map.contains("\"env\": \"dev\""));
    watch.stop();
}
