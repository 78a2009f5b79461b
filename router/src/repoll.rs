//! A future that is polled again at once when it wakes itself.
//!
//! hyper's connection does so with every request body that is read on it. To tokio that is a
//! yield: the task goes to the end of the queue and a sleeping worker is woken to help, which
//! costs more than all else that the router does for a request (`docs/benchmarks.md`).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls in a row before other tasks have their turn.
const IN_A_ROW: u8 = 8;

/// Nobody polls: a wake goes to the scheduler.
const IDLE: u8 = 0;
/// Being polled.
const POLLED: u8 = 1;
/// Woken while it was being polled.
const WOKEN: u8 = 2;

/// See the module.
pub(crate) struct Repoll<F> {
    future: Pin<Box<F>>,
    shared: Arc<Shared>,
    waker: Waker,
}

struct Shared {
    state: AtomicU8,
    /// The task's own.
    outer: Mutex<Waker>,
}

impl<F: Future> Repoll<F> {
    /// Wraps a future.
    pub(crate) fn new(future: F) -> Self {
        let outer = Mutex::new(Waker::noop().clone());
        let shared = Arc::new(Shared { state: AtomicU8::new(IDLE), outer });
        let waker = Waker::from(Arc::clone(&shared));
        Self { future: Box::pin(future), shared, waker }
    }

    /// What has it polled again.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Shared {
    fn remember(&self, waker: &Waker) {
        self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone_from(waker);
    }

    fn wake_task(&self) {
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        outer.wake();
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self.state.compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if noted == Err(IDLE) {
            self.wake_task();
        }
    }
}

impl<F: Future> Future for Repoll<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        this.shared.remember(context.waker());
        for _ in 0..IN_A_ROW {
            this.shared.state.store(POLLED, Ordering::Release);
            let polled = this.future.as_mut().poll(&mut Context::from_waker(&this.waker));
            // A wake before this line is seen here, one after it goes to the scheduler.
            let before = this.shared.state.swap(IDLE, Ordering::AcqRel);
            if polled.is_ready() || before == POLLED {
                return polled;
            }
        }
        this.shared.wake_task();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::task::ready;

    use super::*;

    /// Counts how often the scheduler is bothered.
    #[derive(Default)]
    struct Scheduler(AtomicUsize);

    impl Wake for Scheduler {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future that wakes itself so often before it is ready.
    fn wakes_itself(times: u32) -> impl Future<Output = ()> {
        let mut left = times;
        poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn polled(future: &mut Repoll<impl Future<Output = ()>>) -> (bool, usize) {
        let scheduler = Arc::new(Scheduler::default());
        let waker = Waker::from(Arc::clone(&scheduler));
        let polled = Pin::new(future).poll(&mut Context::from_waker(&waker));
        (polled.is_ready(), scheduler.0.load(Ordering::SeqCst))
    }

    #[test]
    fn a_future_that_wakes_itself_does_not_bother_the_scheduler() {
        assert_eq!(polled(&mut Repoll::new(wakes_itself(3))), (true, 0));
    }

    #[test]
    fn one_that_never_stops_lets_others_have_their_turn() {
        let mut future = Repoll::new(wakes_itself(10));
        assert_eq!(polled(&mut future), (false, 1));
        assert_eq!(polled(&mut future), (true, 0));
    }

    #[test]
    fn a_wake_between_polls_reaches_the_task_that_polled_last() {
        let kept = Arc::new(Mutex::new(None::<Waker>));
        let keeps = Arc::clone(&kept);
        let mut future = Repoll::new(poll_fn(move |context| {
            *keeps.lock().unwrap() = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        assert_eq!(polled(&mut future), (false, 0));
        let scheduler = Arc::new(Scheduler::default());
        let waker = Waker::from(Arc::clone(&scheduler));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        kept.lock().unwrap().take().unwrap().wake();
        assert_eq!(scheduler.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_another_thread_is_lost() {
        let (to, mut from) = tokio::sync::mpsc::channel::<u32>(1);
        let mut sum = 0;
        let receives = Repoll::new(poll_fn(move |context| {
            loop {
                match ready!(from.poll_recv(context)) {
                    Some(number) => sum += number,
                    None => return Poll::Ready(sum),
                }
            }
        }));
        let receives = tokio::spawn(receives);
        for number in 0..5_000 {
            to.send(number).await.unwrap();
        }
        drop(to);
        assert_eq!(receives.await.unwrap(), 5_000 * 4_999 / 2);
    }
}
