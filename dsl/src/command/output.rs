//! Where the result of a verb goes.
//!
//! Owns that choice alone.

use std::path::Path;

use super::{CouldNotRun, print};
use crate::write;

/// Writes the text to a file, or to stdout when none is named.
pub(super) fn write(path: Option<&Path>, text: &str) -> Result<(), CouldNotRun> {
    let Some(path) = path else {
        print(text);
        return Ok(());
    };
    let failed = |error| CouldNotRun(format!("{} cannot be written: {error}", path.display()));
    write::replace(path, text.as_bytes()).map_err(failed)
}
