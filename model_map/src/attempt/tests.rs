//! The attempt rules by example, and invariants over random schedules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::map::Model;
use crate::plan::PlannedLink;
use crate::role::{Retry, Role};

const MS: Duration = Duration::from_millis(1);

fn model(context_tokens: Option<u64>) -> Model {
    serde_json::from_value(serde_json::json!({
        "id": "m", "provider": "p", "context_tokens": context_tokens,
    }))
    .unwrap()
}

fn role(retry: u32) -> Role {
    let on = [FailureClass::RateLimit, FailureClass::Overloaded, FailureClass::Network];
    Role {
        retry: Retry { count: retry, on: on.into(), ..Retry::default() },
        timeouts: Timeouts {
            connect: 50 * MS,
            first_token: 1000 * MS,
            idle: 400 * MS,
            total: 5000 * MS,
        },
        ..Role::of(Vec::new())
    }
}

fn attempts(role: &Role, windows: &[Option<u64>], streamed: bool) -> Attempts {
    let models: BTreeMap<usize, Model> =
        windows.iter().map(|window| model(*window)).enumerate().collect();
    let chain = models.values().map(|model| PlannedLink { key: "p/m", model }).collect();
    let plan = Plan {
        arm: 0,
        chain,
        parameters: role.parameters,
        role,
        role_name: "r",
        rule: "",
        system: &role.system,
        timeouts: role.timeouts,
    };
    Attempts::new(&plan, streamed)
}

/// What follows when the attempt that was started last fails.
impl Attempts {
    fn failed(&mut self, now: Duration, failure: Failure, jitter: f64) -> Step {
        self.attempt_failed(self.log.len() - 1, now, failure, jitter)
    }
}

fn of(class: FailureClass) -> Failure {
    Failure::of(class)
}

#[test]
fn a_retryable_failure_waits_with_full_jitter_and_doubles() {
    let mut run = attempts(&role(3), &[None, None], true);
    assert_eq!(run.start(Duration::ZERO), Step::Call(0));
    assert_eq!(run.failed(10 * MS, of(FailureClass::Overloaded), 0.5), Step::Wait(110 * MS));
    assert_eq!(run.resume(110 * MS), Step::Call(0));
    assert_eq!(run.failed(120 * MS, of(FailureClass::Overloaded), 1.0), Step::Wait(520 * MS));
    assert_eq!(run.resume(520 * MS), Step::Call(0));
    assert_eq!(run.failed(530 * MS, of(FailureClass::Overloaded), 0.0), Step::Wait(530 * MS));
    assert_eq!(run.resume(530 * MS), Step::Call(0));
    assert_eq!(run.failed(540 * MS, of(FailureClass::Overloaded), 1.0), Step::Wait(540 * MS));
    assert_eq!(run.resume(540 * MS), Step::Call(1), "three retries are used up");
}

#[test]
fn retry_after_is_honoured_when_it_fits() {
    let limited = |seconds| Failure {
        retry_after: Some(Duration::from_secs(seconds)),
        ..of(FailureClass::RateLimit)
    };
    let mut run = attempts(&role(1), &[None, None], true);
    run.start(Duration::ZERO);
    assert_eq!(run.failed(MS, limited(2), 0.0), Step::Wait(2001 * MS));
    let mut run = attempts(&role(1), &[None, None], true);
    run.start(Duration::ZERO);
    assert_eq!(run.failed(MS, limited(60), 0.0), Step::Wait(MS));
    assert_eq!(run.resume(MS), Step::Call(1), "the next link now");
}

#[test]
fn a_failure_that_the_role_does_not_retry_goes_on_at_once() {
    for class in [FailureClass::Timeout, FailureClass::ServerError, FailureClass::Auth] {
        let mut run = attempts(&role(5), &[None, None], true);
        run.start(Duration::ZERO);
        assert_eq!(run.failed(MS, of(class), 1.0), Step::Wait(MS));
        assert_eq!(run.resume(MS), Step::Call(1), "{class}");
    }
    let mut run = attempts(&role(5), &[None, None], true);
    run.start(Duration::ZERO);
    let exhausted = Failure::of_answer(429, "insufficient_quota", "");
    assert_eq!(run.failed(MS, exhausted, 1.0), Step::Wait(MS));
    assert_eq!(run.resume(MS), Step::Call(1));
}

#[test]
fn the_requests_own_faults_end_it() {
    for class in [FailureClass::InvalidRequest, FailureClass::ContentFilter] {
        let mut run = attempts(&role(5), &[None, None], true);
        run.start(Duration::ZERO);
        assert_eq!(run.failed(MS, of(class), 1.0), Step::GiveUp, "{class}");
    }
}

#[test]
fn what_one_link_cannot_take_goes_to_the_next() {
    let mut run = attempts(&role(5), &[None, None], true);
    run.start(Duration::ZERO);
    let unfit = || Failure { link_specific: true, ..of(FailureClass::InvalidRequest) };
    assert_eq!(run.failed(MS, unfit(), 1.0), Step::Wait(MS));
    assert_eq!(run.resume(MS), Step::Call(1));
    assert_eq!(run.failed(MS, unfit(), 1.0), Step::GiveUp);
}

#[test]
fn after_context_length_only_larger_windows_are_tried() {
    let windows = [Some(200), Some(100), Some(200), Some(400)];
    let mut run = attempts(&role(0), &windows, true);
    run.start(Duration::ZERO);
    run.failed(MS, of(FailureClass::ContextLength), 0.0);
    assert_eq!(run.resume(MS), Step::Call(3));
    let mut run = attempts(&role(0), &[Some(200), None], true);
    run.start(Duration::ZERO);
    run.failed(MS, of(FailureClass::ContextLength), 0.0);
    assert_eq!(run.resume(MS), Step::Call(1), "an unknown window may be larger");
}

#[test]
fn timers_of_a_streamed_answer() {
    let mut run = attempts(&role(0), &[None, None], true);
    run.start(100 * MS);
    let mut timer = run.timer();
    assert_eq!(timer.deadline(), 1100 * MS, "first_token, from before the connection");
    timer.progressed(200 * MS);
    assert_eq!(
        timer.deadline(),
        1100 * MS,
        "events do not put the first token off, nor idle forward"
    );
    timer.committed(1090 * MS);
    run.committed(0, 1090 * MS);
    assert_eq!(timer.deadline(), 1490 * MS);
    timer.progressed(4900 * MS);
    assert_eq!(timer.deadline(), 5000 * MS, "total");
    assert_eq!(run.failed(4950 * MS, of(FailureClass::Timeout), 0.0), Step::GiveUp);
}

#[test]
fn a_whole_answer_may_take_what_later_links_do_not_need() {
    let mut run = attempts(&role(0), &[None, None, None], false);
    run.start(Duration::ZERO);
    assert_eq!(run.timer().deadline(), 3000 * MS);
    run.failed(3000 * MS, of(FailureClass::Timeout), 0.0);
    run.resume(3000 * MS);
    assert_eq!(run.timer().deadline(), 4000 * MS);
    run.failed(4000 * MS, of(FailureClass::Timeout), 0.0);
    run.resume(4000 * MS);
    assert_eq!(run.timer().deadline(), 5000 * MS);
    let mut timer = run.timer();
    timer.progressed(4100 * MS);
    assert_eq!(timer.deadline(), 4500 * MS, "a body that stalls is left");
}

#[test]
fn the_most_telling_failure_gives_the_status() {
    let mut run = attempts(&role(0), &[None, None, None], true);
    run.start(Duration::ZERO);
    run.failed(MS, Failure::of_answer(401, "", ""), 0.0);
    run.resume(MS);
    run.failed(MS, Failure::of_answer(429, "", ""), 0.0);
    run.resume(MS);
    assert_eq!(run.failed(MS, Failure::of_answer(500, "", ""), 0.0), Step::GiveUp);
    assert_eq!(run.most_telling().unwrap().client_status(), 429);
    assert_eq!(run.retry_after(), None, "not all were limited");
}

#[test]
fn the_client_waits_for_the_first_link_to_be_free_again() {
    let limited = |seconds| Failure {
        retry_after: Some(Duration::from_secs(seconds)),
        ..of(FailureClass::RateLimit)
    };
    let mut run = attempts(&role(0), &[None, None], true);
    run.start(Duration::ZERO);
    run.failed(MS, limited(30), 0.0);
    run.resume(MS);
    run.failed(MS, limited(7), 0.0);
    assert_eq!(run.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn an_invocations_end_cuts_total() {
    let mut run = attempts(&role(0), &[None], true);
    run.limit_total(300 * MS);
    run.start(Duration::ZERO);
    assert_eq!(run.timer().deadline(), 300 * MS);
    run.limit_total(9000 * MS);
    assert_eq!(run.timer().deadline(), 300 * MS);
}

fn hedged(retry: u32, links: usize) -> Attempts {
    let role = Role { hedge_after: Some(300 * MS), ..role(retry) };
    attempts(&role, &vec![None; links], true)
}

#[test]
fn a_hedge_starts_the_next_link_beside_a_silent_one_and_the_first_token_wins() {
    let mut run = hedged(0, 3);
    assert_eq!(run.start(Duration::ZERO), Step::Call(0));
    assert_eq!(run.meanwhile(), Step::Wait(300 * MS));
    assert_eq!(run.resume(299 * MS), Step::Wait(300 * MS), "not yet");
    assert_eq!(run.resume(300 * MS), Step::Call(1));
    assert_eq!(run.timer().deadline(), 1300 * MS, "each has a first_token of its own");
    assert_eq!(run.meanwhile(), Step::Watch, "at most two");
    assert_eq!(run.resume(900 * MS), Step::Watch);
    run.committed(0, 950 * MS);
    let log = run.log();
    assert!(!log[0].superseded && log[1].superseded && log[1].ended == Some(950 * MS));
    assert_eq!(run.winner().unwrap().link, 0);
    run.completed(990 * MS);
    assert_eq!(run.log()[0].ended, Some(990 * MS));
}

#[test]
fn the_one_that_runs_is_the_next_link_of_the_one_that_failed() {
    let mut run = hedged(0, 3);
    run.start(Duration::ZERO);
    assert_eq!(run.resume(300 * MS), Step::Call(1));
    assert_eq!(run.attempt_failed(0, 400 * MS, of(FailureClass::Auth), 0.0), Step::Wait(600 * MS));
    assert_eq!(run.resume(600 * MS), Step::Call(2), "hedged in turn");
    assert_eq!(
        run.attempt_failed(1, 700 * MS, of(FailureClass::Auth), 0.0),
        Step::Watch,
        "no link left"
    );
    assert_eq!(run.attempt_failed(2, 800 * MS, of(FailureClass::Auth), 0.0), Step::GiveUp);

    let mut run = hedged(0, 3);
    run.start(Duration::ZERO);
    run.resume(300 * MS);
    run.attempt_failed(1, 310 * MS, of(FailureClass::Auth), 0.0);
    assert_eq!(run.resume(310 * MS), Step::Call(2), "the silent first is still to be hedged");
    assert_eq!(run.attempt_failed(0, 320 * MS, of(FailureClass::Auth), 0.0), Step::Watch);
    assert_eq!(run.attempt_failed(2, 330 * MS, of(FailureClass::Auth), 0.0), Step::GiveUp);
}

#[test]
fn past_total_nothing_is_hedged_and_nothing_waited_for_again() {
    let mut run = hedged(0, 3);
    run.start(Duration::ZERO);
    assert_eq!(run.resume(300 * MS), Step::Call(1));
    let total = run.timeouts.total;
    // The other one's hedge would have been due long ago.
    assert!(matches!(run.attempt_failed(0, total, of(FailureClass::Timeout), 0.0), Step::Wait(_)));
    assert_eq!(run.resume(total), Step::Watch);
    assert_eq!(run.attempt_failed(1, total, of(FailureClass::Timeout), 0.0), Step::GiveUp);
}

#[test]
fn a_retry_beside_a_hedge_waits_like_any_other() {
    let mut run = hedged(1, 2);
    run.start(Duration::ZERO);
    run.resume(300 * MS);
    let step = run.attempt_failed(0, 400 * MS, of(FailureClass::Overloaded), 1.0);
    assert_eq!(step, Step::Wait(600 * MS));
    assert_eq!(run.resume(600 * MS), Step::Call(0));
    run.committed(1, 650 * MS);
    let superseded: Vec<bool> = run.log().iter().map(|attempt| attempt.superseded).collect();
    assert_eq!(superseded, [false, false, true]);
}

#[test]
fn a_failure_that_ends_the_chain_ends_hedging_but_not_what_runs() {
    let mut run = hedged(0, 3);
    run.start(Duration::ZERO);
    run.resume(300 * MS);
    assert_eq!(run.attempt_failed(0, 400 * MS, of(FailureClass::InvalidRequest), 0.0), Step::Watch);
    assert_eq!(run.attempt_failed(1, 500 * MS, of(FailureClass::Auth), 0.0), Step::GiveUp);
}

#[test]
fn what_fails_before_the_hedge_goes_on_as_without_one() {
    let mut run = hedged(0, 2);
    run.start(Duration::ZERO);
    assert_eq!(run.attempt_failed(0, 100 * MS, of(FailureClass::Auth), 0.0), Step::Wait(100 * MS));
    assert_eq!(run.resume(100 * MS), Step::Call(1));
    assert_eq!(run.meanwhile(), Step::Watch, "no link left to start");
}

#[test]
fn an_answer_that_is_not_streamed_is_not_hedged() {
    let role = Role { hedge_after: Some(300 * MS), ..role(0) };
    let mut run = attempts(&role, &[None, None], false);
    run.start(Duration::ZERO);
    assert!(!run.hedges());
    assert_eq!(run.meanwhile(), Step::Watch);
}

#[test]
fn a_link_whose_breaker_is_open_is_passed_over_but_never_the_last() {
    let mut run = attempts(&role(1), &[None, None, None], true);
    let step = run.start_past(Duration::ZERO, &mut |link| link == 1);
    assert_eq!(step, Step::Call(1));
    assert_eq!(run.skipped(), [Skipped { link: 0, before: 0 }]);
    assert_eq!(run.failed(MS, of(FailureClass::Overloaded), 0.0), Step::Wait(MS));
    // It has opened meanwhile: its retry is not made, and the last link is called unasked.
    assert_eq!(run.resume_past(MS, &mut |_| false), Step::Call(2));
    assert_eq!(run.skipped()[1..], [Skipped { link: 1, before: 1 }]);
    assert_eq!(run.failed(MS, of(FailureClass::Overloaded), 0.0), Step::Wait(MS));
    assert_eq!(run.resume_past(MS, &mut |_| false), Step::Call(2), "its retry, too");
    assert_eq!(run.failed(MS, of(FailureClass::Overloaded), 0.0), Step::GiveUp);
    assert_eq!(run.log().len(), 3);
}

#[test]
fn a_hedge_asks_the_last_links_breaker_too_and_leaves_it_for_when_the_first_has_failed() {
    let mut run = hedged(1, 2);
    assert_eq!(run.start(Duration::ZERO), Step::Call(0));
    assert_eq!(run.resume_past(300 * MS, &mut |_| false), Step::Watch);
    assert_eq!(run.skipped(), [Skipped { link: 1, before: 1 }]);
    assert_eq!(run.resume_past(301 * MS, &mut |_| false), Step::Watch, "asked once");
    let step = run.attempt_failed(0, 400 * MS, of(FailureClass::Timeout), 0.0);
    assert_eq!(step, Step::Wait(400 * MS));
    assert_eq!(run.resume_past(400 * MS, &mut |_| false), Step::Call(1), "it is all that is left");
    assert_eq!(run.attempt_failed(1, 500 * MS, of(FailureClass::Auth), 0.0), Step::GiveUp);

    let mut run = hedged(0, 3);
    run.start(Duration::ZERO);
    assert_eq!(run.resume_past(300 * MS, &mut |link| link == 2), Step::Call(2), "the next but one");
}

#[test]
fn a_retry_that_its_breaker_refuses_leaves_the_field_to_the_hedge() {
    let mut run = hedged(1, 2);
    run.start(Duration::ZERO);
    assert_eq!(run.resume(300 * MS), Step::Call(1));
    let step = run.attempt_failed(0, 400 * MS, of(FailureClass::Overloaded), 0.0);
    assert_eq!(step, Step::Wait(400 * MS));
    assert_eq!(run.resume_past(400 * MS, &mut |_| false), Step::Watch);
    assert_eq!(run.attempt_failed(1, 500 * MS, of(FailureClass::Auth), 0.0), Step::GiveUp);
}

#[test]
fn a_link_is_not_passed_over_for_one_that_may_not_be_taken() {
    let windows = [Some(100), Some(200), Some(150)];
    let mut run = attempts(&role(0), &windows, true);
    run.start(Duration::ZERO);
    run.failed(MS, of(FailureClass::ContextLength), 0.0);
    assert_eq!(run.resume_past(MS, &mut |_| false), Step::Call(2));
    let mut run = attempts(&role(0), &[Some(100), Some(200), Some(90)], true);
    run.start(Duration::ZERO);
    run.failed(MS, of(FailureClass::ContextLength), 0.0);
    assert_eq!(run.resume_past(MS, &mut |_| false), Step::Call(1), "the third is too small");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever fails whenever: never more calls than the bound, never one at or past `total`, no
    /// timer past `total`, no wait past it, links only forwards, and an end.
    #[test]
    fn bounds_hold_on_every_schedule(
        links in 1_usize..5,
        retry in 0_u32..4,
        streamed: bool,
        schedule in proptest::collection::vec(
            (0_usize..FailureClass::ALL.len(), 0_u64..1500, proptest::option::of(0_u64..4000), 0.0_f64..1.0),
            40,
        ),
    ) {
        let role = role(retry);
        let total = role.timeouts.total;
        let mut run = attempts(&role, &vec![None; links], streamed);
        let mut now = Duration::ZERO;
        let mut step = run.start(now);
        let mut calls = 0;
        let mut last = 0;
        for (class, took, retry_after, jitter) in schedule {
            if let Step::Wait(until) = step {
                prop_assert!(until < total && until >= now);
                now = until;
                step = run.resume(now);
            }
            let Step::Call(link) = step else { break };
            prop_assert!(now < total && link >= last && link < links);
            last = link;
            calls += 1;
            prop_assert!(run.timer().deadline() > now && run.timer().deadline() <= total);
            now = (now + Duration::from_millis(took)).min(run.timer().deadline());
            let failure = Failure {
                retry_after: retry_after.map(Duration::from_millis),
                ..of(FailureClass::ALL[class])
            };
            step = run.failed(now, failure, jitter);
        }
        prop_assert_eq!(step, Step::GiveUp);
        prop_assert!(calls <= links * (1 + retry as usize));
        prop_assert_eq!(run.log().len(), calls);
    }

    /// Hedged: on every schedule at most two run, nothing starts at or past `total` or after the
    /// commit, the loser is cancelled, attempts are bounded, and there is an end.
    #[test]
    fn bounds_hold_on_every_hedged_schedule(
        links in 1_usize..5,
        retry in 0_u32..4,
        hedge in 0_u64..1500,
        schedule in proptest::collection::vec(
            (0_usize..FailureClass::ALL.len(), 0_u64..1500, proptest::option::of(0_u64..4000), 0.0_f64..1.0, 0_u8..12),
            60,
        ),
    ) {
        let role = Role { hedge_after: Some(Duration::from_millis(hedge)), ..role(retry) };
        let total = role.timeouts.total;
        let mut run = attempts(&role, &vec![None; links], true);
        // Per running attempt: when it reports, and what: nothing is its first token.
        let mut running: Vec<(Duration, usize, Option<Failure>, f64)> = Vec::new();
        let mut schedule = schedule.into_iter().cycle();
        let mut now = Duration::ZERO;
        let mut step = run.start(now);
        let mut committed = None;
        for _ in 0..1000 {
            if let Step::Call(link) = step {
                prop_assert!(now < total && link < links && running.len() < 2);
                let (class, took, retry_after, jitter, luck) = schedule.next().unwrap();
                let deadline = run.timer().deadline();
                prop_assert!(deadline > now && deadline <= total);
                let at = now + Duration::from_millis(took);
                let retry_after = retry_after.map(Duration::from_millis);
                let failure = Failure { retry_after, ..of(FailureClass::ALL[class]) };
                let failure = match (at < deadline, luck) {
                    (false, _) => Some(of(FailureClass::Timeout)),
                    (true, 0) => None,
                    (true, _) => Some(failure),
                };
                running.push((at.min(deadline), run.log().len() - 1, failure, jitter));
                step = run.meanwhile();
                continue;
            }
            if step == Step::GiveUp {
                break;
            }
            let first = (0..running.len()).min_by_key(|index| running[*index].0);
            let wake = match step {
                Step::Wait(until) => Some(until),
                _ => None,
            };
            prop_assert!(wake.is_none_or(|at| at < total));
            match (first, wake) {
                (Some(index), wake) if wake.is_none_or(|at| running[index].0 <= at) => {
                    let (at, attempt, failure, jitter) = running.swap_remove(index);
                    now = now.max(at);
                    match failure {
                        Some(failure) => step = run.attempt_failed(attempt, now, failure, jitter),
                        None => {
                            run.committed(attempt, now);
                            committed = Some(attempt);
                            break;
                        }
                    }
                }
                (_, Some(at)) => {
                    now = now.max(at);
                    step = run.resume(now);
                }
                (_, None) => prop_assert!(false, "it waits for nothing"),
            }
        }
        prop_assert!(committed.is_some() || step == Step::GiveUp);
        prop_assert!(committed.is_some() || running.is_empty());
        prop_assert!(run.log().len() <= links * (1 + retry as usize));
        for (index, attempt) in run.log().iter().enumerate() {
            let cancelled = running.iter().any(|it| it.1 == index);
            prop_assert_eq!(attempt.superseded, cancelled);
            prop_assert!(attempt.ended.is_some() || committed == Some(index));
            prop_assert!(attempt.ended.is_none_or(|at| at <= total));
        }
        for link in 0..links {
            let calls = run.log().iter().filter(|attempt| attempt.link == link).count();
            prop_assert!(calls <= 1 + retry as usize);
        }
    }
}
