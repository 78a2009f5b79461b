//! The types of `model_map.json`, format 1.
//!
//! Owns the shape alone: what a well-shaped map must also satisfy is in [`crate::load`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::price::{Price, PriceOver, price_at};
use crate::role::Role;

/// The only format this version reads and writes.
pub const FORMAT: u32 = 1;

/// A compiled program: every chain resolved, no alias and no inheritance left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelMap {
    /// By name; when there is none, the router's own settings say who may call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, Client>,
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
    /// Without a slash at its end; the protocol's path is appended. Only `bedrock` and `demo` may
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
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
    /// Amazon Bedrock's Converse API, in the region of the function or of `base_url`.
    Bedrock,
    /// The router's own built-in upstream, which answers without a model.
    Demo,
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
    /// What a request may hold beside text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<BTreeSet<Ability>>,
    /// Which ids of calls its server takes in an OpenAI-style chat.
    #[serde(default, skip_serializing_if = "CallIds::is_default")]
    pub call_ids: CallIds,
    /// Input and output together, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// What its server does with an effort beside tools in a chat.
    #[serde(default, skip_serializing_if = "EffortWithTools::is_default")]
    pub effort_with_tools: EffortWithTools,
    /// The values of `reasoning_effort` that it takes, if it has such a setting.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub efforts: BTreeSet<Effort>,
    /// Whether nobody says which efforts it takes, if any: then it is asked for what a client wants.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub efforts_unknown: bool,
    /// What its provider can be asked for with it, where that is known: an OpenAI-style one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<BTreeSet<ModelEndpoint>>,
    /// The provider's own identifier.
    pub id: String,
    /// The most input, in tokens, where it is less than `context_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// How an OpenAI-style request names its output limit.
    #[serde(default, skip_serializing_if = "OutputLimitKey::is_default")]
    pub output_limit_key: OutputLimitKey,
    /// The most that one answer may hold, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What its server does with reasoning that an OpenAI-style request sends back.
    #[serde(default, skip_serializing_if = "PastReasoning::is_default")]
    pub past_reasoning: PastReasoning,
    /// Whether a conversation may end in an assistant message that the model goes on from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefill: bool,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Price::is_unknown")]
    pub price: Price,
    /// What it costs when the input is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_over: Option<PriceOver>,
    /// The provider's name in the map.
    pub provider: String,
    /// Which sampling parameters it takes.
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// The most stop sequences that a request may have; 0 where it may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_sequences: Option<u32>,
    /// Whose an OpenAI-style request's instructions are.
    #[serde(default, skip_serializing_if = "SystemRole::is_default")]
    pub system_role: SystemRole,
    /// Whether instructions may stand among the turns of a Messages request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system_turns: bool,
    /// The least thinking budget in tokens, where thinking is set by a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_budget_min: Option<u32>,
}

impl Model {
    /// The most input that it takes, in tokens, if that is known.
    pub fn input_window(&self) -> Option<u64> {
        match (self.input_tokens, self.context_tokens) {
            (Some(input), Some(context)) => Some(input.min(context)),
            (input, context) => input.or(context),
        }
    }

    /// What a request with so much input pays.
    pub fn price_at(&self, input_tokens: u64) -> Price {
        price_at(self.price, self.price_over, input_tokens)
    }

    /// Whether it is known which efforts it takes, if any. Of a model without any fact it is not,
    /// whatever its map says.
    pub fn tells_efforts(&self) -> bool {
        let is_known = self.context_tokens.is_some() || self.output_tokens.is_some();
        is_known && !self.efforts_unknown
    }

    /// Whether it is known to lack an endpoint.
    pub fn lacks(&self, endpoint: ModelEndpoint) -> bool {
        self.endpoints.as_ref().is_some_and(|those| !those.contains(&endpoint))
    }

    /// Whether it is known to take requests with this.
    pub fn accepts(&self, ability: Ability) -> bool {
        self.accepts.as_ref().is_some_and(|those| those.contains(&ability))
    }
}

/// What a model can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Pictures.
    Image,
    /// Schemas for the answer.
    Json,
    /// PDF documents.
    Pdf,
    /// Tools.
    Tools,
}

impl Ability {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Image, Self::Json, Self::Pdf, Self::Tools];

    /// The word in `.sfr` files and catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Json => "json",
            Self::Pdf => "pdf",
            Self::Tools => "tools",
        }
    }

    /// The ability of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ability| ability.name() == name)
    }
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

/// The role of the messages that instruct a model in an OpenAI-style request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SystemRole {
    /// `system`: what every server knows.
    #[default]
    System,
    /// `developer`: what OpenAI's reasoning models make of `system`, and do not take beside it.
    Developer,
}

impl SystemRole {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The role as messages have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
        }
    }
}

/// The ids of calls, and of their results, that an OpenAI-style server takes in a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallIds {
    /// Those of every maker, or nobody knows.
    #[default]
    Any,
    /// Nine letters or digits: what Mistral's servers, and those with its tokenizer, insist on
    /// ("Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9.").
    Nine,
}

impl CallIds {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Any, Self::Nine];

    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The word in `.sfr` files and catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Nine => "nine",
        }
    }

    /// What a word means.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ids| ids.name() == name)
    }
}

/// What an OpenAI-style server does with messages that hold reasoning of former turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PastReasoning {
    /// It reads it or leaves it unread, or nobody knows.
    #[default]
    Taken,
    /// It refuses the request.
    Refused,
}

impl PastReasoning {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The word in `.sfr` files and catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
        }
    }
}

/// What an OpenAI-style server does with `reasoning_effort` beside tools in a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffortWithTools {
    /// It takes both, or nobody knows.
    #[default]
    Taken,
    /// It refuses the request unless the effort is `none`.
    Refused,
}

impl EffortWithTools {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The word in `.sfr` files and catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
        }
    }
}

/// What an OpenAI-style provider can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelEndpoint {
    /// `/chat/completions`
    Chat,
    /// `/completions`
    Completions,
    /// `/embeddings`
    Embeddings,
    /// `/fim/completions`
    Fim,
    /// `/responses`
    Responses,
}

impl ModelEndpoint {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Chat, Self::Completions, Self::Embeddings, Self::Fim, Self::Responses];

    /// The word in `.sfr` files and catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Fim => "fim",
            Self::Responses => "responses",
        }
    }

    /// The endpoint of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
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

/// Positions (`routes/backend.sfr:38`) in the program that the map was compiled from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// By role: the position of each of its arms, in their order.
    #[serde(default)]
    pub arms: BTreeMap<String, Vec<String>>,
    /// By role: the position of each of its guarded blocks, in their order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guards: BTreeMap<String, Vec<String>>,
    /// By role: where it is declared.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// A [`Duration`] as whole milliseconds.
pub(crate) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
