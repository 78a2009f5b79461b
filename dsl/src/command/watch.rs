//! `sfai-dsl watch`.
//!
//! Owns the loop and its pauses; what is looked at is in [`files`], what a change makes in
//! [`status`].

mod files;
mod status;

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Args;
use notify::{Event, RecommendedWatcher};

use super::{CouldNotRun, Exit};
use files::Watched;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A save is several events in a row: the first that this long nothing follows ends it.
const QUIET: Duration = Duration::from_millis(100);

/// A folder that never rests is compiled at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What the loop is told.
enum Message {
    Changed(notify::Result<Event>),
    Stop,
}

/// The time of day, as a status line shows it.
type Clock = fn() -> String;

/// The platform's, in its time zone.
fn time_of_day() -> String {
    jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string()
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let (to, from) = channel();
    let stop = to.clone();
    // When the loop is gone, nobody needs to be told.
    ctrlc::set_handler(move || drop(stop.send(Message::Stop)))?;
    let watcher = notify::recommended_watcher(move |event| drop(to.send(Message::Changed(event))))?;
    watch(options, watcher, &from, time_of_day)
}

fn watch(
    options: &Options,
    mut watcher: RecommendedWatcher,
    messages: &Receiver<Message>,
    clock: Clock,
) -> Result<Exit, CouldNotRun> {
    let working = std::env::current_dir()?;
    let mut watched = Watched::find(&working, options);
    // Before the first compilation, so that no change falls between the two.
    watched.begin(&mut watcher)?;
    let say = |line: &str| -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {line}", clock())?;
        out.flush()
    };
    say(&status::compile(options))?;
    say(&format!("watching {}", watched.shown()))?;
    while let Some(changes) = next(messages, &watched) {
        let now = Watched::find(&working, options);
        if now != watched || changes.iter().any(|event| watched.is_shaken_by(event)) {
            now.replace(&watched, &mut watcher)?;
            watched = now;
        }
        say(&status::compile(options))?;
    }
    say("stopped")?;
    Ok(Exit::Clean)
}

/// The next changes that matter, once they have come to rest; none when it is time to stop.
fn next(messages: &Receiver<Message>, watched: &Watched) -> Option<Vec<Event>> {
    let mut changes = Vec::new();
    let mut first: Option<Instant> = None;
    loop {
        let message = match first {
            None => messages.recv().ok()?,
            Some(first) => {
                let left = LONGEST_WAIT.saturating_sub(first.elapsed());
                match messages.recv_timeout(QUIET.min(left)) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => return Some(changes),
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            }
        };
        match message {
            Message::Stop => return None,
            Message::Changed(Ok(event)) if watched.concerns(&event) => {
                first.get_or_insert_with(Instant::now);
                changes.push(event);
            }
            Message::Changed(Ok(_)) => {}
            // Events may have been lost, so that anything may have changed.
            Message::Changed(Err(_)) => {
                first.get_or_insert_with(Instant::now);
            }
        }
        if first.is_some_and(|first| first.elapsed() >= LONGEST_WAIT) {
            return Some(changes);
        }
    }
}
