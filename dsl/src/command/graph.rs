//! `sfai-dsl graph`.
//!
//! Owns its arguments; what is drawn and how is [`crate::graph`]'s.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{CouldNotRun, Exit, compile, drawn, open, output};
use crate::graph::{dot, mermaid, picture, svg};
use crate::nearest::nearest;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// The environment to draw
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Only this role; may be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// How to draw it
    #[arg(long, value_enum, default_value_t = Format::Svg)]
    format: Format,
    /// The file to write; stdout when there is none
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A picture that stands on its own
    Svg,
    /// For Markdown on GitHub
    Mermaid,
    /// For Graphviz
    Dot,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let built = compile::build(&opened, &env)?;
    let Some(compile::Map { map, .. }) = built.map else {
        eprint!("{}", drawn(&opened.loaded, &built.findings)?);
        eprintln!("sfai-dsl: a program with errors is not drawn");
        return Ok(Exit::Findings);
    };
    if let Some(missing) = options.roles.iter().find(|name| !map.roles.contains_key(*name)) {
        let near = nearest(missing, map.roles.keys().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(CouldNotRun(format!("there is no role `{missing}`{hint}")));
    }
    let picture = picture(&map, &options.roles);
    let text = match options.format {
        Format::Svg => svg(&picture),
        Format::Mermaid => mermaid(&picture),
        Format::Dot => dot(&picture),
    };
    output::write(options.output.as_deref(), &text)?;
    Ok(Exit::Clean)
}
