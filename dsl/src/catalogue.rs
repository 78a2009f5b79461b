//! What is known about models: limits, prices and what they take.
//!
//! Owns the facts and how overlays change them; which facts a program's model has is decided in
//! [`crate::resolve`].

mod embedded;
mod price;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use model_map::{
    CallIds, Effort, EffortWithTools, ModelEndpoint, OutputLimitKey, PastReasoning, Sampling,
    SystemRole, glob_matches,
};

use embedded::EMBEDDED;
pub use model_map::{Ability, Price, PriceOver};
pub use read::{EFFORTS, Problem, SectionPatch, effort, limit_key_name, overlay, sampling_name};

/// The facts of one model. An absent one is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Input and output together, in tokens.
    pub context: Option<u64>,
    /// The most input, in tokens, where it is less than `context`.
    pub input: Option<u64>,
    /// The most output, in tokens.
    pub output: Option<u64>,
    /// What a request may hold beside text, and `json`: a schema for the answer.
    pub accepts: Option<BTreeSet<Ability>>,
    /// Which sampling parameters it takes.
    pub sampling: Option<Sampling>,
    /// The values of `reasoning_effort`; empty if it takes none.
    pub efforts: Option<BTreeSet<Effort>>,
    /// What its server does with an effort beside tools in a chat.
    pub effort_with_tools: Option<EffortWithTools>,
    /// The least thinking budget in tokens, where thinking is set by a budget.
    pub thinking_budget_min: Option<u32>,
    /// Whether it goes on from an assistant message at the end.
    pub prefill: Option<bool>,
    /// How a request names its output limit.
    pub output_limit_key: Option<OutputLimitKey>,
    /// The most stop sequences that a request may have.
    pub stop_sequences: Option<u32>,
    /// Whose an OpenAI-style request's instructions are.
    pub system_role: Option<SystemRole>,
    /// Whether instructions may stand among the turns of a Messages request.
    pub system_turns: Option<bool>,
    /// What an OpenAI-style provider can be asked for with it.
    pub endpoints: Option<BTreeSet<ModelEndpoint>>,
    /// What its server does with reasoning that is sent back.
    pub past_reasoning: Option<PastReasoning>,
    /// Which ids of calls its server takes in a chat.
    pub call_ids: Option<CallIds>,
    /// Whether it turns text into vectors instead of answering.
    pub embeds: Option<bool>,
    /// What it costs.
    pub price: Price,
    /// What it costs instead when the input is long, where that differs.
    pub price_over: Option<PriceOver>,
    /// Whether, and if known when, the provider retires it.
    pub deprecated: Option<Deprecation>,
}

/// That a provider retires a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecation {
    /// The day, `2026-10-22`, where it is known.
    pub on: Option<String>,
}

/// The models of one provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// The hosts that serve them, as globs: `bedrock-runtime.*.amazonaws.com`.
    pub hosts: Vec<String>,
    /// The protocol whose default section this is.
    pub protocol: Option<String>,
    /// What may stand before an identifier without making it another model: `us.`.
    pub prefixes: Vec<String>,
    /// What its servers do with reasoning that is sent back, whichever the model.
    pub past_reasoning: Option<PastReasoning>,
    /// Which ids of calls its servers take in a chat, whichever the model.
    pub call_ids: Option<CallIds>,
    /// By the provider's own identifier.
    pub models: BTreeMap<String, Facts>,
}

impl Section {
    /// The facts of an identifier: its own, else those of what follows its prefix. A model that a
    /// region sells under a prefix of its own may have a price of its own.
    pub fn model(&self, id: &str) -> Option<&Facts> {
        self.models.get(id).or_else(|| {
            let base = self.without_prefix(id)?;
            self.models.get(base).filter(|_| self.without_prefix(base).is_none())
        })
    }

    fn without_prefix<'i>(&self, id: &'i str) -> Option<&'i str> {
        self.prefixes.iter().find_map(|prefix| id.strip_prefix(prefix.as_str()))
    }

    fn is_served_by(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| glob_matches(pattern, host))
    }
}

/// The embedded facts under the overlays of `sfai.toml`.
#[derive(Debug, Default)]
pub struct Catalogue {
    overlays: BTreeMap<String, Section>,
    embedded: [OnceLock<Section>; EMBEDDED.len()],
}

impl Catalogue {
    /// The embedded facts with `sections` over them, key by key, the later winning.
    pub fn with(sections: impl IntoIterator<Item = (String, read::SectionPatch)>) -> Self {
        let mut catalogue = Self::default();
        for (name, patch) in sections {
            let name = embedded::own_name(&name).unwrap_or(&name);
            let base = match catalogue.overlays.remove(name) {
                Some(section) => section,
                None => catalogue.embedded(name).cloned().unwrap_or_default(),
            };
            catalogue.overlays.insert(name.to_owned(), patch.over(base));
        }
        catalogue
    }

    /// The section of a provider: by its name, else by its host, else by its protocol.
    pub fn section(&self, provider: &str, host: &str, protocol: &str) -> Option<&Section> {
        match self.found(provider, host, protocol)? {
            Found::Overlay(section) => Some(section),
            Found::Embedded(name) => self.embedded(name),
        }
    }

    /// The facts of a model in a provider's [`section`](Self::section). Of an embedded one only
    /// this model is read where that will do: a check asks for a few of hundreds.
    pub fn model(&self, provider: &str, host: &str, protocol: &str, id: &str) -> Option<Facts> {
        match self.found(provider, host, protocol)? {
            Found::Overlay(section) => section.model(id).cloned(),
            Found::Embedded(name) => embedded::model(name, id)
                .or_else(|| self.embedded(name).and_then(|section| section.model(id)).cloned()),
        }
    }

    /// What a provider's servers take, whichever the model: past reasoning and ids of calls. A
    /// section that is found by the protocol alone is another provider's.
    pub fn server(&self, provider: &str, host: &str) -> Facts {
        let (past_reasoning, call_ids) = match self.found_server(provider, host) {
            Some(Found::Overlay(section)) => (section.past_reasoning, section.call_ids),
            Some(Found::Embedded(name)) => {
                (embedded::past_reasoning(name), embedded::call_ids(name))
            }
            None => (embedded::past_reasoning_of_host(&host.to_ascii_lowercase()), None),
        };
        Facts { past_reasoning, call_ids, ..Facts::default() }
    }

    fn found(&self, provider: &str, host: &str, protocol: &str) -> Option<Found<'_>> {
        self.found_server(provider, host).or_else(|| {
            let is_default = |one: &&Section| one.protocol.as_deref() == Some(protocol);
            let overlay = self.overlays.values().find(is_default);
            let built_in = || self.found_by_name(embedded::name_of_protocol(protocol)?);
            overlay.map(Found::Overlay).or_else(built_in)
        })
    }

    fn found_server(&self, provider: &str, host: &str) -> Option<Found<'_>> {
        let host = host.to_ascii_lowercase();
        self.found_by_name(embedded::own_name(provider).unwrap_or(provider)).or_else(|| {
            let overlay = self.overlays.values().find(|one| one.is_served_by(&host));
            let built_in = || self.found_by_name(embedded::name_of_host(&host)?);
            overlay.map(Found::Overlay).or_else(built_in)
        })
    }

    fn found_by_name(&self, name: &str) -> Option<Found<'_>> {
        let overlay = self.overlays.get(name).map(Found::Overlay);
        overlay.or_else(|| embedded::own_name(name).map(Found::Embedded))
    }

    /// Every section with its name, in the order of the names.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        let built_in = EMBEDDED.iter().map(|one| one.name);
        let names: BTreeSet<&str> =
            self.overlays.keys().map(String::as_str).chain(built_in).collect();
        names.into_iter().filter_map(|name| Some((name, self.named(name)?)))
    }

    fn named(&self, name: &str) -> Option<&Section> {
        self.overlays.get(name).or_else(|| self.embedded(name))
    }

    fn embedded(&self, name: &str) -> Option<&Section> {
        let (source, parsed) = EMBEDDED.iter().zip(&self.embedded).find(|(e, _)| e.name == name)?;
        // The embedded texts are held free of problems by a test.
        Some(parsed.get_or_init(|| {
            let patches = overlay(source.text).0;
            let own = patches.into_iter().find(|(section, _)| section == name);
            own.map(|(_, patch)| patch.over(Section::default())).unwrap_or_default()
        }))
    }
}

/// Where a section is.
enum Found<'c> {
    Overlay(&'c Section),
    /// By its own name.
    Embedded(&'static str),
}

#[cfg(test)]
mod tests;
