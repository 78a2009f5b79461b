//! What LiteLLM's configuration says of a model itself: windows and prices.
//!
//! Owns the lines of its `model` block; what it is called with is [`super::deployment`]'s.

use crate::import::ImportError;
use crate::import::input::{Settings, wrong};
use crate::spell;

/// Their keys, and ours.
const PRICES: [(&str, &str); 4] = [
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("cache_read_input_token_cost", "cache_read"),
    ("cache_creation_input_token_cost", "cache_write"),
];

/// Where prices of long input begin, as they stand in keys.
const TIERS: [(&str, u64); 2] = [("128k", 128_000), ("200k", 200_000)];

/// The lines of a block, from `model_info` and `litellm_params`, where prices may stand too.
pub(super) fn of(
    info: &mut Settings,
    parameters: &mut Settings,
) -> Result<Vec<String>, ImportError> {
    let mut lines = Vec::new();
    let input = info.whole("max_input_tokens")?;
    // The older key, which means the answer.
    let older = info.whole("max_tokens")?;
    let output = info.whole("max_output_tokens")?.or(older);
    for (key, tokens) in [("input", input), ("output", output)] {
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
            lines.push(format!("{key} {}", spell::number(tokens.into())));
        }
    }
    let base = amounts("", info, parameters)?;
    if let Some(amounts) = &base {
        lines.push(format!("price {amounts}"));
    }
    for (named, tokens) in TIERS {
        let over = amounts(&format!("_above_{named}_tokens"), info, parameters)?;
        if let Some(amounts) = over.filter(|_| base.is_some()) {
            lines.push(format!("price over {} {amounts}", spell::number(tokens)));
        }
    }
    Ok(lines)
}

fn amounts(
    ending: &str,
    info: &mut Settings,
    parameters: &mut Settings,
) -> Result<Option<String>, ImportError> {
    let mut all = Vec::new();
    for (key, ours) in PRICES {
        let key = format!("{key}{ending}");
        let own = info.number(&key)?;
        let Some(dollars) = parameters.number(&key)?.or(own) else { continue };
        // Per million tokens, in millionths.
        let micro_dollars = (dollars * 1e12).round();
        if micro_dollars >= 1e15 {
            return Err(wrong(&info.at(&key), "is more than any token costs"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a whole number from 0 and below 1e15"
        )]
        all.push(format!("{ours} {}", spell::dollars(micro_dollars as u64)));
    }
    Ok((!all.is_empty()).then(|| all.join(", ")))
}
