//! Stops a process and lets it go on, as Lambda does between two invocations.
//!
//! It owns the signals; when they are sent is the test's affair.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Freezes one process; it lets it go on when it is dropped, so that it can end.
pub struct Freezer {
    process: u32,
    /// Its builtin sends a signal without a process of its own.
    _shell: Child,
    orders: ChildStdin,
    done: Lines<BufReader<ChildStdout>>,
}

impl Freezer {
    pub fn of(process: u32) -> Self {
        let mut shell = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = shell.stdin.take().unwrap();
        let done = BufReader::new(shell.stdout.take().unwrap()).lines();
        Self { process, _shell: shell, orders, done }
    }

    pub async fn freeze(&mut self) {
        self.send("STOP").await;
        // The signal is delivered when the state says so.
        while !self.state().starts_with('T') {
            tokio::task::yield_now().await;
        }
    }

    pub async fn thaw(&mut self) {
        self.send("CONT").await;
    }

    async fn send(&mut self, signal: &str) {
        let order = format!("kill -{signal} {} && echo done\n", self.process);
        self.orders.write_all(order.as_bytes()).await.unwrap();
        assert_eq!(self.done.next_line().await.unwrap().as_deref(), Some("done"));
    }

    fn state(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process)).unwrap();
        stat.rsplit_once(") ").unwrap().1.to_owned()
    }

    /// Resident memory in kB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process)).unwrap().count()
    }
}
