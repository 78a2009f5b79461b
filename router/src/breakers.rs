//! The breakers of this process: one for each model of a provider, for all requests.
//!
//! Owns who holds them and what they are told; when one opens and closes is
//! [`model_map::Breaker`]'s. A lock is held for a few instructions and never across a wait. What
//! instances tell each other is the `fleet`'s.

#[cfg(feature = "aws")]
pub mod fleet;
#[cfg(feature = "aws")]
mod others;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use model_map::breaker::PROBE_LEASE;
use model_map::{Breaker, BreakerState, Failure, Pass, Verdict};

use crate::log::say;

/// Told of every change of a breaker, to share it with other instances. What it learns from them it
/// passes on by [`Breakers::open_for`] and [`Breakers::close`], of which it is not told again.
pub trait Watcher: Send + Sync {
    /// A breaker is in another state now; an open one for so long. One is half open when a probe
    /// begins, for as long as its verdict is waited for, and for no time when it ended without one.
    /// Called outside of every lock, on the way of a request: it must not wait.
    fn changed(&self, model: &str, state: BreakerState, time: Duration);
}

/// What tells the time: how long it is since a moment that never changes.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// All breakers, by `provider/model-id`. They outlive maps: what a model does hangs on no map.
pub struct Breakers {
    clock: Clock,
    /// There are a few: comparing their names takes less than a hash.
    models: RwLock<BTreeMap<String, Arc<Guarded>>>,
    watcher: Option<Arc<dyn Watcher>>,
    is_off: bool,
}

/// A model and its breaker.
struct Guarded {
    model: String,
    clock: Clock,
    watcher: Option<Arc<dyn Watcher>>,
    breaker: Mutex<Breaker>,
}

/// A breaker as others are shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub state: BreakerState,
    /// How long it stays open; zero when it is not.
    pub open_for: Duration,
}

impl Default for Breakers {
    fn default() -> Self {
        let epoch = tokio::time::Instant::now();
        Self::by(Arc::new(move || epoch.elapsed()))
    }
}

impl Breakers {
    /// Breakers that live by this clock.
    pub fn by(clock: Clock) -> Self {
        Self { clock, models: RwLock::default(), watcher: None, is_off: false }
    }

    /// Breakers that never open: what is tried is the map's alone.
    pub fn off() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// The same, whose changes are told to `watcher`. To be called before the first request.
    #[must_use]
    pub fn watched(self, watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Lets an attempt through, or none.
    pub(crate) fn admit(&self, model: &str) -> Option<Ticket> {
        if self.is_off {
            return Some(Ticket::default());
        }
        let guarded = self.guarded(model);
        let pass = guarded.change(Breaker::admit)?;
        guarded.begins(pass);
        Some(Ticket(Some((guarded, pass))))
    }

    /// Lets an attempt through in any case: the last link of a chain.
    pub(crate) fn admit_last(&self, model: &str) -> Ticket {
        if self.is_off {
            return Ticket::default();
        }
        let guarded = self.guarded(model);
        let pass = guarded.change(Breaker::admit_last);
        guarded.begins(pass);
        Ticket(Some((guarded, pass)))
    }

    /// What a model's breaker is.
    pub fn seen(&self, model: &str) -> Seen {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let closed = Seen { state: BreakerState::Closed, open_for: Duration::ZERO };
        models.get(model).map_or(closed, |guarded| seen(&guarded.lock(), guarded.now()))
    }

    /// Every model that was asked for, and what its breaker is.
    pub(crate) fn all(&self) -> Vec<(String, Seen)> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let seen = |guarded: &Arc<Guarded>| seen(&guarded.lock(), guarded.now());
        models.iter().map(|(model, guarded)| (model.clone(), seen(guarded))).collect()
    }

    /// Another instance has found a model to fail: it is left alone for so long.
    pub fn open_for(&self, model: &str, time: Duration) {
        let guarded = self.guarded(model);
        let now = guarded.now();
        guarded.lock().open_for(now, time);
    }

    /// Another instance has found a model to answer again.
    pub fn close(&self, model: &str) {
        self.guarded(model).lock().close();
    }

    fn guarded(&self, model: &str) -> Arc<Guarded> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(guarded) = models.get(model) {
            return Arc::clone(guarded);
        }
        drop(models);
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let guarded = models.entry(model.to_owned()).or_insert_with(|| {
            let (model, watcher) = (model.to_owned(), self.watcher.clone());
            let clock = Arc::clone(&self.clock);
            Arc::new(Guarded { model, clock, watcher, breaker: Mutex::default() })
        });
        Arc::clone(guarded)
    }
}

impl Guarded {
    fn now(&self) -> Duration {
        (self.clock)()
    }

    // A breaker is whole between any two of its steps.
    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the breaker and tells what has changed by it.
    fn change<T>(&self, change: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let now = self.now();
        let mut breaker = self.lock();
        let before = breaker.state(now);
        let result = change(&mut breaker, now);
        let changed = (before != breaker.state(now)).then(|| seen(&breaker, now));
        drop(breaker);
        if let Some(changed) = changed {
            self.tell(changed);
        }
        result
    }

    /// Whether it is closed, whatever the time: then most of what it is told changes nothing.
    fn is_closed(&self) -> bool {
        self.lock().state(Duration::MAX) == BreakerState::Closed
    }

    /// Tells of an attempt that was let through as a probe.
    fn begins(&self, pass: Pass) {
        if pass.is_probe()
            && let Some(watcher) = &self.watcher
        {
            watcher.changed(&self.model, BreakerState::HalfOpen, PROBE_LEASE);
        }
    }

    /// Tells of a probe that ended and has decided nothing.
    fn ends(&self, pass: Pass) {
        if pass.is_probe()
            && let Some(watcher) = &self.watcher
            && self.lock().state(self.now()) == BreakerState::HalfOpen
        {
            watcher.changed(&self.model, BreakerState::HalfOpen, Duration::ZERO);
        }
    }

    #[cold]
    fn tell(&self, Seen { state, open_for }: Seen) {
        let model = &self.model;
        match state {
            BreakerState::Open => {
                say(&format!("leaves {model} alone for {} ms: it fails", open_for.as_millis()));
            }
            BreakerState::Closed => say(&format!("takes {model} again: it answers")),
            BreakerState::HalfOpen => {}
        }
        if let Some(watcher) = &self.watcher {
            watcher.changed(model, state, open_for);
        }
    }
}

fn seen(breaker: &Breaker, now: Duration) -> Seen {
    let until = breaker.open_until(now).unwrap_or(now);
    Seen { state: breaker.state(now), open_for: until.saturating_sub(now) }
}

/// An attempt that was let through. One that is dropped before it told anything was given up: by a
/// client that left, or by another attempt that was quicker.
#[derive(Default)]
pub(crate) struct Ticket(Option<(Arc<Guarded>, Pass)>);

impl Ticket {
    /// The model answers: the first token is there.
    pub(crate) fn answered(&self) {
        if let Some((guarded, pass)) = &self.0
            && !guarded.is_closed()
        {
            guarded.change(|breaker, _| breaker.answered(*pass));
        }
    }

    /// The attempt delivered its whole answer.
    pub(crate) fn completed(self) {
        self.ended(Verdict::Good);
    }

    /// The attempt failed, before or after its first token. The model, if its breaker opens by that.
    pub(crate) fn failed(self, failure: &Failure) -> Option<String> {
        self.ended(Verdict::of(failure))
    }

    fn ended(mut self, verdict: Verdict) -> Option<String> {
        let (guarded, pass) = self.0.take()?;
        let opens = guarded.change(|breaker, now| {
            let before = breaker.openings();
            breaker.ended(pass, now, verdict);
            breaker.openings() > before
        });
        guarded.ends(pass);
        opens.then(|| guarded.model.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some((guarded, pass)) = self.0.take() {
            guarded.change(|breaker, now| breaker.abandoned(pass, now));
            guarded.ends(pass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model_map::FailureClass;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Watcher for Heard {
        fn changed(&self, model: &str, state: BreakerState, time: Duration) {
            let told = format!("{model} {} {}", state.name(), time.as_secs());
            self.0.lock().unwrap().push(told);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_is_told_of_each_change_and_not_of_what_it_told_itself() {
        let heard = Arc::new(Heard::default());
        let breakers = Breakers::default().watched(heard.clone());
        let mut opened = Vec::new();
        for _ in 0..3 {
            let ticket = breakers.admit("p/m").unwrap();
            opened.extend(ticket.failed(&Failure::of(FailureClass::Overloaded)));
        }
        assert_eq!(opened, ["p/m"], "the third of them");
        assert!(breakers.admit("p/m").is_none() && breakers.admit("p/other").is_some());
        assert_eq!(breakers.seen("p/m").open_for, Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        let probe = breakers.admit("p/m").unwrap();
        assert!(breakers.admit("p/m").is_none());
        drop(probe);
        let probe = breakers.admit("p/m").expect("a probe that was given up leaves its place");
        probe.answered();
        breakers.open_for("p/m", Duration::from_secs(7));
        assert!(breakers.admit("p/m").is_none());
        breakers.close("p/m");
        assert!(breakers.admit("p/m").is_some());
        assert_eq!(
            *heard.0.lock().unwrap(),
            [
                "p/m open 5",
                "p/m half_open 30",
                "p/m half_open 0",
                "p/m half_open 30",
                "p/m closed 0"
            ]
        );
    }
}
