//! What models cost.
//!
//! Owns prices and which of two a request pays; what a request costs is for who knows its tokens.

use serde::{Deserialize, Serialize};

/// In millionths of a US dollar per million tokens; an absent one is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input written to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Fresh input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
}

impl Price {
    /// This price, and that of `base` where this has none.
    pub fn over(self, base: Self) -> Self {
        Self {
            cache_read: self.cache_read.or(base.cache_read),
            cache_write: self.cache_write.or(base.cache_write),
            input: self.input.or(base.input),
            output: self.output.or(base.output),
        }
    }

    /// Whether nothing of it is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// The price of a request whose input is long; it holds for all of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceOver {
    /// What every token costs above `tokens`; what is absent costs as ever.
    pub price: Price,
    /// The most input tokens that still pay the ordinary price.
    pub tokens: u64,
}

/// What a request with so much input pays.
pub fn price_at(price: Price, over: Option<PriceOver>, input_tokens: u64) -> Price {
    match over {
        Some(over) if input_tokens > over.tokens => over.price.over(price),
        _ => price,
    }
}
