//! What a map is asked for by: a folder, a file or a git revision.
//!
//! Owns how the three are told apart: what is there as a path is a path.

use std::path::{Path, PathBuf};

use model_map::ModelMap;

use super::compile::{Map, build};
use super::decompile::read_map;
use super::{CouldNotRun, Opened, drawn, project, revision};
use crate::load::load;
use crate::project::{FILE_NAME, Project};

/// Reads or compiles the map of an operand.
pub(super) fn map_of(operand: &str, env: Option<&str>) -> Result<ModelMap, CouldNotRun> {
    let path = Path::new(operand);
    if path.extension().is_some_and(|ending| ending == "json") {
        return read_map(path);
    }
    if path.exists() {
        return of_folder(path, operand, env);
    }
    let project = project(&std::env::current_dir()?)?;
    let there = revision::check_out(&project, operand)?;
    of_folder(&there.project, operand, env)
}

/// The map of the working tree.
pub(super) fn of_working_tree(env: Option<&str>) -> Result<ModelMap, CouldNotRun> {
    of_opened(&super::open(&[])?, "the working tree", env)
}

/// A project with its settings, or any folder or file of routes under those of the working folder.
fn of_folder(path: &Path, named: &str, env: Option<&str>) -> Result<ModelMap, CouldNotRun> {
    let path = std::path::absolute(path)?;
    let (project, paths): (Project, Vec<PathBuf>) = if path.join(FILE_NAME).is_file() {
        (project(&path)?, Vec::new())
    } else if path.join("routes").is_dir() {
        (Project::bare(path.clone()), Vec::new())
    } else {
        (project(&std::env::current_dir()?)?, vec![path.clone()])
    };
    let loaded = load(&project, &path, &paths)?;
    of_opened(&Opened { project, loaded }, named, env)
}

fn of_opened(opened: &Opened, named: &str, env: Option<&str>) -> Result<ModelMap, CouldNotRun> {
    let env = opened.project.env(env);
    let built = build(opened, &env)?;
    let Some(Map { map, .. }) = built.map else {
        eprint!("{}", drawn(&opened.loaded, &built.findings)?);
        return Err(CouldNotRun(format!("{named}: a program with errors has no map")));
    };
    Ok(map)
}
