//! What `sfai-dsl check` says of a rule's example.
//!
//! Owns the scratch project that the example stands in; the findings and their look are the
//! language's.

use std::fs;
use std::io;
use std::path::Path;

use sfai_dsl::check::check;
use sfai_dsl::load::load;
use sfai_dsl::project::Project;
use sfai_dsl::render::human::{Look, render};
use sfai_dsl::rules::{Example, PRELUDE};

use crate::trouble::{Doing, Trouble};

/// Where the example's own text stands.
pub(super) const PATH: &str = "routes/example.sfr";
const PRELUDE_PATH: &str = "routes/prelude.sfr";

/// The findings as a person sees them. Those of the prelude are nobody's business: an example
/// need not use all of it.
pub(super) fn shown(example: &Example) -> Result<String, Trouble> {
    let scratch = tempfile::tempdir().doing("make a scratch folder")?;
    let folder = scratch.path();
    write_all(folder, example).doing("write an example")?;
    let look = Look::PLAIN;
    let project = Project::find(folder).doing("read an example's sfai.toml")?;
    if !project.findings.is_empty() {
        return Ok(trimmed(&render(&project.sources, &project.findings, look)));
    }
    let loaded = load(&project, folder, &[]).doing("read an example")?;
    let mut findings = check(&project, &loaded, "default").findings;
    let path = |file| loaded.sources.get(file).map_or("", |source| source.path.as_str());
    findings.retain(|finding| path(finding.span.file) != PRELUDE_PATH);
    Ok(trimmed(&render(&loaded.sources, &findings, look)))
}

fn write_all(folder: &Path, example: &Example) -> io::Result<()> {
    let own = [(PRELUDE_PATH, PRELUDE.as_bytes()), (PATH, example.text.as_bytes())];
    for (path, bytes) in own.into_iter().chain(example.beside.iter().copied()) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Without blanks at the lines' ends, which editors and reviews stumble over.
fn trimmed(text: &str) -> String {
    text.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
