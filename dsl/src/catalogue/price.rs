//! Prices in catalogue files.
//!
//! Owns their keys and which of two prices a request pays; what a request costs is for who asks.

use model_map::{Price, PriceOver, price_at};
use toml::Spanned;
use toml::de::DeValue;

use super::read::Problem;
use crate::toml_read::{count, millionths, table, unknown_key};

const KEYS: [&str; 4] = ["cache_read", "cache_write", "input", "output"];
const KEYS_OVER: [&str; 5] = ["cache_read", "cache_write", "input", "output", "tokens"];

impl super::Facts {
    /// What a request with so much input pays.
    pub fn price_at(&self, input_tokens: u64) -> Price {
        price_at(self.price, self.price_over, input_tokens)
    }
}

/// Reads `{ input = 3, output = 15 }`.
pub(super) fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Price {
    let mut price = Price::default();
    for (key, value) in table(value, problems).into_iter().flatten() {
        match slot(&mut price, key.get_ref()) {
            Some(slot) => *slot = millionths(value, problems),
            None => problems.push(unknown_key(key.get_ref(), key.span(), &KEYS)),
        }
    }
    price
}

/// Reads `{ tokens = 200_000, input = 6, output = 22.5 }`.
pub(super) fn read_over(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<PriceOver> {
    let mut tokens = None;
    let mut price = Price::default();
    for (key, value) in table(value, problems)? {
        match (key.get_ref().as_ref(), slot(&mut price, key.get_ref())) {
            ("tokens", _) => tokens = count(value, problems),
            (_, Some(slot)) => *slot = millionths(value, problems),
            (other, None) => problems.push(unknown_key(other, key.span(), &KEYS_OVER)),
        }
    }
    if tokens.is_none() {
        let message = "a price for long input does not say over how many tokens it holds";
        problems.push(Problem::new(value.span(), message, "add `tokens = 200_000`"));
    }
    Some(PriceOver { tokens: tokens?, price })
}

fn slot<'p>(price: &'p mut Price, key: &str) -> Option<&'p mut Option<u64>> {
    match key {
        "input" => Some(&mut price.input),
        "output" => Some(&mut price.output),
        "cache_read" => Some(&mut price.cache_read),
        "cache_write" => Some(&mut price.cache_write),
        _ => None,
    }
}
