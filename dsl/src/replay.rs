//! Recorded requests, planned again with another map.
//!
//! Owns what counts as routed otherwise: the first model that was tried is not the first of the new
//! chain. Reading files is the command's.

use std::collections::BTreeMap;

use model_map::audit::Record;
use model_map::{Draw, ModelMap, plan};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

/// The version of [`Report`]'s shape; it rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// 1.
    pub version: u32,
    /// Records that were planned again.
    pub planned: u64,
    /// Those of them that would be routed otherwise.
    pub otherwise: u64,
    /// Records of requests for which no link was tried.
    pub untried: u64,
    /// By role and change, the most frequent first.
    pub changes: Vec<Moved>,
    /// Lines that are no records.
    pub unreadable: Vec<Unreadable>,
    /// Last lines of files that end in the middle of one, as a writer that was killed leaves them:
    /// `audit.jsonl:3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// Requests of a role that would go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moved {
    /// The role.
    pub role: String,
    /// The model that was tried first, `provider/model-id`.
    pub before: String,
    /// The chain that they would get; empty where they would get none.
    pub after: Vec<String>,
    /// Why they would get none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// When it came in.
    pub time: String,
    /// The line that decided, `routes/backend.sfr:38`.
    pub rule_before: String,
    /// The line that would decide.
    pub rule_after: String,
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreadable {
    /// `audit.jsonl:3`
    pub place: String,
    /// Why not.
    pub why: String,
}

/// The JSON Schema of a [`Report`].
pub fn schema() -> Schema {
    schema_for!(Report)
}

/// A replay that goes on record by record, so that logs of any length fit.
#[derive(Debug)]
pub struct Replay<'m> {
    map: &'m ModelMap,
    examples: usize,
    report: Report,
    moved: BTreeMap<(String, String, Vec<String>), Moved>,
}

impl<'m> Replay<'m> {
    /// With a map; up to so many examples of each change are kept.
    pub fn new(map: &'m ModelMap, examples: usize) -> Self {
        let report = Report { version: VERSION, ..Report::default() };
        Self { map, examples, report, moved: BTreeMap::new() }
    }

    /// Reads a line of a log with its end, which the last one of a file may lack; `place` names it.
    pub fn line(&mut self, place: impl FnOnce() -> String, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match model_map::audit::read(line) {
            Ok(record) => self.record(&record),
            Err(_) if !line.ends_with(b"\n") => self.report.cut.push(place()),
            Err(why) => {
                self.report.unreadable.push(Unreadable { place: place(), why: why.to_string() });
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let Some(before) = record.attempts.first().map(|attempt| attempt.model.clone()) else {
            self.report.untried += 1;
            return;
        };
        self.report.planned += 1;
        let planned = plan(self.map, &record.role, &record.facts, Draw::percent(record.draw));
        let (after, rule, refused) = match &planned {
            Ok(plan) => {
                let chain: Vec<_> = plan.chain.iter().map(|link| link.key.to_owned()).collect();
                (chain, plan.rule, None)
            }
            Err(why) => (Vec::new(), "", Some(why.to_string())),
        };
        if after.first() == Some(&before) {
            return;
        }
        self.report.otherwise += 1;
        let example = Example {
            id: record.id.clone(),
            time: record.time.clone(),
            rule_before: record.rule.clone(),
            rule_after: rule.to_owned(),
        };
        let key = (record.role.clone(), before.clone(), after.clone());
        let role = record.role.clone();
        let moved = self.moved.entry(key).or_insert_with(|| Moved {
            role,
            before,
            after,
            refused,
            count: 0,
            examples: Vec::new(),
        });
        moved.count += 1;
        if moved.examples.len() < self.examples {
            moved.examples.push(example);
        }
    }

    /// What was found.
    pub fn end(self) -> Report {
        let mut changes: Vec<_> = self.moved.into_values().collect();
        changes.sort_by_key(|moved| std::cmp::Reverse(moved.count));
        Report { changes, ..self.report }
    }
}
