//! A planned request played through under a simulated clock, by the very attempt rules that the
//! router runs.
//!
//! Owns the order of events; what each call meets is told by who plays.

use std::time::Duration;

use model_map::{Attempts, Failure, FailureClass, Plan, Step};

/// More attempts than this are not played through.
pub const MOST_ATTEMPTS: usize = 4_096;

/// A call of a link.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The link's place in the chain.
    pub link: usize,
    /// When, since the request came in.
    pub at: Duration,
    /// When it must have shown its first token, or all of an answer that is not streamed.
    pub deadline: Duration,
    /// How often this link was called before.
    pub before: u32,
}

/// What a call meets.
#[derive(Debug, Clone)]
pub enum Meets {
    /// Its first token, or all of an answer that is not streamed.
    Answer {
        /// When.
        at: Duration,
    },
    /// A failure; after the call's deadline it is a timeout at the deadline.
    Failure {
        /// Which.
        failure: Failure,
        /// When.
        at: Duration,
        /// The jitter of the pause after it, from 0 to 1.
        jitter: f64,
    },
    /// Whatever it meets, what the player wanted to know is known.
    Enough,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// This attempt answered then.
    Answered {
        /// Its place in the log.
        attempt: usize,
        /// When.
        at: Duration,
    },
    /// All have failed.
    GivenUp {
        /// When.
        at: Duration,
    },
    /// The player had enough at this call.
    Enough(usize),
    /// There were more attempts than are played through.
    TooLong,
}

/// A request that was played through.
#[derive(Debug)]
pub struct Played {
    /// Its attempts.
    pub attempts: Attempts,
    /// Its end.
    pub end: End,
}

/// Plays a plan through; `meet` says what each call meets.
pub fn play(plan: &Plan<'_>, streamed: bool, mut meet: impl FnMut(Call) -> Meets) -> Played {
    let mut attempts = Attempts::new(plan, streamed);
    let mut under_way: Vec<Event> = Vec::new();
    let mut now = Duration::ZERO;
    let mut step = attempts.start(now);
    loop {
        let until = match step {
            Step::Call(link) => {
                let attempt = attempts.log().len() - 1;
                if attempt >= MOST_ATTEMPTS {
                    return Played { attempts, end: End::TooLong };
                }
                let before = attempts.log().iter().filter(|one| one.link == link).count() - 1;
                let before = u32::try_from(before).unwrap_or(u32::MAX);
                let deadline = attempts.timer().deadline();
                let meets = meet(Call { link, at: now, deadline, before });
                let Some(event) = Event::of(attempt, deadline, meets) else {
                    return Played { attempts, end: End::Enough(attempt) };
                };
                under_way.push(event);
                step = attempts.meanwhile();
                continue;
            }
            Step::GiveUp => return Played { attempts, end: End::GivenUp { at: now } },
            Step::Wait(until) => Some(until),
            Step::Watch => None,
        };
        let Some(event) = first(&mut under_way, until) else {
            // Nothing is under way before the time to wait for; without one there is nothing left.
            let Some(until) = until else {
                return Played { attempts, end: End::GivenUp { at: now } };
            };
            now = now.max(until);
            step = attempts.resume(now);
            continue;
        };
        now = now.max(event.at);
        match event.failure {
            None => {
                attempts.committed(event.attempt, now);
                attempts.completed(now);
                return Played { attempts, end: End::Answered { attempt: event.attempt, at: now } };
            }
            Some((failure, jitter)) => {
                step = attempts.attempt_failed(event.attempt, now, failure, jitter);
            }
        }
    }
}

/// What becomes of an attempt that is under way.
struct Event {
    attempt: usize,
    at: Duration,
    /// None for its answer.
    failure: Option<(Failure, f64)>,
}

impl Event {
    fn of(attempt: usize, deadline: Duration, meets: Meets) -> Option<Self> {
        let timeout = || Some((Failure::of(FailureClass::Timeout), 0.0));
        let (at, failure) = match meets {
            Meets::Enough => return None,
            Meets::Answer { at } if at <= deadline => (at, None),
            Meets::Failure { failure, at, jitter } if at <= deadline => {
                (at, Some((failure, jitter)))
            }
            Meets::Answer { .. } | Meets::Failure { .. } => (deadline, timeout()),
        };
        Some(Self { attempt, at, failure })
    }
}

/// Takes the earliest event that is not after `until`; of several at once the one whose attempt
/// began first.
fn first(under_way: &mut Vec<Event>, until: Option<Duration>) -> Option<Event> {
    let earliest = under_way.iter().enumerate().min_by_key(|(_, one)| (one.at, one.attempt))?;
    let (place, at) = (earliest.0, earliest.1.at);
    until.is_none_or(|until| at <= until).then(|| under_way.remove(place))
}
