//! When a model of a provider is left alone for a while, and how it is taken back.
//!
//! Owns the state of one model and its rules; who shares it, and which requests it concerns, is
//! the router's. Every time is a [`Duration`] on the one clock of whoever keeps it.

mod window;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureClass};
use window::Window;

/// Failures in a row after which it opens.
pub const FAILURES_IN_A_ROW: u32 = 3;
/// The fewest attempts within [`WINDOW`] of which half have to fail for it to open.
pub const LEAST_ATTEMPTS: u32 = 10;
/// How far back attempts are counted.
pub const WINDOW: Duration = Duration::from_secs(30);
/// How long it stays open at first; each probe that fails doubles it.
pub const FIRST_COOL_DOWN: Duration = Duration::from_secs(5);
/// How long it stays open at the most, whatever a provider asks for: so long after its recovery a
/// model is asked again, at the latest.
pub const LONGEST_COOL_DOWN: Duration = Duration::from_secs(30);
/// After so long without a verdict a probe is given up, and another one is let through.
pub const PROBE_LEASE: Duration = Duration::from_secs(30);

/// One breaker. It starts closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Breaker {
    state: State,
    in_a_row: u32,
    window: Window,
    /// The cool-down that it is in, or was in last without a success since.
    cool_down: Duration,
    /// How often it has opened: an attempt that began before tells nothing of after.
    openings: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    Closed,
    /// Until then; from then on half open.
    Open(Duration),
    /// Half open, with a probe since then.
    Probing(Duration),
}

/// What a breaker is seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything is let through.
    Closed,
    /// Nothing is, but for links that are the last of their chain.
    Open,
    /// One probe is.
    HalfOpen,
}

impl BreakerState {
    /// The name in `/health`, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// An attempt that was let through; to be given back with what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pass {
    /// [`Breaker::openings`] when it began.
    openings: u64,
    /// The probe's own start, if it is one.
    probe: Option<Duration>,
}

impl Pass {
    /// Whether it is the one attempt that a half-open breaker lets through.
    pub const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// What a failure says of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers.
    Good,
    /// It fails, and asks to be left alone for so long, if it does.
    Bad(Option<Duration>),
    /// Nothing: the request was at fault, or we were.
    None,
}

impl Verdict {
    /// What a failed attempt says.
    pub fn of(failure: &Failure) -> Self {
        let by_request = matches!(
            failure.class,
            FailureClass::InvalidRequest
                | FailureClass::ContextLength
                | FailureClass::ContentFilter
        );
        if by_request || failure.link_specific || failure.ours {
            return Self::None;
        }
        Self::Bad(failure.retry_after.filter(|wait| !wait.is_zero()))
    }
}

impl Breaker {
    /// What it is now.
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open(until) if now < until => BreakerState::Open,
            State::Open(_) | State::Probing(_) => BreakerState::HalfOpen,
        }
    }

    /// How often it has opened by what was found here: again after a probe that failed, too.
    pub const fn openings(&self) -> u64 {
        self.openings
    }

    /// Until when it is open; none when it is not, or has cooled down.
    pub fn open_until(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Open(until) if now < until => Some(until),
            _ => None,
        }
    }

    /// Lets an attempt through, or none.
    pub fn admit(&mut self, now: Duration) -> Option<Pass> {
        match self.state {
            State::Closed => Some(self.pass(None)),
            State::Open(until) if now < until => None,
            State::Probing(since) if now < since + PROBE_LEASE => None,
            State::Open(_) | State::Probing(_) => {
                self.state = State::Probing(now);
                Some(self.pass(Some(now)))
            }
        }
    }

    /// Lets an attempt through in any case: the last link of a chain. It is the probe where one is
    /// due.
    pub fn admit_last(&mut self, now: Duration) -> Pass {
        self.admit(now).unwrap_or_else(|| self.pass(None))
    }

    /// A model answers: its first token is there, or all of a whole answer.
    pub fn answered(&mut self, pass: Pass) {
        // What began before it opened tells of a better time.
        if pass.openings == self.openings && self.state != State::Closed {
            let openings = self.openings;
            *self = Self { openings, ..Self::default() };
        }
    }

    /// An attempt is over.
    pub fn ended(&mut self, pass: Pass, now: Duration, verdict: Verdict) {
        match verdict {
            Verdict::Good => {
                self.answered(pass);
                self.in_a_row = 0;
                self.window.count(now, false);
            }
            Verdict::Bad(wait) => self.failed(pass, now, wait),
            Verdict::None => self.abandoned(pass, now),
        }
    }

    /// An attempt was given up before it told anything: the next one may probe in its place.
    pub fn abandoned(&mut self, pass: Pass, now: Duration) {
        if self.is_probed_by(pass) {
            self.state = State::Open(now);
        }
    }

    /// Opens it for so long, since another instance of the router has found the model to fail.
    /// A shorter time never shortens a longer one.
    pub fn open_for(&mut self, now: Duration, time: Duration) {
        let until = now + time.min(LONGEST_COOL_DOWN);
        match self.state {
            State::Closed => self.open(now, time.min(LONGEST_COOL_DOWN)),
            State::Open(before) => self.state = State::Open(before.max(until)),
            State::Probing(_) => self.state = State::Open(until),
        }
    }

    /// Closes it, since another instance has found the model to answer.
    pub fn close(&mut self) {
        let openings = self.openings;
        *self = Self { openings, ..Self::default() };
    }

    fn pass(&self, probe: Option<Duration>) -> Pass {
        Pass { openings: self.openings, probe }
    }

    fn is_probed_by(&self, pass: Pass) -> bool {
        matches!(self.state, State::Probing(since) if pass.probe == Some(since))
            && pass.openings == self.openings
    }

    fn failed(&mut self, pass: Pass, now: Duration, wait: Option<Duration>) {
        let wait = wait.map(|wait| wait.min(LONGEST_COOL_DOWN));
        match self.state {
            State::Closed => {
                self.in_a_row += 1;
                self.window.count(now, true);
                let often = self.in_a_row >= FAILURES_IN_A_ROW || self.window.is_half_failed(now);
                let cool_down = often.then_some(FIRST_COOL_DOWN);
                // `max` of two options: a time is more than none.
                if let Some(cool_down) = cool_down.max(wait) {
                    self.open(now, cool_down);
                }
            }
            State::Probing(_) if self.is_probed_by(pass) => {
                let doubled = self.cool_down.saturating_mul(2);
                let doubled = doubled.clamp(FIRST_COOL_DOWN, LONGEST_COOL_DOWN);
                self.open(now, wait.map_or(doubled, |wait| wait.max(doubled)));
            }
            State::Open(until) => {
                if let Some(wait) = wait {
                    self.state = State::Open(until.max(now + wait));
                }
            }
            // Whoever is not the probe waits for what that finds.
            State::Probing(_) => {}
        }
    }

    fn open(&mut self, now: Duration, cool_down: Duration) {
        self.state = State::Open(now + cool_down);
        self.cool_down = cool_down;
        self.openings += 1;
        self.in_a_row = 0;
        self.window = Window::default();
    }
}

#[cfg(test)]
mod explore;
#[cfg(test)]
mod tests;
