//! The types of `model_map.json`, format 1.
//!
//! Owns the shape alone: what a well-shaped map must also satisfy is in [`crate::load`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::FailureClass;

/// The only format this version reads and writes.
pub const FORMAT: u32 = 1;

/// A compiled program: every chain resolved, no alias and no inheritance left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelMap {
    /// `sha256:` and 64 hex digits, over the canonical content without `digest` and `sources`.
    pub digest: String,
    /// The environment that it was compiled for.
    pub env: String,
    /// The version of this format: 1.
    pub format: u32,
    /// By `provider/model-id`.
    pub models: BTreeMap<String, Model>,
    /// Prompt texts by [`crate::prompt_id`], each stored once.
    pub prompts: BTreeMap<String, String>,
    /// By name.
    pub providers: BTreeMap<String, Provider>,
    /// By the name that clients ask for in `"model"`.
    pub roles: BTreeMap<String, Role>,
    /// Where things were written; not part of the digest.
    #[serde(default)]
    pub sources: Sources,
}

/// Where upstream requests of some models go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Whether a plain-http address other than loopback is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_plain_http: bool,
    /// Where its key is found; none for servers that need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// Without a slash at its end; the protocol's path is appended.
    pub base_url: String,
    /// Extra request headers, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Open upstream requests at once; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// The dialect that it speaks.
    pub protocol: Protocol,
}

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The Messages API; `base_url` is the host, without `/v1`.
    Anthropic,
    /// Chat Completions; `base_url` ends in `/v1` where the server's does.
    Openai,
}

/// The name of a key, never the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ApiKey {
    /// An environment variable.
    Env(String),
    /// A secret's path, such as `/sfai/dev/OPENAI_API_KEY`.
    Secret(String),
}

/// A model and the facts that shape requests to it. An absent fact is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Input and output together, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// The values of `reasoning_effort` that it takes, if it has such a setting.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub efforts: BTreeSet<Effort>,
    /// The provider's own identifier.
    pub id: String,
    /// How an OpenAI-style request names its output limit.
    #[serde(default, skip_serializing_if = "OutputLimitKey::is_default")]
    pub output_limit_key: OutputLimitKey,
    /// The most that one answer may hold, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Whether a conversation may end in an assistant message that the model goes on from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefill: bool,
    /// The provider's name in the map.
    pub provider: String,
    /// Which sampling parameters it takes.
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// Whether it takes a JSON schema for its answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub structured_output: bool,
    /// The least thinking budget in tokens, where thinking is set by a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_budget_min: Option<u32>,
}

/// Which of `temperature` and `top_p` a model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Both, or unknown.
    #[default]
    Any,
    /// One of them in a request.
    One,
    /// None.
    Refused,
}

impl Sampling {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The name of the output limit in an OpenAI-style request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputLimitKey {
    /// `max_tokens`: what most compatible servers know.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's reasoning models insist on.
    MaxCompletionTokens,
}

impl OutputLimitKey {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A level of `reasoning_effort`, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the providers' own values")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// What a client gets that asks for a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Tried in order, the first that holds decides. In format 1 there is exactly one.
    pub arms: Vec<Arm>,
    /// Request parameters for clients that do not set them.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub parameters: Parameters,
    /// Tries on the same link before the next one.
    pub retry: Retry,
    /// Ids in `prompts`, put before the client's own system messages in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<String>,
    /// When to give up.
    pub timeouts: Timeouts,
}

/// One way through a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The first link is tried first; at least one.
    pub chain: Vec<Link>,
}

/// One place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// A key of `models`.
    pub model: String,
}

/// Defaults of request parameters. An absent one is left to the client or the provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Whether the role sets none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Retries on one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries beyond the first, on each link.
    pub count: u32,
    /// The longest back-off before jitter.
    #[serde(rename = "max_backoff_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_backoff: Duration,
    /// The first back-off before jitter; it doubles from there.
    #[serde(rename = "min_backoff_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub min_backoff: Duration,
    /// The failures that are retried: classes for which [`FailureClass::is_retryable`] holds.
    pub on: BTreeSet<FailureClass>,
}

impl Default for Retry {
    /// No retry; the back-off that `retry` has when it names none.
    fn default() -> Self {
        Self {
            count: 0,
            max_backoff: Duration::from_secs(5),
            min_backoff: Duration::from_millis(200),
            on: BTreeSet::new(),
        }
    }
}

/// When to give up, all from before the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS of one attempt; lies inside `first_token`.
    #[serde(rename = "connect_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connect: Duration,
    /// From an attempt's start to its first content, reasoning or tool delta.
    #[serde(rename = "first_token_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub first_token: Duration,
    /// Between two events of a stream.
    #[serde(rename = "idle_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub idle: Duration,
    /// The whole request, all attempts and back-off included.
    #[serde(rename = "total_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub total: Duration,
}

impl Default for Timeouts {
    /// The language's built-in values.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_token: Duration::from_secs(20),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}

/// Positions (`routes/backend.sfr:38`) in the program that the map was compiled from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// By role: the position of each of its arms, in their order.
    #[serde(default)]
    pub arms: BTreeMap<String, Vec<String>>,
    /// By role: where it is declared.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// A [`Duration`] as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
