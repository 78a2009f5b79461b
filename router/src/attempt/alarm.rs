//! The one timer of an attempt, from its call to the end of its answer.
//!
//! Owns how its time is kept; when it is over is [`Timer`]'s to say.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use model_map::{FailureClass, Timer};
use tokio::time::{Instant, Sleep};

use super::call::plain;
use crate::clock::Stopwatch;
use crate::wire::UpstreamError;

/// See the module.
pub(super) struct Alarm {
    pub(super) timer: Timer,
    stopwatch: Stopwatch,
    /// Set when something is first waited for, and moved on only when it fires, since nearly every
    /// event moves the deadline.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    pub(super) fn new(timer: Timer, stopwatch: Stopwatch) -> Self {
        Self { timer, stopwatch, sleep: None }
    }

    /// The same alarm, for whoever reads on; this one is done with.
    pub(super) fn hand_over(&mut self) -> Self {
        Self { sleep: self.sleep.take(), ..Self::new(self.timer, self.stopwatch) }
    }

    /// How long it is since the request came in.
    pub(super) fn now(&self) -> Duration {
        self.stopwatch.elapsed()
    }

    /// Waits for `work` while there is time.
    ///
    /// # Errors
    /// When the time is over.
    pub(super) async fn within<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, UpstreamError> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            ready!(self.poll(cx));
            Poll::Ready(Err(self.late()))
        })
        .await
    }

    /// Whether `total` is over: what never runs dry is not waited for, so that [`Self::poll`] would
    /// not be asked.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        now >= self.timer.total()
    }

    /// When `total` is over.
    pub(super) fn ends_at(&self) -> Instant {
        self.stopwatch.at(self.timer.total())
    }

    /// What it means that the time is over.
    #[cold]
    pub(super) fn late(&self) -> UpstreamError {
        let mut error = plain(FailureClass::Timeout, "no answer in time");
        error.failure.ours = self.timer.is_cut_short();
        error
    }

    /// Ready when the time is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.stopwatch.at(self.timer.deadline());
        let begin = || Box::pin(tokio::time::sleep_until(deadline));
        let sleep = self.sleep.get_or_insert_with(begin);
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use model_map::{Attempts, ModelMap};

    use super::*;

    /// The alarm of a first attempt, with 20 s for the first token and 5 s between two events.
    fn alarm() -> Alarm {
        let map: ModelMap = serde_json::from_value(serde_json::json!({
            "digest": "", "env": "test", "format": 1, "prompts": {},
            "models": {"p/m": {"id": "m", "provider": "p"}},
            "providers": {"p": {"base_url": "http://127.0.0.1:1", "protocol": "openai"}},
            "roles": {"r": {"arms": [{"chain": [{"model": "p/m"}]}],
                "retry": {"count": 0, "max_backoff_ms": 1, "min_backoff_ms": 1, "on": []},
                "timeouts": {"connect_ms": 2_000, "first_token_ms": 20_000, "idle_ms": 5_000,
                    "total_ms": 300_000}}},
        }))
        .unwrap();
        let plan = model_map::plan(&map, "r", &NoFacts, model_map::Draw::percent(0)).unwrap();
        let mut attempts = Attempts::new(&plan, true);
        attempts.start(Duration::ZERO);
        Alarm::new(attempts.timer(), Stopwatch::start())
    }

    struct NoFacts;

    impl model_map::Facts for NoFacts {
        fn flag(&self, _: model_map::Flag) -> bool {
            false
        }

        fn number(&self, _: model_map::NumberFact) -> Option<u64> {
            None
        }

        fn text(&self, _: &model_map::TextFact) -> Option<&str> {
            None
        }
    }

    async fn fires(alarm: &mut Alarm) -> u64 {
        assert!(alarm.within(pending::<()>()).await.is_err());
        alarm.now().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn it_fires_when_the_deadline_is_over_that_holds_then() {
        assert_eq!(fires(&mut alarm()).await, 20);
        let mut moved = alarm();
        let until = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        assert!(moved.within(until(10)).await.is_ok());
        // Sooner than it was set for.
        moved.timer.committed(moved.now());
        assert!(moved.within(until(4)).await.is_ok());
        // Later.
        moved.timer.progressed(moved.now());
        assert_eq!(fires(&mut moved).await, 19);
    }
}
