//! The reference of Continue's settings for the committed routes.
//!
//! Owns which program it is written for and where the router is said to be; what is written is the
//! language's.

use std::path::Path;

use sfai_dsl::check::check;
use sfai_dsl::client_config::{Url, Wanted, continue_dev, offers};
use sfai_dsl::emit::emit;
use sfai_dsl::load::load;
use sfai_dsl::project::Project;

use super::Pages;
use crate::trouble::{Doing, Trouble};

const PATH: &str = "docs/continue-config-reference.yaml";

/// Where `cargo run -p sfai-router` listens.
const URL: &str = "http://127.0.0.1:8080";

/// The one page. A program with errors has none: `sfai-dsl check` shows them.
pub(super) fn page(top: &Path) -> Result<Pages, Trouble> {
    let failed = |why: &str| Trouble::new(format!("write {PATH}"), why);
    let project = Project::find(top).doing("read sfai.toml")?;
    let loaded = load(&project, top, &[]).doing("read the routes")?;
    let checked = check(&project, &loaded, &project.env(None));
    if checked.findings.iter().any(|one| one.severity == sfai_dsl::diagnostic::Severity::Error) {
        return Err(failed("the routes have errors: run `sfai-dsl check`"));
    }
    let map = emit(&checked.program, &loaded.sources);
    let url = Url::read(URL).map_err(|why| failed(&why))?;
    let wanted = Wanted { url, roles: &[], autocomplete: &[], small: None, client: None };
    let offers = offers(&map, &wanted).map_err(|name| failed(&name))?;
    Ok(Pages::from([(PATH.to_owned(), continue_dev(&wanted.url, &offers))]))
}
