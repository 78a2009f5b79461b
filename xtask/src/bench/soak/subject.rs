//! The router under load: its map, its process, and what that holds.
//!
//! Owns the release binary's run; Linux alone, as the rest of the measurements.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use model_map::{ModelMap, seal};
use serde_json::json;
use tempfile::TempDir;

use super::super::process::{Process, healthy};
use crate::trouble::{Doing, Trouble};

/// A running router and what it writes.
pub(super) struct Subject {
    process: Process,
    scratch: TempDir,
}

impl Subject {
    /// Starts the release binary before `upstream`, with this many places for open requests, or the
    /// usual number for 0.
    pub(super) fn start(upstream: SocketAddr, places: usize) -> Result<Self, Trouble> {
        let scratch = tempfile::tempdir().doing("make a scratch folder")?;
        let path = scratch.path().join("model_map.json");
        fs::write(&path, map(upstream)?).doing("write the map")?;
        let this = std::env::current_exe().doing("find this program")?;
        let router = this.with_file_name("sfai-router");
        let audit = scratch.path().join("audit");
        let arguments = |address| {
            let limit = if places == 0 { String::new() } else { places.to_string() };
            let mut all = vec![format!("SFAI_MAX_REQUESTS={limit}"), router.display().to_string()];
            all.extend(["--map".into(), path.display().to_string()]);
            all.extend(["--listen".into(), format!("{address}")]);
            all.extend(["--audit".into(), audit.display().to_string()]);
            all
        };
        let log = scratch.path().join("log");
        // `env` is replaced by the router, so that the process is the router's.
        let mut process = Process::start(Path::new("/usr/bin/env"), arguments, &log)?;
        process.wait(healthy).map_err(|trouble| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            Trouble::new("start the router", format!("{trouble}\n{log}"))
        })?;
        Ok(Self { process, scratch })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.process.address
    }

    pub(super) fn resident(&self) -> Result<u64, Trouble> {
        self.process.resident()
    }

    /// How many are open, but for what it writes itself: the audit log opens with the first record.
    pub(super) fn open_files(&self) -> Result<usize, Trouble> {
        let path = format!("/proc/{}/fd", self.process.id());
        let mut count = 0;
        for entry in fs::read_dir(&path).doing(format!("read {path}"))? {
            let entry = entry.doing(format!("read {path}"))?.path();
            // One that was closed meanwhile has no target any more.
            let target = fs::read_link(entry);
            count += usize::from(target.is_ok_and(|it| !it.starts_with(self.scratch.path())));
        }
        Ok(count)
    }

    /// Waits until no more files are open than before; how many are.
    pub(super) async fn settle(&self, before: usize, limit: Duration) -> Result<usize, Trouble> {
        let start = Instant::now();
        loop {
            let open = self.open_files()?;
            if open <= before || start.elapsed() > limit {
                return Ok(open);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends it in good order; how many records it has written.
    pub(super) async fn end(mut self) -> Result<u64, Trouble> {
        self.process.terminate()?;
        let mut folders = vec![self.scratch.path().join("audit")];
        let mut records = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).doing("read the records")? {
                let path = entry.doing("read the records")?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read(&path).doing("read the records")?;
                records += text.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
        }
        Ok(records)
    }
}

/// Two links at one upstream, with timers that a fault lets run out.
fn map(upstream: SocketAddr) -> Result<Vec<u8>, Trouble> {
    let provider = json!({"protocol": "openai", "base_url": format!("http://{upstream}/v1")});
    let model = |provider: &str| json!({"provider": provider, "id": "m", "output_tokens": 1000});
    let map = json!({
        "digest": "", "env": "soak", "format": 1, "prompts": {},
        "models": {"one/m": model("one"), "two/m": model("two")},
        "providers": {"one": provider, "two": provider},
        "roles": {"r": {
            "arms": [{"chain": [{"model": "one/m"}, {"model": "two/m"}]}],
            "retry": {"count": 0, "min_backoff_ms": 1, "max_backoff_ms": 5, "on": []},
            "timeouts": {"connect_ms": 1000, "first_token_ms": 500, "idle_ms": 1000,
                "total_ms": 10_000},
        }},
    });
    let mut map: ModelMap = serde_json::from_value(map).doing("make a map")?;
    seal(&mut map).doing("make a map")
}
