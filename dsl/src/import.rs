//! Other routers' configurations as programs.
//!
//! Owns which there are and the text that is written of them; what each of their settings means is
//! for the module of its name.

mod chain;
mod draft;
mod hand;
mod input;
mod litellm;
mod portkey;
mod vendor;

use std::fmt;

use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::decompile::decompile;
use crate::rules::secret;
use draft::Draft;
use input::{Settings, wrong};

/// Whose configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// LiteLLM's proxy: its `config.yaml`.
    Litellm,
    /// A Portkey gateway config: JSON.
    Portkey,
    /// A hand-written map from roles to models, or our own `model_map.json`.
    ModelMap,
}

/// A program, and what it does not say.
#[derive(Debug)]
pub struct Imported {
    /// One statement a line and not laid out, with the report on top.
    pub text: String,
    /// What could not be carried over, or not as it was.
    pub report: Vec<Left>,
}

/// A setting that was not carried over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Where it stands: `router_settings.redis_host`.
    pub path: String,
    /// What became of it, and why.
    pub why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

/// A configuration that cannot be read. No value of it is in here: it could be a key.
#[derive(Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The path of the value; empty for the whole file.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { Ok(()) } else { write!(f, "`{}` ", self.path) }?;
        f.write_str(&self.what)
    }
}

impl std::error::Error for ImportError {}

/// What could not be carried over, so far.
#[derive(Debug, Default)]
struct Report(Vec<Left>);

impl Report {
    fn add(&mut self, path: impl Into<String>, why: impl Into<String>) {
        // A key of an object may be as secret as its value.
        let left = Left { path: one_line(&path.into()), why: one_line(&why.into()) };
        if !self.0.contains(&left) {
            self.0.push(left);
        }
    }
}

/// Fit for one line of a comment, without what looks like a secret.
fn one_line(text: &str) -> String {
    secret::mask(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The program of a configuration. `name` is the file's, without its ending: what has no name of
/// its own is named after it.
///
/// # Errors
/// Where the text is not of its format, or a value not of the type that it must have.
pub fn import(
    origin: Origin,
    name: &str,
    text: &str,
    catalogue: &Catalogue,
) -> Result<Imported, ImportError> {
    let value = match origin {
        Origin::Litellm => yaml(text)?,
        Origin::Portkey | Origin::ModelMap => json(text)?,
    };
    if origin == Origin::ModelMap && is_own(&value) {
        let map = model_map::load(text.as_bytes());
        let map = map.map_err(|why| wrong("", one_line(&why.to_string())))?;
        return Ok(Imported { text: decompile(&map, catalogue), report: Vec::new() });
    }
    let root = Settings::of("", value)?;
    let mut draft = Draft::new(catalogue);
    let from = match origin {
        Origin::Litellm => {
            litellm::read(root, &mut draft)?;
            "LiteLLM"
        }
        Origin::Portkey => {
            portkey::read(root, name, &mut draft)?;
            "Portkey"
        }
        Origin::ModelMap => {
            hand::read(root, &mut draft)?;
            "a model map"
        }
    };
    if draft.roles.is_empty() {
        return Err(wrong("", "holds no route that could be imported".to_owned()));
    }
    let body = draft.text();
    let report = draft.report.0;
    let text = format!("{}{body}", head(from, &report));
    Ok(Imported { text: secret::mask(&text), report })
}

fn head(from: &str, report: &[Left]) -> String {
    let mut text = format!("# Imported from {from}.\n");
    if !report.is_empty() {
        text.push_str("#\n# Not carried over, or not as it was:\n");
    }
    for left in report {
        text.push_str(&format!("# - {left}\n"));
    }
    text
}

/// Whether it is what `compile` writes.
fn is_own(value: &Value) -> bool {
    value.get("format").is_some_and(Value::is_number) && value.get("roles").is_some()
}

fn json(text: &str) -> Result<Value, ImportError> {
    serde_json::from_str(text).map_err(|why| {
        let (line, column) = (why.line(), why.column());
        wrong("", format!("is not JSON: a mistake at line {line}, column {column}"))
    })
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    // Its messages quote what they complain of, which could be a key: the place is enough.
    serde_saphyr::from_str(text).map_err(|why| {
        let place = why.location().map(|at| (at.line(), at.column()));
        let place =
            place.map(|(line, column)| format!(": a mistake at line {line}, column {column}"));
        wrong("", format!("is not YAML that can be read{}", place.unwrap_or_default()))
    })
}
