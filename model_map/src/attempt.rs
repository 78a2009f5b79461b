//! The rules of an attempt: when the next one starts, which timer runs, when to give up.
//!
//! A state machine under its driver's clock: every time is a [`Duration`] since the request came
//! in. It neither calls nor waits; the router does so for real, an offline test pretends to.

mod classes;
mod lanes;

use std::time::Duration;

use crate::failure::{Failure, FailureClass};
use crate::plan::Plan;
use crate::role::Timeouts;
use crate::timer::Timer;
use classes::Classes;
use lanes::{Again, Lane, State};

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Call the link at this place of the plan's chain now: it is the log's last attempt.
    Call(usize),
    /// Start nothing until then, and call [`Attempts::resume`]. What runs goes on.
    Wait(Duration),
    /// Start nothing: what runs decides. Only where the role hedges.
    Watch,
    /// Answer the client with [`Attempts::most_telling`].
    GiveUp,
}

/// One call of a link, as it is logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The link's place in the chain.
    pub link: usize,
    /// When it was called.
    pub started: Duration,
    /// When it failed, was complete or was superseded; none while it runs.
    pub ended: Option<Duration>,
    /// Why it failed; none when it runs, was complete or was superseded.
    pub failure: Option<Failure>,
    /// Whether another attempt's first token came before its own: it was cancelled.
    pub superseded: bool,
}

/// A link that was passed over, since its breaker was open; the last one may be called after all,
/// when nothing else is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Skipped {
    /// The link's place in the chain.
    pub link: usize,
    /// How many attempts the log held then.
    pub before: usize,
}

/// All attempts of one request.
///
/// Without a hedge they follow one another. With one, the next link starts beside an attempt that
/// has shown no token; of the two the first token wins. While one of them runs, the other's
/// failure is tried again as the role's `retry` says, but takes no further link: the one that runs
/// is the next link. It is hedged in turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempts {
    timeouts: Timeouts,
    retry: Again,
    /// The failures after which the next link is taken.
    fallback_on: Classes,
    /// Whether the answer is streamed: only then is there a first token to wait for.
    streamed: bool,
    /// Whether an answer that broke off is continued by a later link.
    resumes: bool,
    /// Per link: its window in tokens.
    windows: Vec<Option<u64>>,
    hedge_after: Option<Duration>,
    /// What runs or waits to run again.
    lanes: [Option<Lane>; 2],
    /// The first link that no lane has taken.
    next: usize,
    /// Whether a failure was of a kind that no further link may be taken after.
    closed: bool,
    /// The largest window that was too small.
    too_small: Option<u64>,
    committed: Option<usize>,
    log: Vec<Attempt>,
    skipped: Vec<Skipped>,
}

impl Attempts {
    /// The attempts of a planned request.
    pub fn new(plan: &Plan<'_>, streamed: bool) -> Self {
        Self {
            timeouts: plan.timeouts,
            retry: Again::of(&plan.role.retry),
            fallback_on: Classes::of(&plan.role.fallback_on),
            streamed,
            resumes: plan.role.resume && streamed,
            windows: plan.chain.iter().map(|link| link.model.context_tokens).collect(),
            // An answer that is not streamed shows no first token to be waited for.
            hedge_after: plan.role.hedge_after.filter(|_| streamed),
            lanes: [None; 2],
            next: 0,
            closed: false,
            too_small: None,
            committed: None,
            log: Vec::with_capacity(1),
            skipped: Vec::new(),
        }
    }

    /// Cuts `total`: to what is left of a Lambda invocation.
    pub fn limit_total(&mut self, total: Duration) {
        self.timeouts.total = self.timeouts.total.min(total);
    }

    /// Whether attempts may run beside one another.
    pub fn hedges(&self) -> bool {
        self.hedge_after.is_some()
    }

    /// Begins with the first link.
    pub fn start(&mut self, now: Duration) -> Step {
        self.start_past(now, &mut |_| true)
    }

    /// Begins with the first link that `admits` lets through.
    pub fn start_past(&mut self, now: Duration, admits: &mut dyn FnMut(usize) -> bool) -> Step {
        self.take(0, now);
        self.resume_past(now, admits)
    }

    /// Goes on after a [`Step::Wait`].
    pub fn resume(&mut self, now: Duration) -> Step {
        self.resume_past(now, &mut |_| true)
    }

    /// Goes on after a [`Step::Wait`]. A link that `admits` refuses is passed over, be it for a
    /// retry. The last one that may be taken is called in any case, and not asked about, but beside
    /// an attempt that runs or will: what is refused then is left alone until that one has failed.
    pub fn resume_past(&mut self, now: Duration, admits: &mut dyn FnMut(usize) -> bool) -> Step {
        let due = |lane: &Option<Lane>| match lane.map(|lane| lane.state) {
            Some(State::Waits(until)) => until <= now,
            _ => false,
        };
        if now >= self.timeouts.total {
            // What waits is too late, a hedge too; what runs has `total` as its deadline.
            self.hedge_after = None;
            self.lanes.iter_mut().filter(|lane| due(lane)).for_each(|lane| *lane = None);
            return self.meanwhile();
        }
        if self.hedge_at().is_some_and(|at| at <= now)
            && let Some(link) = self.unused()
        {
            self.take(link, now);
        }
        let Some(at) = self.lanes.iter().position(due) else {
            return self.meanwhile();
        };
        self.pass_over(at, admits);
        let attempt = self.log.len();
        let Some(lane) = self.lanes.get_mut(at).and_then(Option::as_mut) else {
            return self.meanwhile();
        };
        lane.state = State::Runs(attempt);
        let link = lane.link;
        let (ended, failure, superseded) = (None, None, false);
        self.log.push(Attempt { link, started: now, ended, failure, superseded });
        Step::Call(link)
    }

    /// What to do beside the attempts that run.
    pub fn meanwhile(&self) -> Step {
        let waits = self.lanes.iter().flatten().filter_map(|lane| match lane.state {
            State::Waits(until) => Some(until),
            State::Runs(_) => None,
        });
        match waits.chain(self.hedge_at()).min() {
            Some(until) => Step::Wait(until),
            None if self.lanes.iter().any(Option::is_some) => Step::Watch,
            None => Step::GiveUp,
        }
    }

    /// The timers of the attempt that was started last.
    pub fn timer(&self) -> Timer {
        let started = self.log.last().map_or(Duration::ZERO, |attempt| attempt.started);
        Timer::new(self.timeouts, started, self.commit_limit(started), self.streamed)
    }

    /// The answer's first content, reasoning or tool delta is there, or all of it; from now on it
    /// is this attempt's or nobody's. Another one that runs is to be cancelled.
    pub fn committed(&mut self, attempt: usize, now: Duration) {
        self.committed = Some(attempt);
        self.lanes = [None; 2];
        let running = |other: &Attempt| other.ended.is_none();
        for (index, other) in self.log.iter_mut().enumerate() {
            if index != attempt && running(other) {
                other.superseded = true;
                other.ended = Some(now);
            }
        }
    }

    /// The attempt that committed delivered its whole answer.
    pub fn completed(&mut self, now: Duration) {
        if let Some(attempt) = self.committed.and_then(|at| self.log.get_mut(at)) {
            attempt.ended = Some(now);
        }
    }

    /// An attempt broke off after the commit, or one failed that was to continue the answer: the
    /// next link is called that may be taken and `can` continue it, where the role resumes. Each
    /// link is asked once. What the client has stays this answer's: nothing is committed again.
    pub fn broke(
        &mut self,
        attempt: usize,
        now: Duration,
        failure: Failure,
        can: &mut dyn FnMut(usize) -> bool,
    ) -> Step {
        let Some(broken) = self.log.get_mut(attempt) else { return Step::GiveUp };
        (broken.ended, broken.failure) = (Some(now), Some(failure.clone()));
        let link = broken.link;
        self.learn(link, &failure);
        while self.resumes
            && now < self.timeouts.total
            && let Some(link) = self.unused()
        {
            self.next = link + 1;
            if can(link) {
                let (ended, failure, superseded) = (None, None, false);
                self.log.push(Attempt { link, started: now, ended, failure, superseded });
                return Step::Call(link);
            }
        }
        Step::GiveUp
    }

    /// An attempt of the log failed. `jitter` is a random number from 0 to 1, which the driver draws.
    pub fn attempt_failed(
        &mut self,
        attempt: usize,
        now: Duration,
        failure: Failure,
        jitter: f64,
    ) -> Step {
        let runs = |lane: &Option<Lane>| lane.is_some_and(|it| it.state == State::Runs(attempt));
        if let Some(at) = self.lanes.iter().position(runs) {
            let next = self.after(at, now, &failure, jitter);
            if let Some(lane) = self.lanes.get_mut(at) {
                *lane = next;
            }
        }
        if let Some(attempt) = self.log.get_mut(attempt) {
            attempt.ended = Some(now);
            attempt.failure = Some(failure);
        }
        self.meanwhile()
    }

    /// The attempts so far, in the order in which they were started.
    pub fn log(&self) -> &[Attempt] {
        &self.log
    }

    /// The links that were passed over, in this order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The attempt that committed.
    pub fn winner(&self) -> Option<&Attempt> {
        self.committed.and_then(|at| self.log.get(at))
    }

    /// The place of the attempt that committed in the log.
    pub fn winner_place(&self) -> Option<usize> {
        self.committed
    }

    /// The failure that says most to the client, when all have failed.
    pub fn most_telling(&self) -> Option<&Failure> {
        self.failures().min_by_key(|failure| failure.class)
    }

    /// How long the client is asked to wait, when every attempt was turned away for load.
    pub fn retry_after(&self) -> Option<Duration> {
        let limited = |failure: &Failure| {
            matches!(failure.class, FailureClass::RateLimit | FailureClass::Overloaded)
        };
        if !self.failures().all(limited) {
            return None;
        }
        self.failures().filter_map(|failure| failure.retry_after).min()
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.log.iter().filter_map(|attempt| attempt.failure.as_ref())
    }
}

#[cfg(test)]
mod explore;
#[cfg(test)]
mod tests;
