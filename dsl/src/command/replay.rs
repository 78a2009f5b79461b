//! `sfai-dsl replay`.
//!
//! Owns its arguments, the reading of logs and the words for people.

use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use flate2::read::MultiGzDecoder;

use super::{CouldNotRun, Exit, operand, print};
use crate::replay::{Replay, Report};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Audit logs, one JSON record a line; of a folder and those in it all `*.jsonl`, `*.ndjson`,
    /// `*.json` and `*.log`, gzipped (`*.gz`) or not
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

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let map = operand::map_of(&options.map, options.env.as_deref())?;
    let mut replay = Replay::new(&map, options.examples);
    for path in &options.logs {
        for file in files(path)? {
            read(&file, &mut replay)?;
        }
    }
    let report = replay.end();
    match options.format {
        Format::Human => print(human(&report)),
        Format::Json => print(format_args!("{}\n", serde_json::to_string_pretty(&report)?)),
    }
    Ok(if report.otherwise == 0 { Exit::Clean } else { Exit::Findings })
}

fn files(path: &Path) -> Result<Vec<PathBuf>, CouldNotRun> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // A link is not followed: it may lead back up.
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_log(&entry.path()) {
                files.push(entry.path());
            }
        }
    }
    // The folders of days and hours sort by time.
    files.sort();
    Ok(files)
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["jsonl", "ndjson", "json", "log"].contains(&ending)
}

fn read(path: &Path, replay: &mut Replay<'_>) -> Result<(), CouldNotRun> {
    let shown = path.display();
    let failed = |error| CouldNotRun(format!("`{shown}` cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let mut lines: Box<dyn BufRead> = match path.extension().is_some_and(|ending| ending == "gz") {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(BufReader::new(file)),
    };
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        replay.line(|| format!("{shown}:{number}"), &line);
    }
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
    for line in &report.unreadable {
        let _ = writeln!(text, "{}: no audit record: {}", line.place, line.why);
    }
    for place in &report.cut {
        let _ =
            writeln!(text, "{place}: passed over: the line is cut, as a killed writer leaves it");
    }
    let (otherwise, planned) = (report.otherwise, report.planned);
    let _ = writeln!(
        text,
        "{otherwise} of {planned} requests would be routed otherwise; {} had no attempt, {} lines could not be read",
        report.untried,
        report.unreadable.len()
    );
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().map(plain).collect()
}
