//! `sfai-dsl compile`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Progress;
use super::{CouldNotRun, Exit, Opened, drawn, open, print};
use crate::check::{check, env_names};
use crate::diagnostic::Diagnostic;
use crate::emit::emit;
use crate::nearest::nearest;
use crate::program::Program;
use crate::project::Project;
use crate::render::Tally;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// The environment to compile for
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The file to write; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write nothing; exit 1 when the file is not what would be written
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let progress = Progress::start("compiling");
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let built = build(&opened, &env)?;
    drop(progress);
    doubt(&opened, &env);
    eprint!("{}", drawn(&opened.loaded, &built.findings)?);
    let Some(Map { map, bytes, .. }) = built.map else {
        eprintln!("sfai-dsl: nothing was written");
        return Ok(Exit::Findings);
    };
    if options.output.as_deref() == Some(Path::new("-")) {
        return show(&map, &bytes, options.check);
    }
    let path = options.output.clone().unwrap_or_else(|| output(&opened.project));
    let shown = path.display();
    if options.check {
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(Exit::Clean);
        }
        eprintln!("sfai-dsl: {shown} is not what the program compiles to: run `sfai-dsl compile`");
        return Ok(Exit::Findings);
    }
    let failed = |error| CouldNotRun(format!("{shown} cannot be written: {error}"));
    write::replace(&path, &bytes).map_err(failed)?;
    print(format_args!("{shown} {} roles, {}\n", map.roles.len(), map.digest));
    Ok(Exit::Clean)
}

/// Writes the map to stdout, and what is told of it elsewhere.
fn show(map: &model_map::ModelMap, bytes: &[u8], is_check: bool) -> Result<Exit, CouldNotRun> {
    if is_check {
        return Err(CouldNotRun("`--check` compares a file, and `-` is none".to_owned()));
    }
    print(String::from_utf8_lossy(bytes));
    eprintln!("sfai-dsl: {} roles, {}", map.roles.len(), map.digest);
    Ok(Exit::Clean)
}

/// Says where an environment's name is nearly that of a declared one. Others are as good as those,
/// since `${env}` takes any: so it is no finding.
pub(super) fn doubt(opened: &Opened, env: &str) {
    let declared = env_names(&opened.loaded);
    if declared.contains(env) {
        return;
    }
    if let Some(near) = nearest(env, declared) {
        eprintln!("sfai-dsl: the program has no `env {env}`; did you mean `{near}`?");
    }
}

/// A program, checked and, if it has no errors, compiled.
pub(super) struct Built {
    pub(super) findings: Vec<Diagnostic>,
    pub(super) map: Option<Map>,
}

/// A map, the bytes of its file, and the program that it was made of.
pub(super) struct Map {
    pub(super) map: model_map::ModelMap,
    pub(super) bytes: Vec<u8>,
    pub(super) program: Program,
}

/// Compiles for `env`; writes nothing.
pub(super) fn build(opened: &Opened, env: &str) -> Result<Built, CouldNotRun> {
    let checked = check(&opened.project, &opened.loaded, env);
    if Tally::of(&checked.findings).errors > 0 {
        return Ok(Built { findings: checked.findings, map: None });
    }
    let mut map = emit(&checked.program, &opened.loaded.sources);
    let bytes = model_map::seal(&mut map)?;
    Ok(Built {
        findings: checked.findings,
        map: Some(Map { map, bytes, program: checked.program }),
    })
}

/// Where the map of a project is when nothing else is asked for.
pub(super) fn output(project: &Project) -> PathBuf {
    project.root.join(&project.output)
}
