//! Doing something while something else is waited for.
//!
//! Owns nothing but the order: what a provider need not wait for is done once it has its request,
//! in the time that it takes to answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Waits for `waiting`, and does `work` as soon as that has begun to wait, or is done.
pub(crate) async fn meanwhile<T, R>(
    mut waiting: Pin<&mut impl Future<Output = T>>,
    work: impl FnOnce() -> R,
) -> (T, R) {
    let begun = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
    let done = work();
    let waited = match begun {
        Poll::Ready(waited) => waited,
        Poll::Pending => {
            woken().await;
            waiting.await
        }
    };
    (waited, done)
}

/// Ready when the task is polled again: what was polled last wakes it.
async fn woken() {
    let mut asleep = true;
    poll_fn(|_| if std::mem::take(&mut asleep) { Poll::Pending } else { Poll::Ready(()) }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_work_is_done_once_the_waiting_has_begun() {
        let said = std::cell::RefCell::new(Vec::new());
        let mut waiting = std::pin::pin!(async {
            said.borrow_mut().push("asked");
            tokio::task::yield_now().await;
            said.borrow_mut().push("answered");
            1
        });
        let done = meanwhile(waiting.as_mut(), || said.borrow_mut().push("worked")).await;
        assert_eq!((done.0, said.take()), (1, vec!["asked", "worked", "answered"]));
    }

    #[tokio::test]
    async fn it_is_done_too_where_nothing_is_waited_for() {
        let waiting = std::pin::pin!(async { 1 });
        assert_eq!(meanwhile(waiting, || 2).await, (1, 2));
    }
}
