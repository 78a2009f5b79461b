//! What is generated of the documentation: `cargo xtask docs`.
//!
//! Owns where the pages stand and whether they are stale; what is on them is made by the modules
//! below.

mod client;
mod example;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::trouble::{Doing, Trouble};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write nothing; fail when a file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Where the rules' pages stand; nothing else does, so that the page of a rule that is gone goes
/// with it.
const RULES: &str = "docs/rules";

/// Texts by their paths from the top of the checkout.
type Pages = BTreeMap<String, String>;

/// Writes every page, or says which are stale.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = rules::pages()?;
    pages.extend(client::page(&top)?);
    let stale = stale(&top, &pages)?;
    if options.check {
        return match stale.as_slice() {
            [] => Ok(()),
            stale => Err(Trouble::new(
                "pass",
                format!("run `cargo xtask docs`, these files are stale: {}", stale.join(", ")),
            )),
        };
    }
    for path in &stale {
        let page = pages.get(path);
        write(&top.join(path), page.map(String::as_str)).doing(format!("write {path}"))?;
        println!("{path} {}", if page.is_some() { "written" } else { "removed" });
    }
    Ok(())
}

/// The pages that differ from their files, and the files that no page is for.
fn stale(top: &Path, pages: &Pages) -> Result<Vec<String>, Trouble> {
    let differs = |path: &str, page: &str| {
        fs::read(top.join(path)).map_or(true, |there| there != page.as_bytes())
    };
    let mut stale: Vec<_> =
        pages.iter().filter(|(path, page)| differs(path, page)).map(|(path, _)| path).collect();
    let there = files_in(top, RULES).doing(format!("read {RULES}"))?;
    stale.extend(there.iter().filter(|path| !pages.contains_key(*path)));
    Ok(stale.into_iter().cloned().collect())
}

fn files_in(top: &Path, folder: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(top.join(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        Ok(format!("{folder}/{}", entry?.file_name().to_string_lossy()))
    };
    let mut names: Vec<String> = entries.map(name).collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

fn write(path: &PathBuf, page: Option<&str>) -> io::Result<()> {
    let Some(page) = page else { return fs::remove_file(path) };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    sfai_dsl::write::replace(path, page.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_altered_or_left_over_is_stale() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{RULES}/{name}.md");
        for (name, text) in [("same", "a"), ("altered", "b"), ("left-over", "c")] {
            write(&top.path().join(path(name)), Some(text)).unwrap();
        }
        let page = |name: &str| (path(name), "a".to_owned());
        let pages = Pages::from(["same", "altered", "missing"].map(page));
        let expected = ["altered", "missing", "left-over"].map(path);
        assert_eq!(stale(top.path(), &pages).unwrap(), expected);
    }
}
