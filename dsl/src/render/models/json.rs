//! Models for programs.
//!
//! Owns the JSON shape, which `version` versions.

use model_map::{CallIds, EffortWithTools, OutputLimitKey, PastReasoning, Sampling, SystemRole};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::{Listed, effort_names};
use crate::catalogue::{Price, PriceOver, limit_key_name, sampling_name};

/// The version of the shape; it rises when a field changes its meaning or goes away.
const VERSION: u32 = 1;

/// The models of the catalogue.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Models")]
struct Report<'c> {
    version: u32,
    models: Vec<Model<'c>>,
}

/// Limits are in tokens. `null` is unknown, but for `deprecated`, where it is no.
#[derive(Serialize, JsonSchema)]
struct Model<'c> {
    provider: &'c str,
    id: &'c str,
    context: Option<u64>,
    input: Option<u64>,
    output: Option<u64>,
    accepts: Option<Vec<&'static str>>,
    sampling: Option<&'static str>,
    efforts: Option<Vec<&'static str>>,
    effort_with_tools: Option<&'static str>,
    thinking_budget_min: Option<u32>,
    prefill: Option<bool>,
    output_limit_key: Option<&'static str>,
    stop_sequences: Option<u32>,
    system_role: Option<&'static str>,
    system_turns: Option<bool>,
    endpoints: Option<Vec<&'static str>>,
    past_reasoning: Option<&'static str>,
    call_ids: Option<&'static str>,
    embeds: bool,
    usd_per_million_tokens: Usd,
    usd_per_million_tokens_over: Option<UsdOver>,
    deprecated: Option<Deprecated<'c>>,
}

/// US dollars.
#[derive(Serialize, JsonSchema)]
struct Usd {
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

/// What holds for the whole of a request whose input has more than `tokens`.
#[derive(Serialize, JsonSchema)]
struct UsdOver {
    tokens: u64,
    #[serde(flatten)]
    usd: Usd,
}

/// `on` is the day, `2026-10-22`, where it is known.
#[derive(Serialize, JsonSchema)]
struct Deprecated<'c> {
    on: Option<&'c str>,
}

/// The JSON Schema of [`json`]'s text.
pub fn schema() -> Schema {
    schema_for!(Report<'_>)
}

/// One JSON object and a newline.
///
/// # Errors
/// Never for models; the signature is the serializer's.
pub fn json(models: &[Listed<'_>]) -> Result<String, serde_json::Error> {
    let report = Report { version: VERSION, models: models.iter().map(model).collect() };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn model<'c>(listed: &Listed<'c>) -> Model<'c> {
    let facts = listed.facts;
    let day = |it: &'c crate::catalogue::Deprecation| Deprecated { on: it.on.as_deref() };
    Model {
        provider: listed.provider,
        id: listed.id,
        context: facts.context,
        input: facts.input,
        output: facts.output,
        accepts: facts.accepts.as_ref().map(|set| set.iter().map(|one| one.name()).collect()),
        sampling: facts.sampling.map(sampling_name as fn(Sampling) -> _),
        efforts: facts.efforts.as_ref().map(|set| effort_names(set).collect()),
        effort_with_tools: facts.effort_with_tools.map(EffortWithTools::name),
        thinking_budget_min: facts.thinking_budget_min,
        prefill: facts.prefill,
        output_limit_key: facts.output_limit_key.map(limit_key_name as fn(OutputLimitKey) -> _),
        stop_sequences: facts.stop_sequences,
        system_role: facts.system_role.map(SystemRole::name),
        system_turns: facts.system_turns,
        endpoints: facts.endpoints.as_ref().map(|set| set.iter().map(|one| one.name()).collect()),
        past_reasoning: facts.past_reasoning.map(PastReasoning::name),
        call_ids: facts.call_ids.map(CallIds::name),
        embeds: facts.embeds.unwrap_or_default(),
        usd_per_million_tokens: usd(facts.price),
        usd_per_million_tokens_over: facts.price_over.map(over),
        deprecated: facts.deprecated.as_ref().map(day),
    }
}

fn over(from: PriceOver) -> UsdOver {
    UsdOver { tokens: from.tokens, usd: usd(from.price) }
}

fn usd(price: Price) -> Usd {
    let dollars = |micros: Option<u64>| micros.map(in_dollars);
    Usd {
        input: dollars(price.input),
        output: dollars(price.output),
        cache_read: dollars(price.cache_read),
        cache_write: dollars(price.cache_write),
    }
}

#[expect(clippy::cast_precision_loss, reason = "prices stay far below 2^53 millionths")]
fn in_dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}
