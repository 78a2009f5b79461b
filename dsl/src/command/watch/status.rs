//! One compilation and the line that says what came of it.
//!
//! Owns the words; the map is written only when there is a good one.

use super::Options;
use crate::command::compile::{Built, Map, build, output};
use crate::command::{CouldNotRun, drawn, open};
use crate::render::{Tally, counted};
use crate::write;

/// Compiles; the findings go to stderr, the line is given back.
pub(super) fn compile(options: &Options) -> String {
    compiled(options).unwrap_or_else(|CouldNotRun(why)| format!("could not run: {why}"))
}

fn compiled(options: &Options) -> Result<String, CouldNotRun> {
    let opened = open(&options.paths)?;
    let env = opened.project.env(options.env.as_deref());
    let path = options.output.clone().unwrap_or_else(|| output(&opened.project));
    let name = match &options.output {
        Some(path) => path.display().to_string(),
        None => opened.project.output.clone(),
    };
    let Built { findings, map } = build(&opened, &env)?;
    eprint!("{}", drawn(&opened.loaded, &findings)?);
    let Tally { errors, warnings } = Tally::of(&findings);
    let Some(Map { map, bytes, .. }) = map else {
        return Ok(format!("{}: {name} stays as it was", counted(errors, "error")));
    };
    let found = match warnings {
        0 => String::new(),
        some => format!(", {}", counted(some, "warning")),
    };
    let roles = counted(map.roles.len(), "role");
    if std::fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(format!("unchanged {name}: {roles}{found}"));
    }
    let failed = |error| CouldNotRun(format!("{name} cannot be written: {error}"));
    write::replace(&path, &bytes).map_err(failed)?;
    Ok(format!("wrote {name}: {roles}{found}, {}", map.digest))
}
