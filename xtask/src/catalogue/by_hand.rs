//! What people add: the sections and the corrections of `by_hand.toml`.
//!
//! Owns that file's shape and which models a correction concerns.

use model_map::glob_matches;
use serde::Deserialize;

use super::fact::Facts;
use super::source::{Model, Source};
use crate::trouble::Trouble;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByHand {
    #[serde(rename = "section")]
    pub(super) sections: Vec<Section>,
    #[serde(rename = "correction", default)]
    corrections: Vec<Correction>,
}

/// A provider of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) name: String,
    /// Its name in the source.
    pub(super) from: String,
    pub(super) protocol: Option<String>,
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    pub(super) prefixes: Vec<String>,
    pub(super) past_reasoning: Option<String>,
    pub(super) call_ids: Option<String>,
}

/// What the source lacks or has otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    /// Where it is known from.
    source: String,
    /// The sections that it concerns.
    sections: Vec<String>,
    /// Globs over identifiers.
    models: Vec<String>,
    /// Only models that reason, or only those that do not.
    reasoning: Option<bool>,
    #[serde(default)]
    set: Set,
    /// Abilities.
    #[serde(default)]
    add: Vec<Ability>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Set {
    deprecated: Option<String>,
    effort_with_tools: Option<String>,
    efforts: Option<Vec<String>>,
    embeds: Option<bool>,
    endpoints: Option<Vec<String>>,
    output_limit_key: Option<String>,
    prefill: Option<bool>,
    sampling: Option<String>,
    stop_sequences: Option<u32>,
    system_role: Option<String>,
    system_turns: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ability {
    Json,
}

impl ByHand {
    /// The facts of a model with every correction that concerns it.
    pub(super) fn correct(&self, section: &str, id: &str, model: &Model) -> Facts {
        let concerns = |one: &&Correction| one.concerns(section, id, model);
        let mut facts = Facts::of(model);
        for correction in self.corrections.iter().filter(concerns) {
            correction.apply(&mut facts);
        }
        facts
    }

    /// A correction that concerns nothing hides a misspelt or vanished model.
    pub(super) fn find_stale(&self, source: &Source) -> Result<(), Trouble> {
        for correction in &self.corrections {
            for pattern in &correction.models {
                if !self.is_of_use(pattern, correction, source)? {
                    let why = format!("no model is `{pattern}` any more ({})", correction.source);
                    return Err(Trouble::new("apply a correction of by_hand.toml", why));
                }
            }
        }
        Ok(())
    }

    fn is_of_use(
        &self,
        pattern: &str,
        correction: &Correction,
        source: &Source,
    ) -> Result<bool, Trouble> {
        for section in &self.sections {
            let mut models = source.provider(&section.from)?.iter();
            let is_of_use = models.any(|(id, model)| {
                model.is_of_text()
                    && glob_matches(pattern, id)
                    && correction.concerns(&section.name, id, model)
            });
            if is_of_use {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Correction {
    fn concerns(&self, section: &str, id: &str, model: &Model) -> bool {
        self.sections.iter().any(|name| name == section)
            && self.models.iter().any(|pattern| glob_matches(pattern, id))
            && self.reasoning.is_none_or(|reasons| reasons == model.reasoning)
    }

    fn apply(&self, facts: &mut Facts) {
        let set = &self.set;
        replace(&mut facts.sampling, &set.sampling);
        replace(&mut facts.efforts, &set.efforts);
        replace(&mut facts.prefill, &set.prefill);
        replace(&mut facts.output_limit_key, &set.output_limit_key);
        replace(&mut facts.endpoints, &set.endpoints);
        replace(&mut facts.stop_sequences, &set.stop_sequences);
        replace(&mut facts.system_role, &set.system_role);
        replace(&mut facts.system_turns, &set.system_turns);
        replace(&mut facts.effort_with_tools, &set.effort_with_tools);
        let day = set.deprecated.as_ref().map(|day| format!("\"{day}\""));
        replace(&mut facts.deprecated, &day);
        if set.embeds == Some(true) {
            facts.embeds = set.embeds;
            // It has one of its own, and what is said of answers does not concern it.
            (facts.output, facts.endpoints, facts.stop_sequences) = (None, None, None);
        }
        for Ability::Json in &self.add {
            if !facts.accepts.contains(&"json") {
                facts.accepts.push("json");
            }
        }
    }
}

fn replace<T: Clone>(slot: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        slot.clone_from(value);
    }
}
