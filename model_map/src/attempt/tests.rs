//! The attempt rules by example, and invariants over random schedules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::map::Model;
use crate::plan::PlannedLink;
use crate::role::Role;

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
    assert_eq!(run.deadline(), 1100 * MS, "first_token, from before the connection");
    run.progressed(200 * MS);
    assert_eq!(
        run.deadline(),
        1100 * MS,
        "events do not put the first token off, nor idle forward"
    );
    run.committed(1090 * MS);
    assert_eq!(run.deadline(), 1490 * MS);
    run.progressed(4900 * MS);
    assert_eq!(run.deadline(), 5000 * MS, "total");
    assert_eq!(run.failed(4950 * MS, of(FailureClass::Timeout), 0.0), Step::GiveUp);
}

#[test]
fn a_whole_answer_may_take_what_later_links_do_not_need() {
    let mut run = attempts(&role(0), &[None, None, None], false);
    run.start(Duration::ZERO);
    assert_eq!(run.deadline(), 3000 * MS);
    run.failed(3000 * MS, of(FailureClass::Timeout), 0.0);
    run.resume(3000 * MS);
    assert_eq!(run.deadline(), 4000 * MS);
    run.failed(4000 * MS, of(FailureClass::Timeout), 0.0);
    run.resume(4000 * MS);
    assert_eq!(run.deadline(), 5000 * MS);
    run.progressed(4100 * MS);
    assert_eq!(run.deadline(), 4500 * MS, "a body that stalls is left");
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
    assert_eq!(run.deadline(), 300 * MS);
    run.limit_total(9000 * MS);
    assert_eq!(run.deadline(), 300 * MS);
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
            prop_assert!(run.deadline() > now && run.deadline() <= total);
            now = (now + Duration::from_millis(took)).min(run.deadline());
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
}
