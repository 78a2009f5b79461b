//! The types of a role in `model_map.json`.
//!
//! Owns the shape alone: which way a request takes through a role is [`crate::plan`]'s.

mod timing;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::failure::FailureClass;
use crate::map::{Ability, Effort};

use timing::optional_milliseconds;
pub use timing::{Retry, TimeoutChanges, Timeouts};

/// What a client gets that asks for a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What it promises to take: `image`, `json`, `tools`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accept: BTreeSet<Ability>,
    /// Tried in order, the first that holds decides; they cover every request.
    pub arms: Vec<Arm>,
    /// What the audit record holds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub audit: Audit,
    /// Where the provider is asked to cache the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheBreakpoint>,
    /// When the answer begins to be sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub commit: Commit,
    /// Request parameters that are taken out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deny: BTreeSet<String>,
    /// The failures after which the next link is taken.
    #[serde(default = "usual_fallback", skip_serializing_if = "is_usual_fallback")]
    pub fallback_on: BTreeSet<FailureClass>,
    /// Changes for some requests: all whose condition holds apply, in order, the later winning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
    /// When the next link is started beside one that has shown no token.
    #[serde(
        default,
        rename = "hedge_after_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub hedge_after: Option<Duration>,
    /// Upper bounds of what clients may set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Request parameters for clients that do not set them.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub parameters: Parameters,
    /// Whether a broken answer is continued by another link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// Tries on the same link before the next one.
    pub retry: Retry,
    /// Whether what a link cannot take is refused instead of dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Its prompt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub system: System,
    /// When to give up.
    pub timeouts: Timeouts,
}

impl Role {
    /// A role of these arms and with nothing else but what is built in.
    pub fn of(arms: Vec<Arm>) -> Self {
        Self {
            about: None,
            accept: BTreeSet::new(),
            arms,
            audit: Audit::default(),
            cache: None,
            commit: Commit::default(),
            deny: BTreeSet::new(),
            fallback_on: usual_fallback(),
            guards: Vec::new(),
            hedge_after: None,
            limits: Limits::default(),
            parameters: Parameters::default(),
            resume: false,
            retry: Retry::default(),
            strict: false,
            system: System::default(),
            timeouts: Timeouts::default(),
        }
    }

    /// Every condition of its arms and guards.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let arms = self.arms.iter().filter_map(|arm| arm.when.as_ref());
        arms.chain(self.guards.iter().map(|guard| &guard.when))
    }
}

/// The classes that lead to the next link unless a role says otherwise.
pub fn usual_fallback() -> BTreeSet<FailureClass> {
    FailureClass::ALL.into_iter().filter(|class| class.falls_back()).collect()
}

fn is_usual_fallback(on: &BTreeSet<FailureClass>) -> bool {
    *on == usual_fallback()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One way through a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The first link is tried first, after the one that was drawn; at least one where nothing is
    /// drawn.
    pub chain: Vec<Link>,
    /// One of these comes before the chain, by its share; none, or two and more that add up to
    /// 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draw: Vec<Share>,
    /// When this arm is taken; absent for one that takes every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Arm {
    /// An arm that takes every request.
    pub fn always(chain: Vec<Link>) -> Self {
        Self { chain, draw: Vec::new(), when: None }
    }
}

/// One place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// A key of `models`.
    pub model: String,
}

/// A first link that some of the requests get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// A key of `models`.
    pub model: String,
    /// How many of a hundred.
    pub percent: u32,
}

/// Changes for requests that a condition holds for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Laid over the role's, key by key.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub parameters: Parameters,
    /// In place of the role's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Laid over the role's, key by key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeouts: TimeoutChanges,
    /// For which requests.
    pub when: Condition,
}

/// How a role's prompt is made and where it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct System {
    /// How it meets the client's own system and developer messages.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: SystemMode,
    /// Ids in `prompts`, in this order.
    pub prompts: Vec<String>,
}

/// How a role's prompt meets the client's own system and developer messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SystemMode {
    /// After them.
    Append,
    /// Before them.
    #[default]
    Prepend,
    /// In their place.
    Replace,
}

/// What the audit record of a request holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Audit {
    /// What was asked and answered, too.
    Full,
    /// Everything but the words.
    #[default]
    Metadata,
    /// Nothing: no record.
    Off,
}

/// Up to where the provider is asked to cache the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CacheBreakpoint {
    /// Up to the last message.
    Conversation,
    /// Up to the end of the system prompt and the tools.
    System,
}

/// When the answer begins to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// When it is complete: every failure is rescued, nothing is streamed.
    Complete,
    /// With its first content, reasoning or tool delta.
    #[default]
    FirstToken,
    /// With the provider's response headers: fastest, and only what fails before them is rescued.
    Headers,
}

/// Upper bounds of request parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The answer's limit in tokens, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

/// Defaults of request parameters. An absent one is left to the client or the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The answer's limit in tokens, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How hard to think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<Effort>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Above 0, to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
}

impl Parameters {
    /// With those that `changes` names in place of its own.
    pub fn with(self, changes: &Self) -> Self {
        Self {
            max_tokens: changes.max_tokens.or(self.max_tokens),
            reasoning_effort: changes.reasoning_effort.or(self.reasoning_effort),
            temperature: changes.temperature.or(self.temperature),
            top_p: changes.top_p.or(self.top_p),
        }
    }

    /// Whether the role sets none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
