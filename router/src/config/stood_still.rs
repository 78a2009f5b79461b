//! Whether the process stood still while something was waited for.
//!
//! Owns the telling: a Lambda function is frozen between two invocations, its clock goes on, and
//! each limit of time that runs out meanwhile is no fault of what it limits. What follows from that
//! is its caller's.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

/// How often is looked at the clock.
const TICK: Duration = Duration::from_millis(250);
/// A tick that comes so late was not just waited for: the limits of calls are some seconds.
const LATE: Duration = Duration::from_secs(1);

/// What `work` comes to, and whether the process stood still before it did.
pub(super) async fn stood_still<T>(work: impl Future<Output = T>) -> (T, bool) {
    let mut work = pin!(work);
    let (mut last, mut stood) = (Instant::now(), false);
    loop {
        let done = tokio::time::timeout_at(last + TICK, &mut work).await;
        let now = Instant::now();
        stood |= now >= last + TICK + LATE;
        last = now;
        if let Ok(done) = done {
            return (done, stood);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_that_is_waited_for_is_told_from_time_that_is_lost() {
        let slow = stood_still(tokio::time::sleep(Duration::from_secs(30)));
        assert!(!slow.await.1);
        // A limit runs out in the sleep of the process.
        let (give, limited) = oneshot::channel::<()>();
        let limited = tokio::time::timeout(Duration::from_secs(3), limited);
        let watched = tokio::spawn(stood_still(limited));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(20)).await;
        let (done, stood) = watched.await.unwrap();
        assert!(done.is_err() && stood);
        drop(give);
    }
}
