//! What becomes of a plan when links fail, by the very rules of an attempt that the router runs.
//!
//! Owns the adversary: which failures come when. What a promise asks of the outcome is for
//! [`super::ensure`].

use std::time::Duration;

use model_map::{Attempts, Failure, FailureClass, Plan};

use super::bounds::greatest_pause;
use crate::simulate::{self, Meets, play};

/// The classes that a provider's loss shows as.
pub const LOSS: [FailureClass; 6] = [
    FailureClass::Network,
    FailureClass::Timeout,
    FailureClass::Overloaded,
    FailureClass::ServerError,
    FailureClass::Auth,
    FailureClass::NotFound,
];

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// `provider/model-id`.
    pub model: String,
    /// How.
    pub class: FailureClass,
    /// When it was called, since the request came in.
    pub called_at: Duration,
    /// When it failed.
    pub failed_at: Duration,
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A link that works is called, with the time for a first token.
    Answered,
    /// One is called, but with less than that.
    TooLate {
        /// Which.
        model: String,
        /// When.
        at: Duration,
    },
    /// None is called.
    GivenUp {
        /// When.
        at: Duration,
    },
    /// It would take too many attempts to find out.
    Unknown,
}

/// What happens when every link of a provider fails with this class, each attempt as late as it
/// can and with the pauses that hurt most.
pub fn lose(
    plan: &Plan<'_>,
    streamed: bool,
    provider: &str,
    class: FailureClass,
) -> (Vec<Tried>, End) {
    let is_lost =
        |link: usize| plan.chain.get(link).is_some_and(|link| link.model.provider == provider);
    let played = play(plan, streamed, |call| {
        if !is_lost(call.link) {
            return Meets::Enough;
        }
        let at = match class {
            FailureClass::Timeout => call.deadline,
            _ => call.deadline.min(call.at + plan.timeouts.first_token),
        };
        let jitter = worst_jitter(plan, call.before, at);
        Meets::Failure { failure: Failure::of(class), at, jitter }
    });
    let end = match played.end {
        simulate::End::GivenUp { at } => End::GivenUp { at },
        simulate::End::Enough(attempt) => called(plan, &played.attempts, attempt),
        simulate::End::Answered { .. } | simulate::End::TooLong => End::Unknown,
    };
    (tried(plan, &played.attempts), end)
}

/// A link that works is called: in time, if its first token may take all the time that it has.
fn called(plan: &Plan<'_>, attempts: &Attempts, attempt: usize) -> End {
    let Some(call) = attempts.log().get(attempt) else { return End::Unknown };
    if call.started + plan.timeouts.first_token <= plan.timeouts.total {
        return End::Answered;
    }
    let model = plan.chain.get(call.link).map(|link| link.key.to_owned()).unwrap_or_default();
    End::TooLate { model, at: call.started }
}

/// The longest pause, or where that would be skipped the one that uses up the time.
fn worst_jitter(plan: &Plan<'_>, retries_made: u32, now: Duration) -> f64 {
    let pause = greatest_pause(&plan.role.retry, retries_made);
    let total = plan.timeouts.total;
    if now + pause < total {
        return 1.0;
    }
    let left = total.saturating_sub(now).saturating_sub(Duration::from_millis(1));
    left.as_secs_f64() / pause.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The attempts of a log that failed.
fn tried(plan: &Plan<'_>, attempts: &Attempts) -> Vec<Tried> {
    let failed = attempts.log().iter().filter_map(|attempt| {
        Some(Tried {
            model: plan.chain.get(attempt.link)?.key.to_owned(),
            class: attempt.failure.as_ref()?.class,
            called_at: attempt.started,
            failed_at: attempt.ended?,
        })
    });
    failed.collect()
}

/// The most attempts that failures can lead to, up to `enough` of them: they come at once, and
/// each is of the class that leads on furthest.
pub fn most_attempts(plan: &Plan<'_>, enough: usize) -> Option<Vec<Tried>> {
    let role = plan.role;
    let retried = role.retry.on.iter().find(|class| class.is_retryable()).copied();
    let no_window = |class: &&FailureClass| **class != FailureClass::ContextLength;
    let left = role.fallback_on.iter().find(no_window).or(role.fallback_on.first()).copied();
    let mut made = 0;
    let played = play(plan, true, |call| {
        if made >= enough {
            return Meets::Enough;
        }
        made += 1;
        let again = retried.filter(|_| call.before < role.retry.count);
        let class = again.or(left).unwrap_or(FailureClass::Network);
        Meets::Failure { failure: Failure::of(class), at: call.at, jitter: 0.0 }
    });
    (played.end != simulate::End::TooLong).then(|| tried(plan, &played.attempts))
}
