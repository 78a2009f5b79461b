//! The real binaries as processes: started, read line by line, and ended with their test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// Nothing here takes that long; a test that waits for a line that never comes ends with it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `sfai-router`.
pub struct RouterProcess {
    pub address: SocketAddr,
    /// What it said before it listened.
    pub said: Vec<String>,
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl RouterProcess {
    /// Starts the router on a free port with these further arguments and waits until it listens.
    pub async fn start(arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sfai-router"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_remove("SFAI_CLIENT_KEYS")
            .envs(env.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let line = next(&mut stderr).await;
            if let Some(address) = line.strip_prefix("sfai-router listening on http://") {
                let address = address.parse().unwrap();
                return Self { address, said, child, stderr };
            }
            said.push(line);
        }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Tells it to stop.
    pub async fn signal(&self) {
        let process = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").arg(process).status().await.unwrap().success());
    }

    /// Tells it to stop, and waits until it has; what it said meanwhile.
    pub async fn terminate(mut self) -> String {
        self.signal().await;
        let mut said = String::new();
        while let Some(line) = self.stderr.next_line().await.unwrap() {
            said.push_str(&line);
            said.push('\n');
        }
        self.child.wait().await.unwrap();
        said
    }

    /// The next line that it says which holds `words`.
    pub async fn says(&mut self, words: &str) -> String {
        loop {
            let line = next(&mut self.stderr).await;
            if line.contains(words) {
                return line;
            }
        }
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStderr>>) -> String {
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    line.expect("the router said nothing more").unwrap().expect("the router ended")
}

/// Runs `sfai-dsl` in a folder. It is another package's binary: built here if the tests of that
/// package have not done so.
pub async fn dsl(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(built_dsl().await);
    command.args(arguments).current_dir(folder).env_remove("SFAI_ENV");
    tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// Where it is.
pub async fn built_dsl() -> &'static Path {
    static BUILT: tokio::sync::OnceCell<PathBuf> = tokio::sync::OnceCell::const_new();
    BUILT.get_or_init(build_dsl).await
}

async fn build_dsl() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "sfai-dsl", "--bin", "sfai-dsl"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .await;
    assert!(built.unwrap().success(), "sfai-dsl does not build");
    let router = Path::new(env!("CARGO_BIN_EXE_sfai-router"));
    router.with_file_name("sfai-dsl")
}
