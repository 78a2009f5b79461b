//! Expectations held against what happened.
//!
//! Owns the comparison and its words.

use model_map::FailureClass;

use super::{End, Run, Tried, TriedEnd};
use crate::program::{ModelRef, Outcome};
use crate::render::counted;
use crate::spell::duration;

/// What was expected and what happened, where the two differ.
pub(super) fn miss(expected: &Outcome, run: &Run) -> Option<(String, String)> {
    (!holds(expected, run)).then(|| (words(expected), happened(expected, run)))
}

fn holds(expected: &Outcome, run: &Run) -> bool {
    match expected {
        Outcome::Answer { from, after } => {
            let answered = match run.end {
                End::Answered { attempt, .. } => run.attempts.get(attempt),
                _ => None,
            };
            answered.is_some_and(|tried| tried.key == from.key) && is_after(after.as_deref(), run)
        }
        Outcome::Failure { class, after } => {
            let failed = match run.end {
                End::Failed { class, .. } => Some(class),
                // The client gets a 404, as for a role that does not exist.
                End::Refused => Some(FailureClass::NotFound),
                End::Answered { .. } | End::TooLong => None,
            };
            failed == Some(*class) && is_after(after.as_deref(), run)
        }
        Outcome::Attempts(count) => {
            run.end != End::TooLong && u32::try_from(run.attempts.len()) == Ok(*count)
        }
        Outcome::Within(limit) => match run.end {
            End::Answered { at, .. } | End::Failed { at, .. } => at <= *limit,
            End::Refused => true,
            End::TooLong => false,
        },
    }
}

/// Whether these attempts failed, in this order; nothing is said of others that were superseded.
fn is_after(after: Option<&[ModelRef]>, run: &Run) -> bool {
    let Some(after) = after else { return true };
    let failed = failed(run).map(|tried| &tried.key);
    failed.eq(after.iter().map(|model| &model.key))
}

fn failed(run: &Run) -> impl Iterator<Item = &Tried> {
    run.attempts.iter().filter(|tried| matches!(tried.end, TriedEnd::Failed { .. }))
}

fn words(expected: &Outcome) -> String {
    let after = |after: &Option<Vec<ModelRef>>| match after.as_deref() {
        None => String::new(),
        Some([]) => " after no failure".to_owned(),
        Some(models) => {
            let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
            format!(" after {}", names.join(", "))
        }
    };
    match expected {
        Outcome::Answer { from, after: failed } => {
            format!("an answer from {}{}", from.name, after(failed))
        }
        Outcome::Failure { class, after: failed } => {
            format!("the failure {class}{}", after(failed))
        }
        Outcome::Attempts(count) => counted(*count as usize, "attempt"),
        Outcome::Within(limit) => format!("an end within {}", duration(*limit)),
    }
}

fn happened(expected: &Outcome, run: &Run) -> String {
    let alias = |attempt: usize| run.attempts.get(attempt).map_or("", |tried| tried.alias.as_str());
    let after = |words: String| match failed(run).map(|it| it.alias.as_str()).collect::<Vec<_>>() {
        none if none.is_empty() => words,
        names => format!("{words} after {}", names.join(", ")),
    };
    match (&run.end, expected) {
        (End::Refused, _) => "no attempt: the client may not ask for this role".to_owned(),
        (End::TooLong, _) => "more attempts than are played through".to_owned(),
        (_, Outcome::Attempts(_)) => counted(run.attempts.len(), "attempt"),
        (End::Answered { attempt, at }, Outcome::Within(_)) => {
            format!("{} answered after {}", alias(*attempt), duration(*at))
        }
        (End::Failed { class, at }, Outcome::Within(_)) => {
            format!("the failure {class} after {}", duration(*at))
        }
        (End::Answered { attempt, .. }, _) => after(format!("an answer from {}", alias(*attempt))),
        (End::Failed { class, .. }, _) => after(format!("the failure {class}")),
    }
}
