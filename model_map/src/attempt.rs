//! The rules of an attempt: when the next one starts, which timer runs, when to give up.
//!
//! A state machine under its driver's clock: every time is a [`Duration`] since the request came
//! in. It neither calls nor waits; the router does so for real, an offline test pretends to.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::failure::{Failure, FailureClass};
use crate::plan::Plan;
use crate::role::{Retry, Timeouts};

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Call the link at this place of the plan's chain now.
    Call(usize),
    /// Do nothing until then, and call [`Attempts::resume`].
    Wait(Duration),
    /// Answer the client with [`Attempts::most_telling`].
    GiveUp,
}

/// One call of a link, as it is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The link's place in the chain.
    pub link: usize,
    /// When it was called.
    pub started: Duration,
    /// When it failed or was complete; none while it runs.
    pub ended: Option<Duration>,
    /// Why it failed; none when it runs or was complete.
    pub failure: Option<Failure>,
}

/// All attempts of one request.
#[derive(Debug, Clone)]
pub struct Attempts {
    timeouts: Timeouts,
    retry: Retry,
    /// The failures after which the next link is taken.
    fallback_on: BTreeSet<FailureClass>,
    /// Whether the answer is streamed: only then is there a first token to wait for.
    streamed: bool,
    /// Per link: its window in tokens.
    windows: Vec<Option<u64>>,
    /// Retries made on the current link.
    retries: u32,
    link: usize,
    /// The largest window that was too small.
    too_small: Option<u64>,
    committed: bool,
    last_event: Option<Duration>,
    log: Vec<Attempt>,
}

impl Attempts {
    /// The attempts of a planned request.
    pub fn new(plan: &Plan<'_>, streamed: bool) -> Self {
        Self {
            timeouts: plan.timeouts,
            retry: plan.role.retry.clone(),
            fallback_on: plan.role.fallback_on.clone(),
            streamed,
            windows: plan.chain.iter().map(|link| link.model.context_tokens).collect(),
            retries: 0,
            link: 0,
            too_small: None,
            committed: false,
            last_event: None,
            log: Vec::with_capacity(1),
        }
    }

    /// Cuts `total`: to what is left of a Lambda invocation.
    pub fn limit_total(&mut self, total: Duration) {
        self.timeouts.total = self.timeouts.total.min(total);
    }

    /// Begins with the first link.
    pub fn start(&mut self, now: Duration) -> Step {
        self.call(now)
    }

    /// Goes on after a [`Step::Wait`].
    pub fn resume(&mut self, now: Duration) -> Step {
        if now >= self.timeouts.total { Step::GiveUp } else { self.call(now) }
    }

    /// How long the current attempt may take to connect.
    pub fn connect_limit(&self) -> Duration {
        self.timeouts.connect
    }

    /// When the current attempt is out of time: the driver then reports [`FailureClass::Timeout`].
    pub fn deadline(&self) -> Duration {
        // Before a stream's first token `first_token` alone decides: a model that thinks in
        // silence is what it is set for.
        let flows = self.committed || !self.streamed;
        let last_event = self.last_event.filter(|_| flows);
        let idle = last_event.map(|at| at + self.timeouts.idle);
        let commit = (!self.committed).then(|| self.commit_limit());
        let limits = [idle, commit].into_iter().flatten();
        limits.fold(self.timeouts.total, Duration::min)
    }

    /// The upstream showed life: response headers, or any event.
    pub fn progressed(&mut self, now: Duration) {
        self.last_event = Some(now);
    }

    /// The answer's first content, reasoning or tool delta is there; from now on it is this
    /// attempt's or nobody's.
    pub fn committed(&mut self, now: Duration) {
        self.committed = true;
        self.last_event = Some(now);
    }

    /// The current attempt delivered its whole answer.
    pub fn completed(&mut self, now: Duration) {
        if let Some(attempt) = self.log.last_mut() {
            attempt.ended = Some(now);
        }
    }

    /// The current attempt failed. `jitter` is a random number from 0 to 1, which the driver
    /// draws.
    pub fn failed(&mut self, now: Duration, failure: Failure, jitter: f64) -> Step {
        let next = self.after(now, &failure, jitter);
        if let Some(attempt) = self.log.last_mut() {
            attempt.ended = Some(now);
            attempt.failure = Some(failure);
        }
        next
    }

    /// The attempts so far, the running one last.
    pub fn log(&self) -> &[Attempt] {
        &self.log
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

    fn call(&mut self, now: Duration) -> Step {
        self.last_event = None;
        self.log.push(Attempt { link: self.link, started: now, ended: None, failure: None });
        Step::Call(self.link)
    }

    /// When the current attempt must have committed.
    fn commit_limit(&self) -> Duration {
        let started = self.log.last().map_or(Duration::ZERO, |attempt| attempt.started);
        let first_token = started + self.timeouts.first_token;
        if self.streamed {
            return first_token;
        }
        // A whole answer has no first token to wait for: it may take what is left, less the
        // time that each later link needs to show life.
        let later = u32::try_from(self.windows.len() - self.link - 1).unwrap_or(u32::MAX);
        let reserved = self.timeouts.first_token.saturating_mul(later);
        self.timeouts.total.saturating_sub(reserved).max(first_token)
    }

    fn after(&mut self, now: Duration, failure: &Failure, jitter: f64) -> Step {
        if self.committed || now >= self.timeouts.total {
            return Step::GiveUp;
        }
        if let Some(pause) = self.pause(failure, jitter)
            && now + pause < self.timeouts.total
        {
            self.retries += 1;
            return Step::Wait(now + pause);
        }
        match self.next_link(failure) {
            Some(link) => {
                self.link = link;
                self.retries = 0;
                Step::Wait(now)
            }
            None => Step::GiveUp,
        }
    }

    /// The pause before the same link is tried again, if it is.
    fn pause(&self, failure: &Failure, jitter: f64) -> Option<Duration> {
        let again = failure.repeatable
            && failure.class.is_retryable()
            && self.retry.on.contains(&failure.class)
            && self.retries < self.retry.count;
        if !again {
            return None;
        }
        if failure.retry_after.is_some() {
            return failure.retry_after;
        }
        let doubled = self.retry.min_backoff.saturating_mul(1 << self.retries.min(20));
        Some(doubled.min(self.retry.max_backoff).mul_f64(jitter.clamp(0.0, 1.0)))
    }

    fn next_link(&mut self, failure: &Failure) -> Option<usize> {
        if !self.fallback_on.contains(&failure.class) && !failure.link_specific {
            return None;
        }
        if failure.class == FailureClass::ContextLength {
            let failed = self.windows.get(self.link).copied().flatten();
            self.too_small = self.too_small.max(failed);
        }
        let fits = |window: &Option<u64>| match (window, self.too_small) {
            (Some(window), Some(too_small)) => *window > too_small,
            _ => true,
        };
        let later = self.windows.iter().enumerate().skip(self.link + 1);
        later.filter(|(_, window)| fits(window)).map(|(link, _)| link).next()
    }
}

#[cfg(test)]
mod tests;
