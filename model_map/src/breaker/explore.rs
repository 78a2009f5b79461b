//! Every short history of a breaker, under a simulated clock.

use std::collections::HashSet;

use super::*;

/// Time goes in steps in which every cool-down comes to its end.
const STEP: Duration = Duration::from_secs(5);
/// How many events a history has, and how many where other instances take part.
const DEPTH: usize = 12;
const DEPTH_WITH_OTHERS: usize = 8;
/// How many attempts run beside one another.
const MOST: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    breaker: Breaker,
    now: Duration,
    running: Vec<Pass>,
}

impl World {
    /// Every state that may be next; `others` may tell of the model, too.
    fn nexts(&self, others: bool) -> Vec<Self> {
        let mut nexts = Vec::new();
        let mut then = |happens: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            happens(&mut next);
            nexts.push(next);
        };
        then(&|next| next.now += STEP);
        if others {
            for time in [STEP, 20 * STEP] {
                then(&|next| next.breaker.open_for(next.now, time));
            }
            then(&|next| next.breaker.close());
        }
        if self.running.len() < MOST {
            then(&|next| next.running.extend(next.breaker.admit(next.now)));
            then(&|next| next.running.push(next.breaker.admit_last(next.now)));
        }
        let asked = Verdict::Bad(Some(4 * STEP));
        for at in 0..self.running.len() {
            for verdict in [Verdict::Good, Verdict::Bad(None), asked, Verdict::None] {
                then(&|next| {
                    let pass = next.running.remove(at);
                    next.breaker.ended(pass, next.now, verdict);
                });
            }
            then(&|next| {
                let pass = next.running.remove(at);
                next.breaker.abandoned(pass, next.now);
            });
        }
        nexts
    }

    fn check(&self) {
        let probes = self.running.iter().filter(|pass| self.breaker.is_probed_by(**pass));
        assert!(probes.count() <= 1, "two probes: {self:?}");
        let until = self.breaker.open_until(self.now);
        assert!(until.is_none_or(|it| it <= self.now + LONGEST_COOL_DOWN), "{self:?}");
        if self.breaker.state(self.now) == BreakerState::Open {
            assert_eq!(self.breaker.clone().admit(self.now), None, "{self:?}");
        }
        // Whatever runs or hangs: after the longest cool-down one good answer closes it.
        let mut later = self.breaker.clone();
        let then = self.now + LONGEST_COOL_DOWN;
        let pass = later.admit(then).expect("a probe is let through in the end");
        later.ended(pass, then, Verdict::Good);
        assert_eq!(later.state(then), BreakerState::Closed, "{self:?}");
    }
}

/// Visits every state that so many events lead to; how many there are.
fn explore(depth: usize, others: bool) -> usize {
    let mut open =
        vec![World { breaker: Breaker::default(), now: Duration::ZERO, running: Vec::new() }];
    let mut states = 0;
    for _ in 0..=depth {
        let mut seen = HashSet::new();
        open.retain(|world| seen.insert(world.clone()));
        states += open.len();
        open.iter().for_each(World::check);
        open = open.iter().flat_map(|world| world.nexts(others)).collect();
    }
    println!("{states} states of histories of up to {depth} events");
    states
}

#[test]
fn every_short_history_leads_back_to_closed() {
    assert!(explore(DEPTH, false) > 10_000);
}

#[test]
fn whatever_other_instances_tell_it_leads_back_to_closed() {
    assert!(explore(DEPTH_WITH_OTHERS, true) > 10_000);
}
