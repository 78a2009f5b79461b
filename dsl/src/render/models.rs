//! Models with their facts: a table for people, one JSON object for programs.
//!
//! Owns both shapes; which models are shown is for who asks.

mod json;

pub use json::json;

use std::collections::BTreeSet;

use model_map::Effort;

use crate::catalogue::{Ability, EFFORTS, Facts, Price};
use crate::render::table::{Column, Table};

/// A model to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'c> {
    /// The name of its section.
    pub provider: &'c str,
    /// The provider's identifier.
    pub id: &'c str,
    /// What is known of it.
    pub facts: &'c Facts,
}

/// What a table says of a fact that is not known.
const UNKNOWN: &str = "?";

/// A table, one line a model. One that is wider than `width` leaves columns out and says so.
pub fn human(models: &[Listed<'_>], width: Option<usize>) -> String {
    if models.is_empty() {
        return String::new();
    }
    let table = Table { columns: columns(models) };
    let (mut text, left_out) = table.draw(width);
    let count = if models.len() == 1 { "1 model" } else { &format!("{} models", models.len()) };
    text.push_str(&format!("\n{count}; USD per million tokens; ? is unknown, - is none\n"));
    if models.iter().any(|one| one.facts.price_over.is_some()) {
        text.push_str("* more for long input: see --format json\n");
    }
    if !left_out.is_empty() {
        text.push_str(&format!("left out for want of width: {}\n", left_out.join(", ")));
    }
    text
}

fn columns(models: &[Listed<'_>]) -> Vec<Column> {
    let cells = |read: fn(&Listed<'_>) -> String| models.iter().map(read).collect::<Vec<_>>();
    let price = |of: fn(&Price) -> Option<u64>| {
        let cell = |one: &Listed<'_>| {
            let mark = if one.facts.price_over.is_some() { "*" } else { "" };
            of(&one.facts.price).map_or(UNKNOWN.into(), |micros| dollars(micros) + mark)
        };
        models.iter().map(cell).collect::<Vec<_>>()
    };
    // What is left out first has the lowest weight; the names are never left out.
    vec![
        Column::new("provider", cells(|one| one.provider.into())),
        Column::new("model", cells(|one| one.id.into())),
        Column::new("context", cells(|one| tokens(one.facts.context))).right().weight(5),
        Column::new("output", cells(|one| tokens(one.facts.output))).right().weight(3),
        Column::new("accepts", cells(|one| accepts(one.facts))).weight(2),
        Column::new("efforts", cells(|one| efforts(one.facts))).weight(1),
        Column::new("$ in", price(|price| price.input)).right().weight(6),
        Column::new("$ out", price(|price| price.output)).right().weight(6),
        Column::new("deprecated", cells(|one| deprecated(one.facts))).weight(4),
    ]
}

fn tokens(count: Option<u64>) -> String {
    count.map_or(UNKNOWN.into(), grouped)
}

/// `1_048_576`, as the language and catalogue files write it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn accepts(facts: &Facts) -> String {
    if facts.embeds == Some(true) {
        return "text, for a vector".into();
    }
    let names = |set: &BTreeSet<Ability>| joined(set.iter().map(|one| one.name()));
    facts.accepts.as_ref().map_or(UNKNOWN.into(), names)
}

fn efforts(facts: &Facts) -> String {
    let budget = facts.thinking_budget_min.map(|least| format!("budget from {least}"));
    match &facts.efforts {
        None => budget.unwrap_or_else(|| UNKNOWN.into()),
        Some(set) if set.is_empty() => budget.unwrap_or_else(|| "-".into()),
        Some(set) => joined(effort_names(set)),
    }
}

fn effort_names(set: &BTreeSet<Effort>) -> impl Iterator<Item = &'static str> {
    EFFORTS.iter().filter(|(effort, _)| set.contains(effort)).map(|(_, name)| *name)
}

fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "-".into() } else { names.join(" ") }
}

fn deprecated(facts: &Facts) -> String {
    let day = |it: &crate::catalogue::Deprecation| it.on.clone().unwrap_or_else(|| "yes".into());
    facts.deprecated.as_ref().map(day).unwrap_or_default()
}

/// Of millionths: `3`, `0.25`, `0.0028`; cents where there are any, as prices are read.
fn dollars(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    let fraction = format!("{rest:06}");
    let fraction = fraction.trim_end_matches('0');
    format!("{whole}.{fraction:0<2}")
}

#[cfg(test)]
mod tests;
