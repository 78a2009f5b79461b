//! What an answer costs, to the last digit.
//!
//! Owns the sum of tokens times prices; the prices are [`crate::price`]'s.

use std::fmt;

use crate::audit::UsageRecord;
use crate::map::Model;

/// Trillionths of a dollar in a dollar: a token at a price of one millionth of a dollar per million
/// costs one of them, so that no cost needs rounding.
const PARTS: u128 = 1_000_000_000_000;
const PARTS_A_MICRO_DOLLAR: u128 = 1_000_000;
const PARTS_A_NANO_DOLLAR: u128 = 1_000;

/// US dollars, in trillionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u128);

impl Cost {
    /// What a model asks for these tokens; none where it used some whose price is unknown.
    pub fn of(model: &Model, usage: &UsageRecord) -> Option<Self> {
        let price = model.price_at(usage.input);
        let fresh = usage.input.saturating_sub(usage.cache_read).saturating_sub(usage.cache_write);
        let parts = [
            (fresh, price.input),
            (usage.cache_read, price.cache_read),
            (usage.cache_write, price.cache_write),
            (usage.output, price.output),
        ];
        parts.into_iter().try_fold(Self::default(), |sum, (tokens, price)| match (tokens, price) {
            (0, _) => Some(sum),
            (tokens, Some(price)) => Some(sum.plus(Self(u128::from(tokens) * u128::from(price)))),
            (_, None) => None,
        })
    }

    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// In billionths of a dollar, rounded up: so that what is counted against a budget is never less
    /// than what was spent.
    pub fn nano_dollars(self) -> u64 {
        u64::try_from(self.0.div_ceil(PARTS_A_NANO_DOLLAR)).unwrap_or(u64::MAX)
    }

    /// In millionths of a dollar, rounded to the nearest.
    pub fn micro_dollars(self) -> u64 {
        let rounded = self.0.saturating_add(PARTS_A_MICRO_DOLLAR / 2) / PARTS_A_MICRO_DOLLAR;
        u64::try_from(rounded).unwrap_or(u64::MAX)
    }
}

/// A plain decimal number of dollars, exact and without zeros at its end: `0.0024363`.
impl fmt::Display for Cost {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, parts) = (self.0 / PARTS, self.0 % PARTS);
        if parts == 0 {
            return write!(to, "{dollars}");
        }
        let parts = format!("{parts:012}");
        write!(to, "{dollars}.{}", parts.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(price: serde_json::Value) -> Model {
        let mut model = json!({"id": "m", "provider": "p"});
        model.as_object_mut().unwrap().extend(price.as_object().unwrap().clone());
        serde_json::from_value(model).unwrap()
    }

    fn usage(input: u64, cache_read: u64, cache_write: u64, output: u64) -> UsageRecord {
        UsageRecord { input, cache_read, cache_write, output, reasoning: None }
    }

    #[test]
    fn every_kind_of_token_has_its_price_and_nothing_is_rounded() {
        // Dollars per million: 3 fresh, 0.30 read, 3.75 written, 15 out.
        let price = json!({"price": {"input": 3_000_000, "cache_read": 300_000,
            "cache_write": 3_750_000, "output": 15_000_000}});
        let cost = Cost::of(&model(price), &usage(1_000, 701, 99, 7)).unwrap();
        // 200 × 3 + 701 × 0.3 + 99 × 3.75 + 7 × 15 = 1286.55 millionths.
        assert_eq!(cost.to_string(), "0.00128655");
        assert_eq!(cost.micro_dollars(), 1_287);
        assert_eq!(cost.nano_dollars(), 1_286_550);
        assert_eq!(cost.plus(cost).to_string(), "0.0025731");
    }

    #[test]
    fn what_has_no_price_has_no_cost_unless_it_was_not_used() {
        let price = json!({"price": {"input": 1, "output": 1_000_000}});
        assert_eq!(Cost::of(&model(price.clone()), &usage(3, 1, 0, 1)), None);
        let cost = Cost::of(&model(price), &usage(3, 0, 0, 1)).unwrap();
        assert_eq!((cost.to_string().as_str(), cost.nano_dollars()), ("0.000001000003", 1_001));
        assert_eq!(Cost::of(&model(json!({})), &usage(0, 0, 0, 0)).unwrap().to_string(), "0");
    }

    #[test]
    fn a_long_input_pays_its_own_price_for_all_of_it() {
        let price = json!({"price": {"input": 1_000_000, "output": 1_000_000},
            "price_over": {"tokens": 10, "price": {"input": 2_000_000}}});
        let cost = |input| Cost::of(&model(price.clone()), &usage(input, 0, 0, 1)).unwrap();
        assert_eq!(cost(10).micro_dollars(), 11);
        assert_eq!(cost(11).micro_dollars(), 23);
    }

    #[test]
    fn whole_dollars_have_no_point_and_the_largest_does_not_overflow() {
        let price = json!({"price": {"input": 1_000_000, "output": u64::MAX}});
        let cost = |input, output| Cost::of(&model(price.clone()), &usage(input, 0, 0, output));
        assert_eq!(cost(2_000_000, 0).unwrap().to_string(), "2");
        assert_eq!(cost(u64::MAX, u64::MAX).unwrap().micro_dollars(), u64::MAX);
    }
}
