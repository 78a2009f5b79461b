//! `sfai-dsl init`.
//!
//! Owns the starter and its careful writing; the starter's text is in `dsl/starter/`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CouldNotRun, Exit, print};
use crate::project::tidy;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where to write it; made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Each file's path in the folder, and its text.
const STARTER: [(&str, &str); 3] = [
    ("sfai.toml", include_str!("../../starter/sfai.toml")),
    ("routes/main.sfr", include_str!("../../starter/routes/main.sfr")),
    ("routes/prompts/assistant.md", include_str!("../../starter/routes/prompts/assistant.md")),
];

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let folder = &options.folder;
    let there: Vec<_> =
        STARTER.iter().map(|(path, _)| *path).filter(|path| is_there(&folder.join(path))).collect();
    if !there.is_empty() {
        let why = "nothing is overwritten and nothing was written: there already";
        return Err(CouldNotRun(format!("{why}: {}", there.join(", "))));
    }
    for (path, text) in STARTER {
        let path = tidy(&folder.join(path));
        let failed = |error| CouldNotRun(format!("{} cannot be written: {error}", path.display()));
        write_new(&path, text).map_err(failed)?;
        print(format_args!("wrote {}\n", path.display()));
    }
    print("\nNext:\n");
    if folder != Path::new(".") {
        print(format_args!("  cd {}\n", folder.display()));
    }
    print(
        "  sfai-dsl check      # report what is wrong with it: nothing, so far\n  \
           sfai-dsl compile    # write model_map.json, which sfai-router serves\n  \
           sfai-dsl watch      # compile again whenever a file changes\n",
    );
    Ok(Exit::Clean)
}

/// Whether something has that name, be it a link that leads nowhere.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

pub(super) fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
