//! Attempts that may run beside one another: the first that answers wins.
//!
//! Owns the running futures, and nothing of when one starts or what a failure leads to: those are
//! [`model_map::Attempts`]'s. A future that lost is dropped, and its upstream request with it.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model_map::{Attempts, Step};

use super::gate::Gate;
use super::{Exchange, Telling, Won, call, failed};

/// Runs attempts until one answers; none when all have failed.
pub(super) async fn run(
    exchange: &Exchange<'_>,
    attempts: &mut Attempts,
    told: &mut Telling,
) -> Option<Won> {
    let mut running = FuturesUnordered::new();
    let mut gate = Gate::new(exchange);
    let mut step = attempts.start_past(exchange.stopwatch.elapsed(), &mut |link| gate.admits(link));
    loop {
        let wake = match step {
            Step::Call(link) => {
                let (attempt, timer) = (attempts.log().len() - 1, attempts.timer());
                let (calling, ticket) =
                    (call::call(exchange, timer, (attempt, link)), gate.ticket(link));
                running.push(async move { (attempt, ticket, calling.await) });
                step = attempts.meanwhile();
                continue;
            }
            Step::GiveUp => return None,
            Step::Wait(until) => Some(until),
            Step::Watch => None,
        };
        let woken = async {
            match wake {
                Some(until) => tokio::time::sleep_until(exchange.stopwatch.at(until)).await,
                None => std::future::pending().await,
            }
        };
        step = tokio::select! {
            biased;
            Some((attempt, ticket, result)) = running.next() => {
                let now = exchange.stopwatch.elapsed();
                match result {
                    Ok(answered) => {
                        attempts.committed(attempt, now);
                        exchange.trail.inspect(|trail| trail.wins(attempt, now));
                        return Some((answered, ticket));
                    }
                    Err(error) => {
                        let failure = error.failure.clone();
                        failed(exchange, ticket, (attempt, now), &failure);
                        told.hear(error);
                        attempts.attempt_failed(attempt, now, failure, exchange.ambient.jitter())
                    }
                }
            }
            () = woken => {
                let now = exchange.stopwatch.elapsed();
                attempts.resume_past(now, &mut |link| gate.admits(link))
            }
        };
    }
}
