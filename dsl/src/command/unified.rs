//! What would change, as unified diffs.
//!
//! Owns their look and that no secret is in them.

use crate::check::check;
use crate::load::Loaded;
use crate::project::Project;
use crate::render::shown;

/// The diffs of the files whose texts differ, with three lines around each change. Both programs
/// are checked: what a finding hides, a diff must not show.
pub(super) fn diff(project: &Project, before: &Loaded, after: &Loaded, env: &str) -> String {
    let (hidden_before, hidden_after) =
        (check(project, before, env).findings, check(project, after, env).findings);
    let mut diffs = String::new();
    for (id, old) in before.sources.iter() {
        let Some(new) = after.sources.get(id).filter(|new| new.text != old.text) else { continue };
        let (old_text, new_text) = (shown(id, old, &hidden_before), shown(id, new, &hidden_after));
        let diff = similar::TextDiff::from_lines(old_text.as_ref(), new_text.as_ref());
        diffs.push_str(&diff.unified_diff().header(&old.path, &new.path).to_string());
    }
    diffs
}
