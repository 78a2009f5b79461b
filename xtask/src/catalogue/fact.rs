//! A model's facts as its catalogue file says them: keys and TOML values, in the file's order.
//!
//! Owns what each field of the source becomes; what people add is in `by_hand`.

use sfai_dsl::catalogue::effort;
use sfai_dsl::render::models::grouped;

use super::source::{Cost, Limit, Model, Reasoning, Tier};

/// The facts of one model. An absent one is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) context: Option<u64>,
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// In the order of the file.
    pub(super) accepts: Vec<&'static str>,
    pub(super) sampling: Option<String>,
    pub(super) efforts: Option<Vec<String>>,
    pub(super) effort_with_tools: Option<String>,
    pub(super) thinking_budget_min: Option<u32>,
    pub(super) prefill: Option<bool>,
    pub(super) output_limit_key: Option<String>,
    pub(super) stop_sequences: Option<u32>,
    pub(super) system_role: Option<String>,
    pub(super) system_turns: Option<bool>,
    pub(super) endpoints: Option<Vec<String>>,
    pub(super) embeds: Option<bool>,
    /// An inline table.
    pub(super) price: Option<String>,
    /// An inline table.
    pub(super) price_over: Option<String>,
    /// A TOML value: `true`, or the day.
    pub(super) deprecated: Option<String>,
}

impl Facts {
    /// What the source says.
    pub(super) fn of(model: &Model) -> Self {
        let Limit { context, input, output } = model.limit;
        let known = |tokens: u64| Some(tokens).filter(|tokens| *tokens > 0);
        let sampling = model.temperature.map(|takes| if takes { "any" } else { "refused" });
        Self {
            context: known(context),
            input: known(input).filter(|input| *input != context),
            output: known(output),
            accepts: accepts(model),
            sampling: sampling.map(str::to_owned),
            efforts: efforts(model),
            thinking_budget_min: budget(model),
            price: price(&model.cost),
            price_over: model.cost.tiers.first().map(price_over),
            deprecated: model
                .status
                .as_deref()
                .filter(|is| *is == "deprecated")
                .map(|_| "true".into()),
            ..Self::default()
        }
    }
}

fn accepts(model: &Model) -> Vec<&'static str> {
    let takes = |kind: &str| model.modalities.input.iter().any(|one| one == kind);
    let abilities = [
        ("image", takes("image")),
        ("pdf", takes("pdf")),
        ("tools", model.tool_call),
        ("json", model.structured_output),
    ];
    abilities.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

/// None at all where a model does not reason; unknown where it does and nobody says how.
fn efforts(model: &Model) -> Option<Vec<String>> {
    let Some(options) = &model.reasoning_options else {
        return (!model.reasoning).then(Vec::new);
    };
    let words = options.iter().filter_map(|option| match option {
        Reasoning::Effort { values } => Some(values),
        Reasoning::BudgetTokens { .. } | Reasoning::Toggle => None,
    });
    Some(words.flatten().filter(|word| effort(word).is_some()).cloned().collect())
}

fn budget(model: &Model) -> Option<u32> {
    model.reasoning_options.iter().flatten().find_map(|option| match option {
        Reasoning::BudgetTokens { min } => Some(*min),
        Reasoning::Effort { .. } | Reasoning::Toggle => None,
    })
}

fn price(cost: &Cost) -> Option<String> {
    let keys = entries([
        ("input", cost.input),
        ("output", cost.output),
        // A cache that costs nothing is one that is not there.
        ("cache_read", cost.cache_read.filter(|dollars| *dollars > 0.0)),
        ("cache_write", cost.cache_write.filter(|dollars| *dollars > 0.0)),
    ]);
    (!keys.is_empty()).then(|| format!("{{ {keys} }}"))
}

fn price_over(tier: &Tier) -> String {
    let keys = entries([
        ("input", tier.input),
        ("output", tier.output),
        ("cache_read", tier.cache_read),
        ("cache_write", tier.cache_write),
    ]);
    format!("{{ tokens = {}, {keys} }}", grouped(tier.tier.size))
}

fn entries<const N: usize>(prices: [(&str, Option<f64>); N]) -> String {
    let known = prices.into_iter().filter_map(|(key, dollars)| Some((key, dollars?)));
    let written = known.map(|(key, dollars)| format!("{key} = {}", amount(dollars)));
    written.collect::<Vec<_>>().join(", ")
}

/// Millionths of a dollar are the finest that the catalogue has; the source has rounding errors
/// below them.
fn amount(dollars: f64) -> String {
    let text = format!("{dollars:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
