//! `sfai-dsl replay`.
//!
//! Owns its arguments and the words for people; where the logs are is for [`logs`].

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::{CouldNotRun, Exit, logs, operand, print};
use crate::replay::{Replay, Report};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Audit logs, one JSON record a line, packed with gzip or not; `-` is stdin; of a folder its
    /// `*.jsonl`, `*.ndjson`, `*.json` and `*.log` at any depth, each also with `.gz`
    #[arg(required = true, value_name = "AUDIT")]
    logs: Vec<PathBuf>,
    /// What to plan with: a folder, a map (`*.json`) or a git revision
    #[arg(long, value_name = "NEW")]
    map: String,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How many requests to show of each change
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs; `sfai-dsl schema replay` describes it
    Json,
}

/// The most bad lines that a person is shown.
const SHOWN: usize = 20;

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let map = operand::map_of(&options.map, options.env.as_deref())?;
    let logs = logs::find(&options.logs)?;
    let mut replay = Replay::new(&map, options.examples);
    let progress = Progress::start("replaying");
    for log in &logs {
        log.read_into(&mut replay)?;
    }
    drop(progress);
    let report = replay.end();
    match options.format {
        Format::Human => print(human(&report)),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&report)?)),
    }
    let is_clean = report.otherwise == 0 && report.unreadable_count == 0;
    Ok(if is_clean { Exit::Clean } else { Exit::Findings })
}

fn human(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for moved in &report.changes {
        let after = match &moved.refused {
            Some(why) => format!("nowhere: {why}"),
            None => moved.after.join(" -> "),
        };
        let (role, count, before) = (&moved.role, moved.count, &moved.before);
        let _ = writeln!(text, "role {role}: {count} from {before} to {after}");
        for one in &moved.examples {
            let rules = format!("{} => {}", one.rule_before, one.rule_after);
            let _ = writeln!(text, "  {} {}  {rules}", one.time, one.id);
        }
    }
    for line in report.unreadable.iter().take(SHOWN) {
        let _ = writeln!(text, "{}: no audit record: {}", line.place, line.why);
    }
    let more = report.unreadable_count.saturating_sub(SHOWN as u64);
    if more > 0 {
        let _ = writeln!(text, "and {more} more lines that are no audit records");
    }
    for place in &report.cut {
        let _ =
            writeln!(text, "{place}: passed over: the line is cut, as a killed writer leaves it");
    }
    let (otherwise, planned) = (report.otherwise, report.planned);
    let _ = writeln!(
        text,
        "{otherwise} of {planned} requests would be routed otherwise; {} had no attempt, {} lines could not be read",
        report.untried, report.unreadable_count
    );
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().map(plain).collect()
}
