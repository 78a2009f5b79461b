//! Programs as text, and the maps that they compile to.

mod arms;
mod canonical;
mod conditions;
mod inheritance;
mod order;
mod promises;

use std::path::PathBuf;

use model_map::{ModelMap, Role};

use crate::check::{Checked, check};
use crate::diagnostic::Severity;
use crate::emit::emit;
use crate::load::{Loaded, LoadedFile};
use crate::project::Project;
use crate::rules::PRELUDE;
use crate::span::SourceFile;
use crate::syntax::parse;

/// Files of a program that exist only here.
pub(super) fn load(texts: &[&str]) -> Loaded {
    let mut loaded = Loaded::default();
    for (at, text) in texts.iter().enumerate() {
        let parsed = parse(loaded.sources.next_id(), text);
        let id = loaded.sources.add(SourceFile::new(format!("routes/{at}.sfr"), *text));
        loaded.trees.push(parsed.tree);
        loaded.findings.extend(parsed.diagnostics);
        let (path, folder) = (PathBuf::from("routes/x.sfr"), PathBuf::from("routes"));
        loaded.files.push(LoadedFile { id, path, folder, is_utf8: true });
    }
    loaded
}

pub(super) fn checked(loaded: &Loaded, env: &str) -> Checked {
    check(&Project::bare(PathBuf::from(".")), loaded, env)
}

/// The program of these files and the prelude in an environment: its map.
pub(super) fn map_of(texts: &[&str], env: &str) -> ModelMap {
    let texts: Vec<_> = [PRELUDE].into_iter().chain(texts.iter().copied()).collect();
    let loaded = load(&texts);
    let checked = checked(&loaded, env);
    let errors: Vec<_> =
        checked.findings.iter().filter(|one| one.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut map = emit(&checked.program, &loaded.sources);
    // What is emitted is what the router accepts.
    model_map::load(&model_map::seal(&mut map).unwrap()).unwrap()
}

/// The role `coder` of a program.
pub(super) fn coder(text: &str, env: &str) -> Role {
    map_of(&[text], env).roles["coder"].clone()
}

/// The errors of a program beside the prelude: each with what is underlined.
pub(super) fn errors(text: &str) -> Vec<(String, String)> {
    let loaded = load(&[PRELUDE, text]);
    let findings = checked(&loaded, "default").findings;
    let errors = findings.into_iter().filter(|one| one.severity == Severity::Error);
    let underlined = |one: &crate::diagnostic::Diagnostic| {
        let file = loaded.sources.get(one.span.file).unwrap();
        file.text.get(one.span.range()).unwrap().to_owned()
    };
    errors.map(|one| (underlined(&one), one.message)).collect()
}
