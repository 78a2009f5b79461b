//! The ways through a role: every arm that requests take, with every choice of guards.
//!
//! Owns their enumeration, with a request for each; what a way is like is for the planner, which
//! the router asks, too.

use model_map::{Arm, Condition, Draw, Flag, ModelMap, Plan, RequestFacts, Role, plan};

use super::requests::{Requests, Verdict};

/// More ways than a person would write: beyond them nothing is proved.
const MOST_WAYS: usize = 512;

/// One way.
#[derive(Debug, Clone)]
pub struct Way {
    /// The arm's place.
    pub arm: usize,
    /// A request that takes it.
    pub request: RequestFacts,
}

/// The ways are too many, or which there are would take too long to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Every way, at least one request of `requests` for each.
///
/// # Errors
/// When they are too many.
pub fn ways(role: &Role, requests: &Requests) -> Result<Vec<Way>, TooMany> {
    let arms: Vec<_> = role.arms.iter().map(|arm| arm.when.as_ref()).collect();
    let stream = Condition::Flag(Flag::Stream);
    // Whether an answer is streamed changes its timers, so that it makes two ways of one.
    let apart: Vec<_> = role.guards.iter().map(|guard| &guard.when).chain([&stream]).collect();
    let mut all = Vec::new();
    let mut goals: Vec<(&Condition, bool)> = Vec::new();
    for (arm, when) in arms.iter().enumerate() {
        let taken: Vec<_> = goals.iter().copied().chain(when.map(|when| (when, true))).collect();
        let mut split = Split { requests, apart: &apart, arm, all: &mut all };
        split.go_on(&mut taken.clone(), 0)?;
        match when {
            Some(when) => goals.push((when, false)),
            None => break,
        }
    }
    Ok(all)
}

struct Split<'s> {
    requests: &'s Requests,
    apart: &'s [&'s Condition],
    arm: usize,
    all: &'s mut Vec<Way>,
}

impl<'s> Split<'s> {
    fn go_on(
        &mut self,
        goals: &mut Vec<(&'s Condition, bool)>,
        decided: usize,
    ) -> Result<(), TooMany> {
        let left = self.apart.len().saturating_sub(decided);
        // Just before the last split there is nothing to be saved by asking.
        if left != 1 {
            let request = match self.requests.satisfiable(goals) {
                Verdict::Yes(request) => *request,
                Verdict::No => return Ok(()),
                Verdict::TooComplex => return Err(TooMany),
            };
            if left == 0 {
                self.all.push(Way { arm: self.arm, request });
                return if self.all.len() > MOST_WAYS { Err(TooMany) } else { Ok(()) };
            }
        }
        let Some(next) = self.apart.get(decided) else { return Ok(()) };
        for holds in [false, true] {
            goals.push((next, holds));
            self.go_on(goals, decided + 1)?;
            goals.pop();
        }
        Ok(())
    }
}

/// The draws that differ, each with the place of the share that it falls on; without a draw the
/// only one.
pub fn draws(arm: &Arm) -> Vec<(Option<usize>, Draw)> {
    let mut start = 0_u32;
    let mut draws = Vec::new();
    for (place, share) in arm.draw.iter().enumerate() {
        if share.percent > 0 {
            draws.push((Some(place), Draw::percent(u8::try_from(start).unwrap_or(99))));
        }
        start = start.saturating_add(share.percent);
    }
    if draws.is_empty() {
        draws.push((None, Draw::percent(0)));
    }
    draws
}

/// The plan of a way in every draw that requests get.
pub fn plans<'m>(map: &'m ModelMap, role: &str, way: &Way) -> Vec<(Draw, Plan<'m>)> {
    let Some(arm) = map.roles.get(role).and_then(|role| role.arms.get(way.arm)) else {
        return Vec::new();
    };
    let planned = |(_, draw)| plan(map, role, &way.request, draw).ok().map(|plan| (draw, plan));
    draws(arm).into_iter().filter_map(planned).collect()
}
