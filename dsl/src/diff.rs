//! What is different between two maps, by role.
//!
//! Owns what counts as a difference and how risky it is; how it is shown is
//! [`crate::render::diff`]'s. `docs/diff.md` tells what the risks mean.

mod aspects;
mod role;
mod worst;

use std::collections::BTreeMap;

use model_map::ModelMap;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

pub use worst::{INPUT_TOKENS, OUTPUT_TOKENS, Worst};

/// The version of [`Report`]'s shape; it rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// All differences. Nothing in it is a secret: keys are named, never held.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// 1.
    pub version: u32,
    /// What was compared, as it was asked for.
    pub old: String,
    /// With what.
    pub new: String,
    /// The greatest of all risks; absent where nothing is different.
    pub risk: Option<Risk>,
    /// In the order of their names.
    pub roles: Vec<Item>,
    /// In the order of their names.
    pub clients: Vec<Item>,
    /// In the order of their names.
    pub providers: Vec<Item>,
    /// By `provider/model-id`: facts of models that both maps have.
    pub models: Vec<Item>,
}

/// How much a reviewer should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nobody will notice.
    Low,
    /// Answers may differ.
    Medium,
    /// Requests may fail, cost much more or go where they should not.
    High,
}

impl Risk {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What became of something that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Only the new map has it.
    Added,
    /// Only the old map has it.
    Removed,
    /// Both have it.
    Changed,
}

impl Status {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A role, client, provider or model with a difference.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub status: Status,
    /// The greatest risk of its changes, or that of its coming or going.
    pub risk: Risk,
    /// The riskiest first.
    pub changes: Vec<Change>,
    /// Of a role: its worst case before, where it was there and could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_before: Option<Worst>,
    /// Of a role: its worst case now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_after: Option<Worst>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Of what: `when image`, `timeout total`, `prompt`, `worst cost`.
    pub what: String,
    /// How much to care.
    pub risk: Risk,
    /// What it was; absent where there was none.
    pub before: Option<String>,
    /// What it is; absent where there is none.
    pub after: Option<String>,
    /// Of a prompt: the difference of its text, in unified form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_diff: Option<String>,
    /// What it means, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Change {
    fn new(
        what: impl Into<String>,
        risk: Risk,
        before: Option<String>,
        after: Option<String>,
    ) -> Self {
        Self { what: what.into(), risk, before, after, text_diff: None, note: None }
    }
}

impl Report {
    /// Whether the maps are the same but for where things are written.
    pub fn is_empty(&self) -> bool {
        self.items().next().is_none()
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.roles.iter().chain(&self.clients).chain(&self.providers).chain(&self.models)
    }
}

/// The JSON Schema of a [`Report`].
pub fn schema() -> Schema {
    schema_for!(Report)
}

/// Compares two maps, each with the name that it was asked for by.
pub fn diff(old: (&str, &ModelMap), new: (&str, &ModelMap)) -> Report {
    let ((old_name, old), (new_name, new)) = (old, new);
    let mut report = Report {
        version: VERSION,
        old: old_name.to_owned(),
        new: new_name.to_owned(),
        risk: None,
        roles: role::roles(old, new),
        clients: named(&old.clients, &new.clients, aspects::client, client_risk),
        providers: named(&old.providers, &new.providers, aspects::provider, provider_risk),
        models: named(&old.models, &new.models, aspects::model, |_, _| Risk::Low),
    };
    // Which models there are follows from the routes, where it is told.
    report.models.retain(|item| item.status == Status::Changed);
    report.risk = report.items().map(|item| item.risk).max();
    report
}

/// What can be said of something, by what it is of.
type Aspects = BTreeMap<String, String>;

/// The differences of things that have names. `risk` is asked for what came or went, too, under
/// the name of its status.
fn named<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    aspects: impl Fn(&T) -> Aspects,
    risk: impl Fn(Status, &str) -> Risk,
) -> Vec<Item> {
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let gone = gone.map(|(name, _)| (name, Status::Removed, Vec::new()));
    let here = new.iter().filter_map(|(name, now)| match old.get(name) {
        None => Some((name, Status::Added, Vec::new())),
        Some(before) if before == now => None,
        Some(before) => {
            let risk = |what: &str| risk(Status::Changed, what);
            Some((name, Status::Changed, changes(&aspects(before), &aspects(now), risk)))
        }
    });
    let mut items: Vec<_> = gone
        .chain(here)
        .map(|(name, status, changes)| {
            let own = changes.iter().map(|change| change.risk).max();
            item(name, status, own.unwrap_or_else(|| risk(status, "")), changes)
        })
        .collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    items
}

fn item(name: &str, status: Status, risk: Risk, mut changes: Vec<Change>) -> Item {
    changes.sort_by_key(|change| std::cmp::Reverse(change.risk));
    let name = name.to_owned();
    Item { name, status, risk, changes, worst_before: None, worst_after: None }
}

fn changes(before: &Aspects, after: &Aspects, risk: impl Fn(&str) -> Risk) -> Vec<Change> {
    let gone = before.keys().filter(|what| !after.contains_key(*what));
    let all = gone.chain(after.keys());
    let changed = all.filter(|what| before.get(*what) != after.get(*what));
    let change = |what: &String| {
        Change::new(what, risk(what), before.get(what).cloned(), after.get(what).cloned())
    };
    changed.map(change).collect()
}

fn client_risk(status: Status, what: &str) -> Risk {
    match (status, what) {
        (Status::Removed, _) | (_, "allow" | "key") => Risk::High,
        _ => Risk::Medium,
    }
}

fn provider_risk(status: Status, what: &str) -> Risk {
    match (status, what) {
        (Status::Changed, "max_connections") => Risk::Medium,
        // Where prompts go, and with which key.
        (Status::Changed, _) => Risk::High,
        (Status::Added, _) => Risk::Medium,
        // That a role no longer reaches it is told with the role.
        (Status::Removed, _) => Risk::Low,
    }
}
