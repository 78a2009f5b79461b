//! What becomes of a plan when links fail, by the very rules of an attempt that the router runs.
//!
//! Owns the adversary: which failures come when. What a promise asks of the outcome is for
//! [`super::ensure`].

use std::time::Duration;

use model_map::{Attempts, Failure, FailureClass, Plan, Step};

use super::bounds::{greatest_pause, hedges};

/// More attempts than this are not played through.
const MOST_ATTEMPTS: usize = 4_096;

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
    if let (Some(after), FailureClass::Timeout) = (hedges(plan), class) {
        return hedged(plan, provider, after);
    }
    let mut run = Run { plan, attempts: Attempts::new(plan, streamed), tried: Vec::new() };
    let mut now = Duration::ZERO;
    let mut step = run.attempts.start(now);
    while run.tried.len() < MOST_ATTEMPTS {
        let link = match step {
            Step::GiveUp => return (run.tried, End::GivenUp { at: now }),
            Step::Wait(until) => {
                now = until;
                step = run.attempts.resume(now);
                continue;
            }
            Step::Call(link) => link,
        };
        let Some(called) = plan.chain.get(link) else { break };
        if called.model.provider != provider {
            let is_late = now + plan.timeouts.first_token > plan.timeouts.total;
            let model = called.key.to_owned();
            let end = if is_late { End::TooLate { model, at: now } } else { End::Answered };
            return (run.tried, end);
        }
        now = run.fails_at(now, class);
        let jitter = run.worst_jitter(now);
        step = run.fail(link, now, class, jitter);
    }
    (run.tried, End::Unknown)
}

/// A silent provider where the next link is started beside it: nothing has to fail for that.
fn hedged(plan: &Plan<'_>, provider: &str, after: Duration) -> (Vec<Tried>, End) {
    let mut tried = Vec::new();
    let mut now = Duration::ZERO;
    for link in &plan.chain {
        if link.model.provider != provider {
            let is_late = now + plan.timeouts.first_token > plan.timeouts.total;
            let model = link.key.to_owned();
            return (tried, if is_late { End::TooLate { model, at: now } } else { End::Answered });
        }
        let failed_at = now + plan.timeouts.first_token;
        let model = link.key.to_owned();
        tried.push(Tried { model, class: FailureClass::Timeout, called_at: now, failed_at });
        now += after;
    }
    let at = tried.last().map_or(now, |last| last.failed_at);
    (tried, End::GivenUp { at })
}

/// The most attempts that failures can lead to, up to `enough` of them: they come at once, and
/// each is of the class that leads on furthest.
pub fn most_attempts(plan: &Plan<'_>, enough: usize) -> Option<Vec<Tried>> {
    let mut run = Run { plan, attempts: Attempts::new(plan, true), tried: Vec::new() };
    let role = plan.role;
    let retried = role.retry.on.iter().find(|class| class.is_retryable()).copied();
    let no_window = |class: &&FailureClass| **class != FailureClass::ContextLength;
    let left = role.fallback_on.iter().find(no_window).or(role.fallback_on.first()).copied();
    let mut now = Duration::ZERO;
    let mut step = run.attempts.start(now);
    while run.tried.len() < enough {
        if run.tried.len() >= MOST_ATTEMPTS {
            return None;
        }
        match step {
            Step::GiveUp => break,
            Step::Wait(until) => {
                now = until;
                step = run.attempts.resume(now);
            }
            Step::Call(link) => {
                let again = retried.filter(|_| run.retries_made() < role.retry.count);
                let class = again.or(left).unwrap_or(FailureClass::Network);
                step = run.fail(link, now, class, 0.0);
            }
        }
    }
    Some(run.tried)
}

struct Run<'p, 'm> {
    plan: &'p Plan<'m>,
    attempts: Attempts,
    tried: Vec<Tried>,
}

impl Run<'_, '_> {
    fn fail(&mut self, link: usize, now: Duration, class: FailureClass, jitter: f64) -> Step {
        if let Some(called) = self.plan.chain.get(link) {
            let called_at = self.attempts.log().last().map_or(now, |attempt| attempt.started);
            let model = called.key.to_owned();
            self.tried.push(Tried { model, class, called_at, failed_at: now });
        }
        self.attempts.failed(now, Failure::of(class), jitter)
    }

    /// As late as a lost provider can show it. One that is silent takes all the time that there
    /// is; where the next link starts beside it, its time is over with that.
    fn fails_at(&self, now: Duration, class: FailureClass) -> Duration {
        let deadline = self.attempts.deadline();
        if class == FailureClass::Timeout {
            return deadline;
        }
        let slowest = hedges(self.plan).unwrap_or(self.plan.timeouts.first_token);
        deadline.min(now + slowest)
    }

    /// The longest pause, or where that would be skipped the one that uses up the time.
    fn worst_jitter(&self, now: Duration) -> f64 {
        let pause = greatest_pause(&self.plan.role.retry, self.retries_made());
        let total = self.plan.timeouts.total;
        if now + pause < total {
            return 1.0;
        }
        let left = total.saturating_sub(now).saturating_sub(Duration::from_millis(1));
        left.as_secs_f64() / pause.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How often the current link has been tried again.
    fn retries_made(&self) -> u32 {
        let log = self.attempts.log();
        let link = log.last().map(|attempt| attempt.link);
        let tries = log.iter().rev().take_while(|attempt| Some(attempt.link) == link).count();
        u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}
