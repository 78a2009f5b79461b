//! What has to hold of every input, whoever made it.
//!
//! Owns that alone; inputs are made by [`super`], and by libFuzzer for `fuzz/`, which reads this
//! file too.
#![allow(dead_code, reason = "each harness of `fuzz/` calls one of the two")]

use std::path::PathBuf;

use model_map::{Draw, ModelMap, RequestFacts, plan};
use sfai_dsl::check::check;
use sfai_dsl::decompile::decompile;
use sfai_dsl::format::format;
use sfai_dsl::load::{Buffer, Loaded};
use sfai_dsl::project::Project;

thread_local! {
    /// Files beside an input are not there, so that any folder will do.
    static PROJECT: Project = Project::bare(PathBuf::from("/nowhere"));
}

/// Reads, lays out and checks a route file; says what is wrong with what came of it.
pub(crate) fn routes(input: &[u8]) -> Result<(), String> {
    let path = PathBuf::from("/nowhere/routes/fuzz.sfr");
    let loaded = Loaded::only(&Buffer { path: path.clone(), bytes: input.to_vec() });
    for (file, tree) in loaded.files.iter().zip(&loaded.trees) {
        let Some(source) = loaded.sources.get(file.id) else { continue };
        let tidy = format(&source.text, tree).map_err(|why| format!("fmt fails: {why}"))?;
        let again = Loaded::only(&Buffer { path: path.clone(), bytes: tidy.clone().into_bytes() });
        let stable = again.trees.first().map(|tree| format(&tidy, tree));
        if !matches!(stable, Some(Ok(again)) if again == tidy) {
            return Err("fmt is not stable".to_owned());
        }
    }
    PROJECT.with(|project| drop(check(project, &loaded, "default")));
    Ok(())
}

/// Loads a map, and one of the same content with the digest that it should have, since nobody
/// guesses a digest. What loads has to be planned with, decompiled, and written without a change.
pub(crate) fn map(input: &[u8]) -> Result<(), String> {
    drop(model_map::load(input));
    let Ok(mut map) = serde_json::from_slice::<ModelMap>(input) else { return Ok(()) };
    let bytes = model_map::seal(&mut map).map_err(|why| format!("it cannot be sealed: {why}"))?;
    let Ok(mut loaded) = model_map::load(&bytes) else { return Ok(()) };
    for role in loaded.roles.keys() {
        for draw in [0, 99] {
            drop(plan(&loaded, role, &RequestFacts::default(), Draw::percent(draw)));
        }
    }
    PROJECT.with(|project| drop(decompile(&loaded, &project.catalogue)));
    match model_map::seal(&mut loaded) {
        Ok(again) if again == bytes => Ok(()),
        Ok(_) => Err("a map is another after it was loaded and written".to_owned()),
        Err(why) => Err(format!("a map that was loaded cannot be written: {why}")),
    }
}
