//! Differences of two programs, as text.
//!
//! Owns the choice of the form; each form is a file of its own.

mod human;
mod markdown;

pub use human::human;
pub(crate) use human::painted;
pub use markdown::markdown;

use std::time::Duration;

use crate::diff::{Item, Report, Worst};
use crate::spell;

/// Everything in the order in which it is shown, each with what it is.
fn items(report: &Report) -> impl Iterator<Item = (&'static str, &Item)> {
    let roles = of("role", &report.roles);
    let clients = of("client", &report.clients);
    let providers = of("provider", &report.providers);
    let models = of("model", &report.models);
    roles.chain(clients).chain(providers).chain(models)
}

fn of<'i>(what: &'static str, items: &'i [Item]) -> impl Iterator<Item = (&'static str, &'i Item)> {
    items.iter().map(move |item| (what, item))
}

/// `at most 3 attempts, 61s before the answer, $0.045; survives loss of any provider`
fn worst(worst: &Worst) -> String {
    let attempts = worst.attempts.map(|it| format!("{} attempts", spell::number(it)));
    let time = worst
        .before_answer_ms
        .map(|it| format!("{} before the answer", spell::seconds(Duration::from_millis(it))));
    let cost = worst.cost_micro_dollars.map(spell::dollars);
    let bounds: Vec<_> = attempts.into_iter().chain(time).chain(cost).collect();
    let survives = worst.survives_any_provider.map(|it| match it {
        true => "survives loss of any provider",
        false => "does not survive loss of any provider",
    });
    let bounds = (!bounds.is_empty()).then(|| format!("at most {}", bounds.join(", ")));
    bounds.into_iter().chain(survives.map(str::to_owned)).collect::<Vec<_>>().join("; ")
}
