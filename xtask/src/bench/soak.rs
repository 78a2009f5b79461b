//! The router under many requests with faults and disconnects at random, and under twice the load
//! that it can serve: `cargo xtask soak` and `cargo xtask overload`.
//!
//! Owns what is held against what; the upstream, the clients and the process have files of their
//! own below.

mod client;
pub(crate) mod overload;
mod subject;
mod upstream;

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
}

/// A process may have grown by so much between the tenth part of the run and its end.
const GROWTH: u64 = 16 << 20;
/// How long connections may take to be given up after the last request.
const SETTLING: Duration = Duration::from_secs(20);

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
    let tenth = total / 10;
    let start = Instant::now();
    let mut counts = requests(options, &subject, (0, tenth)).await?;
    let early = subject.resident()?;
    counts.add(requests(options, &subject, (tenth, total)).await?);
    let (late, took) = (subject.resident()?, start.elapsed());
    drop(upstream);
    let left = subject.settle(files, SETTLING).await?;
    let records = subject.end().await?;
    let mebibytes = |bytes: u64| bytes >> 20;
    println!("{total} requests in {:.0} s: {counts}", took.as_secs_f64());
    println!(
        "memory: {} MiB after a tenth, {} MiB at the end; files: {files} before, {left} after; records: {records}",
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

/// Makes the requests of these numbers; the streams are spread evenly over all of them.
async fn requests(
    options: &Options,
    subject: &Subject,
    (from, to): (u32, u32),
) -> Result<Counts, Trouble> {
    let (total, streams) = (options.streams + options.requests, options.streams);
    let next = Arc::new(AtomicU32::new(from));
    let mut workers = Vec::new();
    for place in 0..options.clients {
        let seed = options.seed ^ (u64::from(from) << 32) ^ u64::from(place);
        let mut worker = Worker::new(subject.address(), seed);
        let next = Arc::clone(&next);
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= to {
                    return worker.counts;
                }
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
