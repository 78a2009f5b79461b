//! The router under many requests with faults and disconnects at random, and under twice the load
//! that it can serve: `cargo xtask soak` and `cargo xtask overload`.
//!
//! Owns what is held against what; the upstream, the clients and the process have files of their
//! own below.

mod client;
pub(crate) mod overload;
mod subject;
mod upstream;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::serve::runtime;
use crate::trouble::{Doing, Trouble};
use client::{Counts, Worker};
use subject::Subject;
use upstream::{Manner, Upstream};

/// What may be changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Streams to read
    #[arg(long, default_value_t = 10_000)]
    streams: u32,
    /// Whole answers to ask for
    #[arg(long, default_value_t = 100_000)]
    requests: u32,
    /// Clients at once
    #[arg(long, default_value_t = 200)]
    clients: u32,
    /// Where the faults and disconnects come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The time over which they are spread; 0 is as fast as they go
    #[arg(long, default_value_t = 15)]
    minutes: u32,
}

/// A process may have grown by so much in the last third of the run: from the tenth minute of
/// fifteen to the last. What it holds goes up and down by more than that with the open requests.
const GROWTH: u64 = 2 << 20;
/// How long connections may take to be given up after the last request.
const SETTLING: Duration = Duration::from_secs(20);
/// How often memory is read: so often in the whole run, but not more often than every second.
const SAMPLES: u32 = 60;

/// Runs all requests, and fails when one was lost, or something of them is left.
///
/// # Errors
/// When the router cannot be started, or what is left is too much.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    runtime()?.block_on(soak(options))
}

async fn soak(options: &Options) -> Result<(), Trouble> {
    let upstream = Upstream::start(Manner::Faulty(options.seed)).await?;
    let subject = Subject::start(upstream.address, 0)?;
    let files = subject.open_files()?;
    let total = options.streams + options.requests;
    let start = Instant::now();
    let (counts, sizes) = watched(options, &subject).await?;
    let took = start.elapsed();
    let Memory { early, late } = Memory::of(&sizes);
    drop(upstream);
    let left = subject.settle(files, SETTLING).await?;
    let records = subject.end().await?;
    println!("{total} requests in {:.0} s: {counts}", took.as_secs_f64());
    println!("memory over the run: {}", shown(&sizes));
    println!(
        "memory: {:.1} MiB in the tenth of fifteen parts, {:.1} MiB in the last; files: {files} before, {left} after; records: {records}",
        mebibytes(early),
        mebibytes(late)
    );
    let lost = u64::from(total - counts.left).saturating_sub(records);
    let wrong = |what: String| Err(Trouble::new("soak the router", what));
    match () {
        () if !counts.wrong.is_empty() => wrong(counts.wrong.join("\n")),
        () if counts.sum() != total => wrong(format!("{} of {total} ended", counts.sum())),
        () if late > early + GROWTH => wrong("its memory grows".into()),
        () if left > files => wrong("files are left open".into()),
        () if lost > 0 => wrong(format!("{lost} records are missing")),
        () => Ok(()),
    }
}

/// Makes all requests and looks at the router's memory meanwhile.
async fn watched(options: &Options, subject: &Subject) -> Result<(Counts, Vec<u64>), Trouble> {
    let every = (length(options) / SAMPLES).max(Duration::from_secs(1));
    let mut all = pin!(requests(options, subject.address()));
    let mut sizes = Vec::new();
    loop {
        match tokio::time::timeout(every, &mut all).await {
            Ok(counts) => {
                sizes.push(subject.resident()?);
                return Ok((counts?, sizes));
            }
            Err(_) => sizes.push(subject.resident()?),
        }
    }
}

fn length(options: &Options) -> Duration {
    Duration::from_secs(60) * options.minutes
}

/// Makes the requests; the streams are spread evenly over all of them.
async fn requests(options: &Options, address: SocketAddr) -> Result<Counts, Trouble> {
    let (total, streams) = (options.streams + options.requests, options.streams);
    let (start, length) = (Instant::now(), length(options));
    let next = Arc::new(AtomicU32::new(0));
    let mut workers = Vec::new();
    for place in 0..options.clients {
        let mut worker = Worker::new(address, options.seed ^ (u64::from(place) << 32));
        let next = Arc::clone(&next);
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return worker.counts;
                }
                let due = start + length.mul_f64(f64::from(number) / f64::from(total));
                tokio::time::sleep_until(due.into()).await;
                let share = |number: u32| u64::from(number) * u64::from(streams) / u64::from(total);
                worker.ask(number, share(number + 1) > share(number)).await;
            }
        }));
    }
    let mut counts = Counts::default();
    for worker in workers {
        counts.add(worker.await.doing("run a client")?);
    }
    Ok(counts)
}

/// The mean memory in two fifteenths of the run: the tenth and the last.
struct Memory {
    early: u64,
    late: u64,
}

impl Memory {
    fn of(sizes: &[u64]) -> Self {
        let part = (sizes.len() / 15).max(1);
        let mean = |until: usize| {
            let part = sizes.get(until.saturating_sub(part)..until).unwrap_or(sizes);
            part.iter().sum::<u64>() / (part.len().max(1) as u64)
        };
        Self { early: mean((sizes.len() * 2 / 3).max(part)), late: mean(sizes.len()) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "of a size that people read")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Some of the sizes, in their order.
fn shown(sizes: &[u64]) -> String {
    let some = sizes.iter().step_by((sizes.len() / 15).max(1));
    let texts: Vec<String> = some.map(|size| format!("{:.1}", mebibytes(*size))).collect();
    format!("{} MiB", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_against_that_of_two_thirds_of_the_run() {
        let sizes: Vec<u64> = (1..=15).collect();
        let Memory { early, late } = Memory::of(&sizes);
        assert_eq!((early, late), (10, 15));
        let Memory { early, late } = Memory::of(&[7]);
        assert_eq!((early, late), (7, 7));
    }
}
