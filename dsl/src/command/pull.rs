//! `sfai-dsl pull`.
//!
//! Owns which map is fetched; where it goes is [`output`]'s.

use std::path::PathBuf;

use clap::Args;

use super::moving::{self, Candidate, Seen};
use super::rollback::find;
use super::{CouldNotRun, Exit, output, project, target};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The version, or how its digest starts; what is live when there is none
    digest: Option<String>,
    /// The file to write; stdout when there is none
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: target::Options,
    /// The environment, where the target of sfai.toml has `${env}`
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let env = project.env(options.env.as_deref());
    let target = target::open(options.target.address(&project, &env)?)?;
    let found = match &options.digest {
        Some(text) => moving::version(&target, &find(&target, text)?)?,
        None => {
            let Some(live) = Seen::of(&target)?.live else {
                let address = &target.address;
                return Err(CouldNotRun(format!("nothing is live at {address}")));
            };
            let name = format!("what is live at {}", target.address);
            model_map::load(&live.bytes).map_err(|why| CouldNotRun(format!("{name}: {why}")))?;
            Candidate::load(name, live.bytes)?
        }
    };
    let text = String::from_utf8_lossy(&found.bytes);
    output::write(options.output.as_deref(), &text)?;
    if let Some(path) = &options.output {
        eprintln!("sfai-dsl: wrote {} as {}", found.digest, path.display());
    }
    Ok(Exit::Clean)
}
