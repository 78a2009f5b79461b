//! The sections that are part of the program, and what they are found by.
//!
//! Owns the index; the facts are in `catalogue/*.toml`, which `cargo xtask catalogue` writes. A
//! section is parsed when a program first asks for it, so that the others cost nothing at start;
//! therefore hosts and protocols stand here, too, and a test holds both to each other.

use model_map::{CallIds, PastReasoning, glob_matches};

use super::Facts;
use super::read::model as model_of;

/// One section.
pub(super) struct Embedded {
    pub(super) name: &'static str,
    /// What people call the provider beside that.
    pub(super) other_names: &'static [&'static str],
    pub(super) hosts: &'static [&'static str],
    pub(super) protocol: Option<&'static str>,
    pub(super) past_reasoning: Option<PastReasoning>,
    pub(super) call_ids: Option<CallIds>,
    pub(super) text: &'static str,
}

pub(super) const EMBEDDED: [Embedded; 8] = [
    Embedded {
        name: "anthropic",
        other_names: &["claude"],
        hosts: &["api.anthropic.com"],
        protocol: Some("anthropic"),
        past_reasoning: None,
        call_ids: None,
        text: include_str!("../../catalogue/anthropic.toml"),
    },
    Embedded {
        name: "bedrock",
        other_names: &["amazon-bedrock", "aws-bedrock"],
        hosts: &[
            "bedrock-runtime.*.amazonaws.com",
            "bedrock-runtime-fips.*.amazonaws.com",
            "bedrock-runtime.*.api.aws",
            "bedrock-mantle.*.api.aws",
        ],
        protocol: Some("bedrock"),
        past_reasoning: None,
        call_ids: None,
        text: include_str!("../../catalogue/bedrock.toml"),
    },
    Embedded {
        name: "deepseek",
        other_names: &[],
        hosts: &["api.deepseek.com"],
        protocol: None,
        past_reasoning: None,
        call_ids: None,
        text: include_str!("../../catalogue/deepseek.toml"),
    },
    Embedded {
        name: "google",
        other_names: &["gemini"],
        hosts: &["generativelanguage.googleapis.com"],
        protocol: None,
        past_reasoning: None,
        call_ids: None,
        text: include_str!("../../catalogue/google.toml"),
    },
    Embedded {
        name: "groq",
        other_names: &[],
        hosts: &["api.groq.com"],
        protocol: None,
        past_reasoning: Some(PastReasoning::Refused),
        call_ids: None,
        text: include_str!("../../catalogue/groq.toml"),
    },
    Embedded {
        name: "mistral",
        other_names: &["mistralai"],
        hosts: &["api.mistral.ai", "codestral.mistral.ai"],
        protocol: None,
        past_reasoning: Some(PastReasoning::Refused),
        call_ids: Some(CallIds::Nine),
        text: include_str!("../../catalogue/mistral.toml"),
    },
    Embedded {
        name: "openai",
        other_names: &[],
        hosts: &["api.openai.com", "*.api.openai.com", "*.openai.azure.com"],
        protocol: Some("openai"),
        past_reasoning: Some(PastReasoning::Refused),
        call_ids: None,
        text: include_str!("../../catalogue/openai.toml"),
    },
    Embedded {
        name: "xai",
        other_names: &["grok"],
        hosts: &["api.x.ai", "*.api.x.ai"],
        protocol: None,
        past_reasoning: None,
        call_ids: None,
        text: include_str!("../../catalogue/xai.toml"),
    },
];

/// The section's own name, if `name` is one of its names.
pub(super) fn own_name(name: &str) -> Option<&'static str> {
    first(|one| one.name == name || one.other_names.contains(&name))
}

/// The section that a host serves.
pub(super) fn name_of_host(host: &str) -> Option<&'static str> {
    first(|one| one.hosts.iter().any(|pattern| glob_matches(pattern, host)))
}

/// Hosts of no section whose servers refuse messages that hold reasoning.
const REFUSE_REASONING: [&str; 1] = ["api.cerebras.ai"];

/// What a host of no section does with reasoning that is sent back.
pub(super) fn past_reasoning_of_host(host: &str) -> Option<PastReasoning> {
    REFUSE_REASONING.contains(&host).then_some(PastReasoning::Refused)
}

/// What the servers of a section do with reasoning that is sent back.
pub(super) fn past_reasoning(section: &str) -> Option<PastReasoning> {
    EMBEDDED.iter().find(|one| one.name == section)?.past_reasoning
}

/// Which ids of calls the servers of a section take.
pub(super) fn call_ids(section: &str) -> Option<CallIds> {
    EMBEDDED.iter().find(|one| one.name == section)?.call_ids
}

/// The default section of a protocol.
pub(super) fn name_of_protocol(protocol: &str) -> Option<&'static str> {
    first(|one| one.protocol == Some(protocol))
}

/// The facts of the model that stands under this very identifier, read without the rest of its
/// section; none where there is no such.
pub(super) fn model(section: &str, id: &str) -> Option<Facts> {
    if id.contains(['"', '\\']) {
        return None;
    }
    let text = EMBEDDED.iter().find(|one| one.name == section)?.text;
    let (_, rest) = text.split_once(&format!("\n[{section}.models.\"{id}\"]\n"))?;
    let keys = rest.find("\n[").map_or(Some(rest), |end| rest.get(..end))?;
    model_of(keys)
}

fn first(is_it: impl Fn(&Embedded) -> bool) -> Option<&'static str> {
    EMBEDDED.iter().find(|one| is_it(one)).map(|one| one.name)
}
