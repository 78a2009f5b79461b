//! Catalogue files as TOML.
//!
//! Owns their keys; what the facts mean is in the parent module.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model_map::{
    CallIds, Effort, EffortWithTools, ModelEndpoint, OutputLimitKey, PastReasoning, Sampling,
    SystemRole,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Ability, Deprecation, Facts, Price, Section, price};
pub use crate::toml_read::Problem;
use crate::toml_read::{
    boolean, count, document, small_count, string, strings, table, unknown_key,
};

const SECTION_KEYS: [&str; 6] =
    ["call_ids", "hosts", "models", "past_reasoning", "prefixes", "protocol"];

const MODEL_KEYS: [&str; 20] = [
    "accepts",
    "call_ids",
    "context",
    "deprecated",
    "effort_with_tools",
    "efforts",
    "embeds",
    "endpoints",
    "input",
    "output",
    "output_limit_key",
    "past_reasoning",
    "prefill",
    "price",
    "price_over",
    "sampling",
    "stop_sequences",
    "system_role",
    "system_turns",
    "thinking_budget_min",
];

/// What one file says about a section.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SectionPatch {
    hosts: Option<Vec<String>>,
    protocol: Option<String>,
    prefixes: Option<Vec<String>>,
    past_reasoning: Option<PastReasoning>,
    call_ids: Option<CallIds>,
    models: BTreeMap<String, Facts>,
}

impl SectionPatch {
    /// `base` with what this says in its place.
    pub fn over(self, mut base: Section) -> Section {
        base.hosts = self.hosts.unwrap_or(base.hosts);
        base.protocol = self.protocol.or(base.protocol);
        base.prefixes = self.prefixes.unwrap_or(base.prefixes);
        base.past_reasoning = self.past_reasoning.or(base.past_reasoning);
        base.call_ids = self.call_ids.or(base.call_ids);
        for (id, facts) in self.models {
            let under = base.models.remove(&id).unwrap_or_default();
            base.models.insert(id, facts.over(under));
        }
        base
    }
}

impl Facts {
    /// These facts, and those of `base` where these have none.
    pub fn over(self, base: Self) -> Self {
        // Whoever sets a price knows nothing of the tier that the old one had.
        let has_price = self.price != Price::default();
        Self {
            context: self.context.or(base.context),
            input: self.input.or(base.input),
            output: self.output.or(base.output),
            accepts: self.accepts.or(base.accepts),
            sampling: self.sampling.or(base.sampling),
            efforts: self.efforts.or(base.efforts),
            effort_with_tools: self.effort_with_tools.or(base.effort_with_tools),
            thinking_budget_min: self.thinking_budget_min.or(base.thinking_budget_min),
            prefill: self.prefill.or(base.prefill),
            output_limit_key: self.output_limit_key.or(base.output_limit_key),
            stop_sequences: self.stop_sequences.or(base.stop_sequences),
            system_role: self.system_role.or(base.system_role),
            system_turns: self.system_turns.or(base.system_turns),
            endpoints: self.endpoints.or(base.endpoints),
            past_reasoning: self.past_reasoning.or(base.past_reasoning),
            call_ids: self.call_ids.or(base.call_ids),
            embeds: self.embeds.or(base.embeds),
            price: self.price.over(base.price),
            price_over: self.price_over.or(base.price_over.filter(|_| !has_price)),
            deprecated: self.deprecated.or(base.deprecated),
        }
    }
}

/// Reads a catalogue: its sections in the order of their names, and what is wrong with it.
pub fn overlay(text: &str) -> (Vec<(String, SectionPatch)>, Vec<Problem>) {
    let mut problems = Vec::new();
    let document = document(text, &mut problems);
    let sections = document.get_ref().iter().filter_map(|(name, value)| {
        let patch = section(table(value, &mut problems)?, &mut problems);
        Some((name.get_ref().to_string(), patch))
    });
    let sections = sections.collect();
    (sections, problems)
}

/// Reads the facts of one model, given by their keys alone; none when anything is wrong with them.
pub(super) fn model(keys: &str) -> Option<Facts> {
    let mut problems = Vec::new();
    let facts = facts(document(keys, &mut problems).get_ref(), &mut problems);
    problems.is_empty().then(|| facts.over(Facts::default()))
}

fn section(keys: &DeTable<'_>, problems: &mut Vec<Problem>) -> SectionPatch {
    let mut patch = SectionPatch::default();
    for (key, value) in keys {
        match key.get_ref().as_ref() {
            "hosts" => patch.hosts = strings(value, problems).map(without_places),
            "prefixes" => patch.prefixes = strings(value, problems).map(without_places),
            "protocol" => patch.protocol = string(value, problems),
            "past_reasoning" => patch.past_reasoning = word(value, problems, past_reasoning),
            "call_ids" => patch.call_ids = word(value, problems, CallIds::from_name),
            "models" => {
                let models = table(value, problems).into_iter().flatten();
                patch.models = models
                    .filter_map(|(id, value)| {
                        let facts = facts(table(value, problems)?, problems);
                        Some((id.get_ref().to_string(), facts))
                    })
                    .collect();
            }
            other => problems.push(unknown_key(other, key.span(), &SECTION_KEYS)),
        }
    }
    patch
}

fn without_places(strings: Vec<(String, Range<usize>)>) -> Vec<String> {
    strings.into_iter().map(|(text, _)| text).collect()
}

fn facts(keys: &DeTable<'_>, problems: &mut Vec<Problem>) -> Facts {
    let mut facts = Facts::default();
    for (key, value) in keys {
        match key.get_ref().as_ref() {
            "context" => facts.context = count(value, problems),
            "input" => facts.input = count(value, problems),
            "output" => facts.output = count(value, problems),
            "accepts" => facts.accepts = words(value, problems, Ability::from_name),
            "sampling" => facts.sampling = word(value, problems, sampling),
            "efforts" => facts.efforts = words(value, problems, effort),
            "effort_with_tools" => facts.effort_with_tools = word(value, problems, with_tools),
            "stop_sequences" => facts.stop_sequences = small_count(value, problems),
            "system_role" => facts.system_role = word(value, problems, system_role),
            "system_turns" => facts.system_turns = boolean(value, problems),
            "endpoints" => facts.endpoints = words(value, problems, ModelEndpoint::from_name),
            "past_reasoning" => facts.past_reasoning = word(value, problems, past_reasoning),
            "call_ids" => facts.call_ids = word(value, problems, CallIds::from_name),
            "thinking_budget_min" => facts.thinking_budget_min = small_count(value, problems),
            "prefill" => facts.prefill = boolean(value, problems),
            "output_limit_key" => facts.output_limit_key = word(value, problems, limit_key),
            "embeds" => facts.embeds = boolean(value, problems),
            "price" => facts.price = price::read(value, problems),
            "price_over" => facts.price_over = price::read_over(value, problems),
            "deprecated" => facts.deprecated = deprecated(value, problems),
            other => problems.push(unknown_key(other, key.span(), &MODEL_KEYS)),
        }
    }
    facts
}

/// `true`, or the day as a string.
fn deprecated(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Deprecation> {
    if let Some(day) = value.get_ref().as_str() {
        return Some(Deprecation { on: Some(day.into()) });
    }
    boolean(value, problems)?.then_some(Deprecation { on: None })
}

fn word<T>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = string(value, problems)?;
    let found = read(&text);
    if found.is_none() {
        problems.push(unknown_word(&text, value.span()));
    }
    found
}

fn words<T: Ord>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<BTreeSet<T>> {
    let texts = strings(value, problems)?;
    let found = texts.into_iter().filter_map(|(text, place)| {
        let found = read(&text);
        if found.is_none() {
            problems.push(unknown_word(&text, place));
        }
        found
    });
    Some(found.collect())
}

fn unknown_word(text: &str, place: Range<usize>) -> Problem {
    let help = "see \"What is known of a model\" in docs/catalogue.md";
    Problem::new(place, format!("`{text}` is not a value here"), help)
}

fn sampling(word: &str) -> Option<Sampling> {
    match word {
        "any" => Some(Sampling::Any),
        "one" => Some(Sampling::One),
        "refused" => Some(Sampling::Refused),
        _ => None,
    }
}

fn limit_key(word: &str) -> Option<OutputLimitKey> {
    match word {
        "max_tokens" => Some(OutputLimitKey::MaxTokens),
        "max_completion_tokens" => Some(OutputLimitKey::MaxCompletionTokens),
        _ => None,
    }
}

fn system_role(word: &str) -> Option<SystemRole> {
    [SystemRole::System, SystemRole::Developer].into_iter().find(|role| role.name() == word)
}

fn past_reasoning(word: &str) -> Option<PastReasoning> {
    [PastReasoning::Taken, PastReasoning::Refused].into_iter().find(|it| it.name() == word)
}

fn with_tools(word: &str) -> Option<EffortWithTools> {
    [EffortWithTools::Taken, EffortWithTools::Refused].into_iter().find(|it| it.name() == word)
}

/// The word of a way to take sampling parameters.
pub const fn sampling_name(sampling: Sampling) -> &'static str {
    match sampling {
        Sampling::Any => "any",
        Sampling::One => "one",
        Sampling::Refused => "refused",
    }
}

/// The word of a way to name the output limit.
pub const fn limit_key_name(key: OutputLimitKey) -> &'static str {
    match key {
        OutputLimitKey::MaxTokens => "max_tokens",
        OutputLimitKey::MaxCompletionTokens => "max_completion_tokens",
    }
}

/// The effort of a word.
pub fn effort(word: &str) -> Option<Effort> {
    EFFORTS.into_iter().find(|(_, name)| *name == word).map(|(effort, _)| effort)
}

/// Every effort with its word, rising.
pub const EFFORTS: [(Effort, &str); 7] = [
    (Effort::None, "none"),
    (Effort::Minimal, "minimal"),
    (Effort::Low, "low"),
    (Effort::Medium, "medium"),
    (Effort::High, "high"),
    (Effort::Xhigh, "xhigh"),
    (Effort::Max, "max"),
];
