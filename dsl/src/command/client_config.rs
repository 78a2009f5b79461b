//! `sfai-dsl client-config`.
//!
//! Owns its arguments; what is written is [`crate::client_config`]'s.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Compiled, CouldNotRun, Exit, compiled, open, output};
use crate::client_config::{
    Url, Wanted, aider, aider_models, continue_dev, lines, offers, opencode,
};
use crate::nearest::nearest;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Whose settings to write
    client: Program,
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// Where the router is, with or without `/v1`
    #[arg(long, value_name = "URL")]
    url: String,
    /// Only this role; may be given several times, and the first is the one to begin with
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// A role that completes code; those whose name says so when there is none
    #[arg(long, value_name = "NAME")]
    autocomplete: Vec<String>,
    /// A role for opencode's titles, or for aider's summaries and commit messages
    #[arg(long, value_name = "NAME")]
    small: Option<String>,
    /// Only the roles that this client of the program may ask for
    #[arg(long = "for", value_name = "CLIENT")]
    client_name: Option<String>,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The file to write; stdout when there is none
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Program {
    /// Continue's config.yaml
    Continue,
    /// opencode.json
    Opencode,
    /// .aider.conf.yml
    Aider,
    /// aider's .aider.model.metadata.json
    AiderModels,
    /// Lines for a shell
    Env,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let url = Url::read(&options.url).map_err(CouldNotRun)?;
    let Some(Compiled { map, .. }) = compiled(&open(&options.paths)?, options.env.as_deref())?
    else {
        eprintln!("sfai-dsl: nothing was written");
        return Ok(Exit::Findings);
    };
    let client = options.client_name.as_deref();
    if let Some(client) = client.filter(|client| !map.clients.contains_key(*client)) {
        return Err(unknown("client", client, map.clients.keys()));
    }
    let small = options.small.as_deref();
    if let (Some(_), Program::Continue | Program::Env) = (small, options.client) {
        return Err(CouldNotRun("--small is for opencode and aider alone".into()));
    }
    let (roles, autocomplete) = (&options.roles[..], &options.autocomplete[..]);
    let wanted = Wanted { url, roles, autocomplete, small, client };
    let offers = offers(&map, &wanted).map_err(|name| unknown("role", &name, map.roles.keys()))?;
    let write = match options.client {
        Program::Continue => continue_dev,
        Program::Opencode => opencode,
        Program::Aider => aider,
        Program::AiderModels => aider_models,
        Program::Env => lines,
    };
    output::write(options.output.as_deref(), &write(&wanted.url, &offers))?;
    Ok(Exit::Clean)
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a String>) -> CouldNotRun {
    let near = nearest(name, names.map(String::as_str));
    let hint = near.filter(|near| *near != name);
    let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    CouldNotRun(format!("there is no {what} `{name}` to write settings for{hint}"))
}
