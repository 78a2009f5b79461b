//! The facts as models.dev has them, in one JSON file.
//!
//! Owns the shape of that file; what becomes of the facts is decided in `fact`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::trouble::{Doing, Trouble};

const COST: &str = "USD per 1,000,000 tokens";
const LIMIT: &str = "tokens";

/// The whole file.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    /// The day of the facts.
    pub(super) as_of: String,
    providers: BTreeMap<String, Models>,
    units: Units,
}

/// A provider's models by their identifiers.
pub(super) type Models = BTreeMap<String, Model>;

#[derive(Debug, Deserialize)]
struct Units {
    cost: String,
    limit: String,
}

/// One model. What is absent is unknown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    pub(super) cost: Cost,
    pub(super) limit: Limit,
    pub(super) modalities: Modalities,
    pub(super) reasoning: bool,
    pub(super) reasoning_options: Option<Vec<Reasoning>>,
    pub(super) status: Option<String>,
    pub(super) structured_output: bool,
    pub(super) temperature: Option<bool>,
    pub(super) tool_call: bool,
}

/// Prices, and how they change with the length of the input.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cache_read: Option<f64>,
    pub(super) cache_write: Option<f64>,
    pub(super) tiers: Vec<Tier>,
}

/// The prices over `tier.size` tokens of input.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tier {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cache_read: Option<f64>,
    pub(super) cache_write: Option<f64>,
    pub(super) tier: Size,
}

/// A number of tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Size {
    pub(super) size: u64,
}

/// Windows in tokens; 0 stands for unknown.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limit {
    pub(super) context: u64,
    pub(super) input: u64,
    pub(super) output: u64,
}

/// `text`, `image`, `pdf`, `audio`, `video`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Modalities {
    pub(super) input: Vec<String>,
    pub(super) output: Vec<String>,
}

/// How thinking is set.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Reasoning {
    /// By a word.
    Effort { values: Vec<String> },
    /// By a number of tokens.
    BudgetTokens { min: u32 },
    /// On or off.
    Toggle,
}

impl Source {
    /// Reads the file and holds it to the units that this chore counts in.
    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        let source: Self = serde_json::from_str(text).doing("understand the source")?;
        let Units { cost, limit } = &source.units;
        if cost != COST || limit != LIMIT {
            let why = format!("it counts in `{cost}` and `{limit}`, not in `{COST}` and `{LIMIT}`");
            return Err(Trouble::new("use the source", why));
        }
        let mut models = source.providers.values().flatten();
        match models.find(|(_, model)| model.cost.tiers.len() > 1) {
            Some((id, _)) => {
                let why = format!("`{id}` has several price tiers, and the catalogue has one");
                Err(Trouble::new("use the source", why))
            }
            None => Ok(source),
        }
    }

    /// A provider's models.
    pub(super) fn provider(&self, name: &str) -> Result<&Models, Trouble> {
        self.providers.get(name).doing(format!("find the provider `{name}`"))
    }
}

impl Model {
    /// Whether it answers text with text, or with a vector. Where the source does not say what comes
    /// out, tools tell a chat model.
    pub(super) fn is_of_text(&self) -> bool {
        let Modalities { input, output } = &self.modalities;
        let answers_text = match output.as_slice() {
            [] => self.tool_call,
            [only] => only == "text",
            _ => false,
        };
        answers_text && input.iter().any(|kind| kind == "text")
    }
}
