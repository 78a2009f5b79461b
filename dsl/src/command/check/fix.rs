//! `sfai-dsl check --fix`.
//!
//! Owns the writing and the report; which fixes are applied is for [`crate::fix`].

use std::fs;

use super::Options;
use crate::command::progress::Progress;
use crate::command::{CouldNotRun, Exit, Opened, print, unified};
use crate::fix::{Applied, Mended, mend};
use crate::load::Loaded;
use crate::render::{Format, counted};
use crate::rules::secret;
use crate::write;

pub(super) fn run(
    options: &Options,
    opened: Opened,
    env: &str,
    progress: Progress,
) -> Result<Exit, CouldNotRun> {
    let Opened { project, loaded: before } = opened;
    let Mended { loaded, checked, applied } = mend(&project, before.clone(), env);
    drop(progress);
    if options.diff {
        print(unified::diff(&project, &before, &loaded, env));
        let exit = options.exit(&checked.findings);
        return Ok(if applied.is_empty() { exit } else { Exit::Findings });
    }
    write_changed(&before, &loaded)?;
    report(options.format, &applied);
    options.show(&loaded, &checked.findings)?;
    Ok(options.exit(&checked.findings))
}

/// Writes the files whose texts differ. All are looked at before the first is written, so that a
/// file that someone saved meanwhile stops the whole.
fn write_changed(before: &Loaded, after: &Loaded) -> Result<(), CouldNotRun> {
    let mut changed = Vec::new();
    for file in &after.files {
        let (old, new) = (before.sources.get(file.id), after.sources.get(file.id));
        let (Some(old), Some(new)) = (old, new) else { continue };
        if old.text == new.text {
            continue;
        }
        if fs::read(&file.path)? != old.text.as_bytes() {
            let why = format!("`{}` was changed meanwhile; nothing was written", old.path);
            return Err(CouldNotRun(why));
        }
        changed.push((file, new));
    }
    for (file, new) in changed {
        let failed = |error| CouldNotRun(format!("`{}` cannot be written: {error}", new.path));
        write::replace(&file.path, new.text.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

/// What was done: beside the findings for people, apart from them for programs.
fn report(format: Format, applied: &[Applied]) {
    let mut lines = String::new();
    for Applied { place, code, title } in applied {
        lines.push_str(&format!("{place}: fixed[{}] {}\n", code.0, secret::mask(title)));
    }
    if !applied.is_empty() {
        lines.push_str(&format!("{} mended\n", counted(applied.len(), "finding")));
    }
    match format {
        Format::Human => print(lines),
        _ => eprint!("{lines}"),
    }
}
