//! TOML with places: the tables that people write for us, and what is wrong with them.
//!
//! Owns the reading of keys and values; which keys there are is for who reads.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// Something wrong in a TOML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes.
    pub place: Range<usize>,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
    /// What `place` should say instead, where that is certain.
    pub instead: Option<String>,
}

impl Problem {
    /// A problem without a certain mend.
    pub fn new(place: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: help.into(), instead: None }
    }
}

/// A key that is none of `known`.
pub(crate) fn unknown_key(key: &str, place: Range<usize>, known: &[&str]) -> Problem {
    let message = format!("`{key}` is not a key here");
    match nearest(key, known.iter().copied()) {
        Some(near) => {
            let help = format!("did you mean `{near}`?");
            Problem { instead: Some(near.into()), ..Problem::new(place, message, help) }
        }
        None => Problem::new(place, message, format!("known keys: {}", known.join(", "))),
    }
}

/// Reads a document; what cannot be parsed is left out and told.
pub(crate) fn document<'t>(text: &'t str, problems: &mut Vec<Problem>) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    problems.extend(errors.iter().map(|error| {
        let place = error.span().unwrap_or(0..0);
        Problem::new(place, format!("not TOML: {}", error.message()), "write it as TOML has it")
    }));
    table
}

fn of_kind<T>(
    value: &Spanned<DeValue<'_>>,
    wanted: &str,
    problems: &mut Vec<Problem>,
    read: impl Fn(&DeValue<'_>) -> Option<T>,
) -> Option<T> {
    let found = read(value.get_ref());
    if found.is_none() {
        let message = format!("expected {wanted}, found a TOML {}", value.get_ref().type_str());
        problems.push(Problem::new(value.span(), message, format!("write {wanted}")));
    }
    found
}

/// A string.
pub(crate) fn string(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<String> {
    of_kind(value, "a string", problems, |value| value.as_str().map(str::to_owned))
}

/// `true` or `false`.
pub(crate) fn boolean(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<bool> {
    of_kind(value, "true or false", problems, |value| value.as_bool())
}

/// A whole number from 0.
pub(crate) fn count(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<u64> {
    of_kind(value, "a whole number from 0", problems, |value| {
        let integer = value.as_integer()?;
        u64::from_str_radix(integer.as_str(), integer.radix()).ok()
    })
}

/// A whole number from 0 that 32 bits hold.
pub(crate) fn small_count(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<u32> {
    of_kind(value, "a whole number from 0 to 4_294_967_295", problems, |value| {
        let integer = value.as_integer()?;
        u32::from_str_radix(integer.as_str(), integer.radix()).ok()
    })
}

/// An amount from 0, in millionths.
pub(crate) fn millionths(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<u64> {
    of_kind(value, "an amount in dollars", problems, |value| {
        let text = value
            .as_integer()
            .map(|integer| integer.as_str())
            .or_else(|| value.as_float().map(|float| float.as_str()))?;
        let dollars: f64 = text.parse().ok()?;
        to_millionths(dollars)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between 0 and 1e15 just before"
)]
fn to_millionths(dollars: f64) -> Option<u64> {
    let millionths = (dollars * 1e6).round();
    (0.0..1e15).contains(&millionths).then_some(millionths as u64)
}

/// Strings in an array.
pub(crate) fn strings(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<(String, Range<usize>)>> {
    let Some(items) = value.get_ref().as_array() else {
        return of_kind(value, "a list of strings", problems, |_| None);
    };
    let read = |item: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>| {
        string(item, problems).map(|text| (text, item.span()))
    };
    Some(items.iter().filter_map(|item| read(item, problems)).collect())
}

/// A table.
pub(crate) fn table<'v, 't>(
    value: &'v Spanned<DeValue<'t>>,
    problems: &mut Vec<Problem>,
) -> Option<&'v DeTable<'t>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        let _: Option<()> = of_kind(value, "a table", problems, |_| None);
    }
    table
}
