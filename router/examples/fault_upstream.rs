//! The tests' fault-injecting upstream as a process, so that clients in any language can be tested
//! against it: `cargo run -p sfai-router --example fault_upstream`.
//!
//! It prints its address, then a line of JSON for each request that arrives and each exchange that
//! ends, and stops when its standard input is closed. What happens to a request is named in its
//! path or by its model, as `tests/support/faults/named.rs` says:
//! `http://127.0.0.1:PORT/fail-529-once/anthropic/v1/messages` fails the first time.

#[path = "../tests/support/faults.rs"]
mod faults;

use std::io::Write;

use serde_json::json;
use tokio::io::AsyncReadExt;

use faults::{Arrival, Upstream};

#[tokio::main]
async fn main() {
    let upstream = Upstream::start().await;
    upstream.play_named();
    say(&json!({ "listening": upstream.url() }));
    let mut bytes = [0; 64];
    let mut input = tokio::io::stdin();
    // The parent holds the other end: a parent that died takes this process with it.
    let parent_left = async { while input.read(&mut bytes).await.is_ok_and(|count| count > 0) {} };
    tokio::select! {
        () = upstream.watch(report) => {}
        () = parent_left => {}
    }
}

fn report(number: usize, arrival: &Arrival) {
    let end = arrival.end.map(|end| format!("{end:?}"));
    let model = arrival.model();
    say(&json!({ "end": end, "model": model, "number": number, "path": arrival.path }));
}

fn say(line: &serde_json::Value) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone is noticed on the standard input.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
