//! How long a client that takes nothing is waited for.
//!
//! Owns that time; what is done when it is over is the socket's.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// What is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The client has taken nothing for as long as it may.
    Client,
    /// The answer that it does not take has no more time.
    Answer,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Stall {
    patience: Duration,
    /// Set while the client takes nothing: until when it may.
    until: Option<Instant>,
    /// Most clients never stall.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    /// For a client that may take nothing for so long.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, until: None, sleep: None }
    }

    /// The client took something.
    pub(super) fn is_over(&mut self) {
        self.until = None;
    }

    /// Ready when a client that takes nothing is waited for no longer, for an answer that ends at
    /// `end`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, end: Option<Instant>) -> Poll<Lost> {
        let patience = self.patience;
        let until = *self.until.get_or_insert_with(|| Instant::now() + patience);
        let end = end.filter(|end| *end < until);
        let at = end.unwrap_or(until);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(if end.is_some() { Lost::Answer } else { Lost::Client })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_answer_may_end_before_the_clients_patience() {
        let (mut stall, began) = (Stall::new(60 * SECOND), Instant::now());
        let end = Some(began + SECOND);
        assert_eq!(poll_fn(|cx| stall.poll(cx, end)).await, Lost::Answer);
        assert_eq!(began.elapsed(), SECOND);
        // What was taken in of it waits for the rest of the client's time.
        assert_eq!(poll_fn(|cx| stall.poll(cx, None)).await, Lost::Client);
        assert_eq!(began.elapsed(), 60 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_something_has_its_time_again() {
        let (mut stall, began) = (Stall::new(2 * SECOND), Instant::now());
        let soon = tokio::time::timeout(SECOND, poll_fn(|cx| stall.poll(cx, None)));
        assert!(soon.await.is_err());
        stall.is_over();
        assert_eq!(poll_fn(|cx| stall.poll(cx, None)).await, Lost::Client);
        assert_eq!(began.elapsed(), 3 * SECOND);
    }
}
