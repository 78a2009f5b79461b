//! The breaker by example, and invariants over random histories.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const BAD: Verdict = Verdict::Bad(None);

/// Fails so often in a row that it opens.
fn open(breaker: &mut Breaker, now: Duration) {
    for _ in 0..FAILURES_IN_A_ROW {
        let pass = breaker.admit(now).unwrap();
        breaker.ended(pass, now, BAD);
    }
    assert_eq!(breaker.state(now), BreakerState::Open);
}

fn limited(seconds: u32) -> Verdict {
    Verdict::Bad(Some(seconds * SECOND))
}

#[test]
fn three_failures_in_a_row_open_it_and_a_success_between_does_not() {
    let mut breaker = Breaker::default();
    for verdict in [BAD, BAD, Verdict::Good, BAD, BAD, Verdict::None] {
        let pass = breaker.admit(SECOND).unwrap();
        breaker.ended(pass, SECOND, verdict);
        assert_eq!(breaker.state(SECOND), BreakerState::Closed);
    }
    let pass = breaker.admit(SECOND).unwrap();
    breaker.ended(pass, SECOND, BAD);
    assert_eq!(breaker.open_until(SECOND), Some(6 * SECOND), "what says nothing breaks no row");
    assert_eq!(breaker.admit(SECOND), None);
}

#[test]
fn half_of_ten_within_half_a_minute_open_it() {
    let mut breaker = Breaker::default();
    let mut end = |now: Duration, verdict| {
        let pass = breaker.admit(now).unwrap();
        breaker.ended(pass, now, verdict);
        breaker.state(now)
    };
    for second in 0..9 {
        let verdict = if second % 2 == 0 { BAD } else { Verdict::Good };
        assert_eq!(end(second * SECOND, verdict), BreakerState::Closed, "nine are too few");
    }
    // Those of the first two seconds are too old by now.
    assert_eq!(end(31 * SECOND, Verdict::Good), BreakerState::Closed);
    assert_eq!(end(31 * SECOND, BAD), BreakerState::Closed, "four of nine");
    assert_eq!(end(31 * SECOND, BAD), BreakerState::Open, "five of ten");
}

#[test]
fn what_a_provider_asks_for_opens_it_at_once_and_within_bounds() {
    for (asked, open) in [(1, 1), (20, 20), (3600, 30)] {
        let mut breaker = Breaker::default();
        let pass = breaker.admit(SECOND).unwrap();
        breaker.ended(pass, SECOND, limited(asked));
        assert_eq!(breaker.open_until(SECOND), Some(SECOND + open * SECOND));
    }
}

#[test]
fn a_shorter_cool_down_never_shortens_a_longer_one() {
    let mut breaker = Breaker::default();
    let passes = [(); 4].map(|()| breaker.admit(Duration::ZERO).unwrap());
    breaker.ended(passes[0], Duration::ZERO, limited(20));
    for (pass, asked) in passes.into_iter().skip(1).zip([1, 30, 2]) {
        breaker.ended(pass, SECOND, limited(asked));
    }
    assert_eq!(breaker.open_until(SECOND), Some(31 * SECOND));
    breaker.open_for(SECOND, 5 * SECOND);
    assert_eq!(breaker.open_until(SECOND), Some(31 * SECOND));
}

#[test]
fn one_probe_is_let_through_and_decides() {
    let mut breaker = Breaker::default();
    open(&mut breaker, Duration::ZERO);
    let mut now = Duration::ZERO;
    for cool_down in [5, 10, 20, 30, 30] {
        assert_eq!(breaker.admit(now + cool_down * SECOND - SECOND / 100), None);
        now += cool_down * SECOND;
        assert_eq!(breaker.state(now), BreakerState::HalfOpen);
        let probe = breaker.admit(now).unwrap();
        assert!(probe.is_probe());
        assert_eq!(breaker.admit(now), None, "one at a time");
        breaker.ended(probe, now, BAD);
    }
    now += 30 * SECOND;
    let probe = breaker.admit(now).unwrap();
    breaker.answered(probe);
    assert_eq!(breaker.state(now), BreakerState::Closed, "with its first token");
    breaker.ended(probe, now, Verdict::Good);
    open(&mut breaker, now);
    assert_eq!(breaker.open_until(now), Some(now + 5 * SECOND), "and all is forgotten");
}

#[test]
fn a_probe_that_tells_nothing_leaves_its_place_to_the_next() {
    let mut breaker = Breaker::default();
    open(&mut breaker, Duration::ZERO);
    let now = 5 * SECOND;
    let probe = breaker.admit(now).unwrap();
    breaker.abandoned(probe, now);
    let probe = breaker.admit(now).unwrap();
    breaker.ended(probe, now, Verdict::None);
    let silent = breaker.admit(now).unwrap();
    assert_eq!(breaker.admit(now + PROBE_LEASE - SECOND), None);
    let next = breaker.admit(now + PROBE_LEASE).unwrap();
    breaker.ended(silent, now + PROBE_LEASE, BAD);
    assert_eq!(breaker.state(now + PROBE_LEASE), BreakerState::HalfOpen, "the next one decides");
    breaker.ended(next, now + PROBE_LEASE, Verdict::Good);
    assert_eq!(breaker.state(now + PROBE_LEASE), BreakerState::Closed);
}

#[test]
fn what_began_before_it_opened_does_not_close_it() {
    let mut breaker = Breaker::default();
    let early = breaker.admit(Duration::ZERO).unwrap();
    open(&mut breaker, Duration::ZERO);
    breaker.ended(early, SECOND, Verdict::Good);
    assert_eq!(breaker.state(SECOND), BreakerState::Open);
    let last = breaker.admit_last(SECOND);
    assert!(!last.is_probe());
    breaker.ended(last, SECOND, Verdict::Good);
    assert_eq!(breaker.state(SECOND), BreakerState::Closed, "the last link of a chain answers");
}

#[test]
fn other_instances_open_and_close_it() {
    let mut breaker = Breaker::default();
    breaker.open_for(SECOND, 3600 * SECOND);
    assert_eq!(breaker.open_until(SECOND), Some(31 * SECOND));
    breaker.close();
    assert_eq!(breaker.state(SECOND), BreakerState::Closed);
}

#[test]
fn only_the_providers_own_failures_count() {
    let of = |class| Verdict::of(&Failure::of(class));
    for class in FailureClass::ALL {
        let by_request = matches!(
            class,
            FailureClass::InvalidRequest
                | FailureClass::ContextLength
                | FailureClass::ContentFilter
        );
        assert_eq!(of(class), if by_request { Verdict::None } else { BAD }, "{class}");
    }
    let full = Failure { ours: true, ..Failure::of(FailureClass::Overloaded) };
    assert_eq!(Verdict::of(&full), Verdict::None);
    let wait = |wait| Failure { retry_after: Some(wait), ..Failure::of(FailureClass::RateLimit) };
    assert_eq!(Verdict::of(&wait(SECOND)), limited(1));
    assert_eq!(Verdict::of(&wait(Duration::ZERO)), BAD);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever happened in whatever order: never two probes at once, never open for longer than
    /// the longest cool-down, and the first good probe after that closes it.
    #[test]
    fn it_always_closes_again(
        history in proptest::collection::vec((0_u8..7, 0_u64..70_000, 0_usize..4), 0..60),
    ) {
        let mut breaker = Breaker::default();
        let mut now = Duration::ZERO;
        let mut running: Vec<(Pass, Duration)> = Vec::new();
        for (event, after, which) in history {
            now += Duration::from_millis(after);
            let at = (!running.is_empty()).then(|| which % running.len().max(1));
            match (event, at) {
                (0, _) => running.extend(breaker.admit(now).map(|pass| (pass, now))),
                (1, _) => running.push((breaker.admit_last(now), now)),
                (event, Some(at)) => {
                    let (pass, _) = running.remove(at);
                    match event {
                        2 => breaker.ended(pass, now, BAD),
                        3 => breaker.ended(pass, now, Verdict::Good),
                        4 => breaker.ended(pass, now, Verdict::None),
                        5 => breaker.ended(pass, now, limited(which as u32 * 30)),
                        _ => breaker.abandoned(pass, now),
                    }
                }
                _ => {}
            }
            let probes = running.iter().filter(|(pass, since)| {
                pass.is_probe() && now < *since + PROBE_LEASE && breaker.is_probed_by(*pass)
            });
            prop_assert!(probes.count() <= 1);
            prop_assert!(breaker.open_until(now).is_none_or(|until| until <= now + LONGEST_COOL_DOWN));
        }
        now += LONGEST_COOL_DOWN;
        let pass = breaker.admit(now);
        prop_assert!(pass.is_some());
        breaker.ended(pass.unwrap(), now, Verdict::Good);
        prop_assert_eq!(breaker.state(now), BreakerState::Closed);
    }
}
