//! What is known about models: limits, prices and what they take.
//!
//! Owns the facts and how overlays change them; which facts a program's model has is decided in
//! [`crate::resolve`].

mod read;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use model_map::{Effort, OutputLimitKey, Sampling};

pub use model_map::{Ability, Price};
pub use read::{EFFORTS, Problem, SectionPatch, effort, overlay};

/// The embedded sections. A section is parsed when a program first asks for it, so that the others
/// cost nothing at start.
const EMBEDDED: [Embedded; 2] = [
    Embedded {
        name: "anthropic",
        hosts: &["api.anthropic.com"],
        protocol: "anthropic",
        text: include_str!("../catalogue/anthropic.toml"),
    },
    Embedded {
        name: "openai",
        hosts: &["api.openai.com"],
        protocol: "openai",
        text: include_str!("../catalogue/openai.toml"),
    },
];

struct Embedded {
    name: &'static str,
    hosts: &'static [&'static str],
    protocol: &'static str,
    text: &'static str,
}

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
    /// The least thinking budget in tokens, where thinking is set by a budget.
    pub thinking_budget_min: Option<u32>,
    /// Whether it goes on from an assistant message at the end.
    pub prefill: Option<bool>,
    /// How a request names its output limit.
    pub output_limit_key: Option<OutputLimitKey>,
    /// What it costs.
    pub price: Price,
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
    /// The hosts that serve them.
    pub hosts: Vec<String>,
    /// The protocol whose default section this is.
    pub protocol: Option<String>,
    /// By the provider's own identifier.
    pub models: BTreeMap<String, Facts>,
}

/// The embedded facts under the overlays of `sfai.toml`.
#[derive(Debug, Default)]
pub struct Catalogue {
    overlays: BTreeMap<String, Section>,
    embedded: [OnceCell<Section>; EMBEDDED.len()],
}

impl Catalogue {
    /// The embedded facts with `sections` over them, key by key, the later winning.
    pub fn with(sections: impl IntoIterator<Item = (String, read::SectionPatch)>) -> Self {
        let mut catalogue = Self::default();
        for (name, patch) in sections {
            let base = match catalogue.overlays.remove(&name) {
                Some(section) => section,
                None => catalogue.embedded(&name).cloned().unwrap_or_default(),
            };
            catalogue.overlays.insert(name, patch.over(base));
        }
        catalogue
    }

    /// The section of a provider: by its name, else by its host, else by its protocol.
    pub fn section(&self, provider: &str, host: &str, protocol: &str) -> Option<&Section> {
        self.overlays
            .get(provider)
            .or_else(|| self.embedded(provider))
            .or_else(|| self.by(|hosts, _| hosts.contains(&host)))
            .or_else(|| self.by(|_, of| of == Some(protocol)))
    }

    fn by(&self, is_it: impl Fn(&[&str], Option<&str>) -> bool) -> Option<&Section> {
        let overlay = self.overlays.values().find(|section| {
            let hosts: Vec<&str> = section.hosts.iter().map(String::as_str).collect();
            is_it(&hosts, section.protocol.as_deref())
        });
        overlay.or_else(|| {
            let found = EMBEDDED.iter().find(|one| is_it(one.hosts, Some(one.protocol)))?;
            self.embedded(found.name)
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_texts_have_no_problem_and_agree_with_their_index() {
        for embedded in EMBEDDED {
            let (sections, problems) = overlay(embedded.text);
            assert_eq!(problems, vec![], "{}", embedded.name);
            let [(name, patch)] = sections.as_slice() else { panic!("one section a file") };
            let section = patch.clone().over(Section::default());
            assert_eq!(name, embedded.name);
            assert_eq!(section.hosts, embedded.hosts);
            assert_eq!(section.protocol.as_deref(), Some(embedded.protocol));
            assert!(section.models.len() > 20);
        }
    }

    #[test]
    fn a_section_is_found_by_name_then_host_then_protocol() {
        let catalogue = Catalogue::default();
        let of = |name, host, protocol| {
            catalogue.section(name, host, protocol).map(|s| s.protocol.clone().unwrap())
        };
        assert_eq!(of("anthropic", "x", "openai").as_deref(), Some("anthropic"));
        assert_eq!(of("mine", "api.anthropic.com", "openai").as_deref(), Some("anthropic"));
        assert_eq!(of("mine", "x", "openai").as_deref(), Some("openai"));
        assert_eq!(of("mine", "x", "bedrock"), None);
    }

    #[test]
    fn facts_are_those_of_the_providers() {
        let catalogue = Catalogue::default();
        let facts = |name: &str, id: &str| {
            catalogue.section(name, "", "").unwrap().models.get(id).cloned().unwrap()
        };
        let sonnet = facts("anthropic", "claude-sonnet-4-6");
        assert_eq!(sonnet.context, Some(1_000_000));
        assert_eq!(sonnet.sampling, Some(Sampling::One));
        assert_eq!((sonnet.prefill, sonnet.thinking_budget_min), (None, Some(1024)));
        assert_eq!(sonnet.price.input, Some(3_000_000));
        let haiku = facts("anthropic", "claude-haiku-4-5");
        assert_eq!((haiku.prefill, haiku.efforts), (Some(true), Some(BTreeSet::new())));
        let gpt = facts("openai", "gpt-5.4");
        assert_eq!(gpt.sampling, Some(Sampling::Refused));
        assert_eq!(gpt.output_limit_key, Some(OutputLimitKey::MaxCompletionTokens));
        assert_eq!(gpt.price.cache_read, Some(250_000));
    }

    #[test]
    fn an_overlay_changes_one_fact_and_keeps_the_others() {
        let (sections, problems) =
            overlay("[openai.models.\"gpt-5.4\"]\noutput = 5\n[mine.models.x]\n");
        assert_eq!(problems, vec![]);
        let catalogue = Catalogue::with(sections);
        let gpt = &catalogue.section("openai", "", "").unwrap().models["gpt-5.4"];
        assert_eq!((gpt.output, gpt.context), (Some(5), Some(1_050_000)));
        assert!(catalogue.section("mine", "", "").unwrap().models.contains_key("x"));
    }
}
