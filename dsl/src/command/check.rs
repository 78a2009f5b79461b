//! `sfai-dsl check`.

mod fix;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::look::look_on;
use super::progress::Progress;
use super::{CouldNotRun, Exit, Opened, open_over, print, stdin};
use crate::check::check;
use crate::diagnostic::Diagnostic;
use crate::load::Loaded;
use crate::render::{Format, Tally, render};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders, the project's folder when there is none; `-` checks the program with
    /// stdin's text in the place of one file
    paths: Vec<PathBuf>,
    /// How to show the findings
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Let warnings fail the check, too
    #[arg(long, value_name = "WHAT")]
    deny: Option<Denied>,
    /// What `${env}` stands for; every environment is checked in any case
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Apply every fix that is certain, and report what is left
    #[arg(long)]
    fix: bool,
    /// With --fix: write nothing, show what would change, and exit 1 if anything would
    #[arg(long, requires = "fix")]
    diff: bool,
    #[command(flatten)]
    stdin: stdin::Options,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Denied {
    /// All warnings
    Warnings,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let from_stdin = stdin::is_asked(&options.paths)?;
    if from_stdin && options.fix && !options.diff {
        let why = "stdin cannot be mended in place: use --fix --diff, or name the file";
        return Err(CouldNotRun(why.into()));
    }
    let buffer = if from_stdin { Some(options.stdin.read()?) } else { None };
    let progress = Progress::start("checking");
    let paths = if from_stdin { &[] } else { options.paths.as_slice() };
    let opened = open_over(paths, buffer.as_ref())?;
    let env = opened.project.env(options.env.as_deref());
    if options.fix {
        return fix::run(options, opened, &env, progress);
    }
    let Opened { project, loaded } = opened;
    let checked = check(&project, &loaded, &env);
    drop(progress);
    options.show(&loaded, &checked.findings)?;
    let exit = options.exit(&checked.findings);
    // The process ends now: to take thousands of roles apart piece by piece would be for nothing.
    std::mem::forget((loaded, checked));
    Ok(exit)
}

impl Options {
    fn show(&self, loaded: &Loaded, findings: &[Diagnostic]) -> Result<(), CouldNotRun> {
        let stdout = std::io::stdout();
        print(render(self.format, &loaded.sources, findings, look_on(&stdout))?);
        // Whoever looks on wants to know that it was looked at; a file is empty then.
        if findings.is_empty() && matches!(self.format, Format::Human) && stdout.is_terminal() {
            let files = loaded.files.len();
            print(format_args!(
                "no findings in {files} file{}\n",
                if files == 1 { "" } else { "s" }
            ));
        }
        Ok(())
    }

    fn exit(&self, findings: &[Diagnostic]) -> Exit {
        let tally = Tally::of(findings);
        let denied = self.deny.is_some() && tally.warnings > 0;
        if tally.errors > 0 || denied { Exit::Findings } else { Exit::Clean }
    }
}
