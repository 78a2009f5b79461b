//! Every short schedule of events, under a simulated clock.
//!
//! Not random: from each state every next event is tried, and each state is visited once. Time goes
//! by the millisecond and the timers are a few of them, so that all that can happen does. Two
//! states are one when they differ in nothing but how attempts that are over went: the rules look at
//! that no more.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::map::Model;
use crate::plan::PlannedLink;
use crate::role::{Retry, Role};

const MS: Duration = Duration::from_millis(1);

/// A kind of role and of request.
#[derive(Debug, Clone, Copy)]
struct Setting {
    links: usize,
    retries: u32,
    hedged: bool,
    resumes: bool,
    streamed: bool,
    /// The links whose breakers are open at first, by bit.
    open: usize,
}

impl Setting {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for links in 1..=3 {
            for bits in 0..16 {
                let has = |bit: usize| bits & (1 << bit) != 0;
                let (hedged, resumes, streamed) = (has(1), has(2), has(3));
                if !streamed && (hedged || resumes) {
                    continue;
                }
                for open in 0..1 << links {
                    let retries = u32::from(has(0));
                    all.push(Self { links, retries, hedged, resumes, streamed, open });
                }
            }
        }
        all
    }

    /// How often a breaker changes within a schedule. With three links the schedules would be too
    /// many.
    fn turns(self) -> u8 {
        u8::from(self.links < 3)
    }

    fn role(self) -> Role {
        Role {
            hedge_after: self.hedged.then_some(MS),
            resume: self.resumes,
            retry: Retry {
                count: self.retries,
                min_backoff: MS,
                max_backoff: MS,
                on: [FailureClass::RateLimit, FailureClass::Overloaded].into(),
            },
            timeouts: Timeouts { connect: MS, first_token: 3 * MS, idle: 2 * MS, total: 6 * MS },
            ..Role::of(Vec::new())
        }
    }

    /// The attempts that `check` proves to be the most: each link as often as it may be retried.
    fn bound(self) -> usize {
        self.links * (1 + self.retries as usize)
    }
}

/// One request, halfway.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    run: Attempts,
    now: Duration,
    /// What runs, and its timers.
    running: Vec<(usize, Timer)>,
    wakes: Option<Duration>,
    /// The attempt whose bytes the client gets.
    streams: Option<usize>,
    /// How often the client was sent a status line.
    commits: usize,
    is_over: bool,
    /// The links whose breakers are open now, by bit.
    open: usize,
    /// How often they may still change.
    turns: u8,
}

/// Whether a link's breaker lets it through.
fn is_admitted(open: usize, link: usize) -> bool {
    open & (1 << link) == 0
}

/// What may happen to an attempt.
#[derive(Debug, Clone, Copy)]
enum Event {
    Commits,
    Progresses,
    Completes,
    Fails(FailureClass, Option<Duration>, f64),
}

const FAILURES: [(FailureClass, Option<Duration>, f64); 5] = [
    (FailureClass::Overloaded, None, 1.0),
    (FailureClass::RateLimit, Some(Duration::from_millis(2)), 0.0),
    (FailureClass::Auth, None, 0.0),
    (FailureClass::ContextLength, None, 0.0),
    (FailureClass::InvalidRequest, None, 0.0),
];

impl World {
    fn new(plan: &Plan<'_>, setting: Setting) -> Self {
        let run = Attempts::new(plan, setting.streamed);
        let (running, wakes, streams) = (Vec::new(), None, None);
        let now = Duration::ZERO;
        let (commits, is_over, open, turns) = (0, false, setting.open, setting.turns());
        let mut world = Self { run, now, running, wakes, streams, commits, is_over, open, turns };
        let step = world.run.start_past(world.now, &mut |link| is_admitted(open, link));
        world.does(step, setting);
        world
    }

    /// As both drivers of the router do.
    fn does(&mut self, mut step: Step, setting: Setting) {
        while let Step::Call(link) = step {
            assert!(!self.is_over && self.streams.is_none(), "a call after the end: {self:?}");
            assert!(self.now < self.run.timeouts.total, "a call past total: {self:?}");
            assert!(link < setting.links);
            let timer = self.run.timer();
            let deadline = timer.deadline();
            assert!(deadline > self.now && deadline <= self.run.timeouts.total, "{self:?}");
            self.running.push((self.run.log().len() - 1, timer));
            assert!(self.running.len() <= if setting.hedged { 2 } else { 1 }, "{self:?}");
            assert!(self.run.log().len() <= setting.bound(), "too many attempts: {self:?}");
            let is_alone = self.run.lanes.iter().flatten().count() <= 1;
            let is_forced = !is_admitted(self.open, link);
            assert!(!is_forced || is_alone, "an open breaker beside another: {self:?}");
            assert!(!is_forced || self.run.unused().is_none(), "not the last: {self:?}");
            if self.commits > 0 {
                // A continuation runs alone, and is waited for.
                self.wakes = None;
                return;
            }
            step = self.run.meanwhile();
        }
        self.wakes = match step {
            // What is due already, such as a hedge that another link stood in the way of, is due now.
            Step::Wait(until) => Some(until.max(self.now)),
            Step::Watch | Step::Call(_) => None,
            Step::GiveUp => {
                self.ends();
                None
            }
        };
    }

    fn ends(&mut self) {
        assert!(self.running.is_empty(), "over while something runs: {self:?}");
        assert!(self.now <= self.run.timeouts.total, "past total: {self:?}");
        let open = self.run.log().iter().filter(|attempt| attempt.ended.is_none());
        assert_eq!(open.count(), 0, "an attempt was forgotten: {self:?}");
        // The last link is tried whatever its breaker says.
        let is_left = self.commits == 0 && self.now < self.run.timeouts.total;
        assert!(!is_left || self.run.unused().is_none(), "a link was forgotten: {self:?}");
        self.is_over = true;
    }

    fn happens(&mut self, (at, event): (usize, Event), setting: Setting) {
        let (attempt, timer) = self.running[at];
        let is_first = self.streams.is_none();
        match event {
            Event::Progresses => self.running[at].1.progressed(self.now),
            Event::Commits => {
                assert!(is_first, "committed twice: {self:?}");
                self.run.committed(attempt, self.now);
                let mut timer = timer;
                timer.committed(self.now);
                let losers: Vec<usize> =
                    self.running.iter().map(|it| it.0).filter(|it| *it != attempt).collect();
                for loser in losers {
                    let log = &self.run.log()[loser];
                    assert!(log.superseded && log.ended == Some(self.now), "{self:?}");
                }
                self.running = vec![(attempt, timer)];
                self.wakes = None;
                self.streams = Some(attempt);
                // A continuation is joined to what was sent: there is no second status line.
                self.commits = 1.max(self.commits);
                if !setting.streamed {
                    self.completes();
                }
            }
            Event::Completes => self.completes(),
            Event::Fails(class, retry_after, jitter) => {
                let failure = Failure { retry_after, ..Failure::of(class) };
                self.fails(at, failure, jitter, setting);
            }
        }
    }

    fn completes(&mut self) {
        self.run.completed(self.now);
        self.running.clear();
        self.ends();
    }

    fn fails(&mut self, at: usize, failure: Failure, jitter: f64, setting: Setting) {
        let (attempt, _) = self.running.remove(at);
        if self.commits == 0 {
            let step = self.run.attempt_failed(attempt, self.now, failure, jitter);
            return self.does(step, setting);
        }
        self.streams = None;
        let open = self.open;
        let mut can = |link: usize| is_admitted(open, link) || link + 1 == setting.links;
        let step = self.run.broke(attempt, self.now, failure, &mut can);
        assert!(setting.resumes || step == Step::GiveUp, "{self:?}");
        self.does(step, setting);
    }

    /// What of it decides what comes.
    fn key(&self) -> Self {
        let mut key = self.clone();
        for attempt in key.run.log.iter_mut().filter(|attempt| attempt.ended.is_some()) {
            *attempt = Attempt {
                link: attempt.link,
                started: Duration::ZERO,
                ended: Some(Duration::ZERO),
                failure: None,
                superseded: false,
            };
        }
        key
    }

    /// Every state that may be next.
    fn nexts(&self, setting: Setting) -> Vec<Self> {
        let mut nexts = Vec::new();
        let mut then = |happens: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            happens(&mut next);
            nexts.push(next);
        };
        let late = |timer: &Timer| timer.deadline() <= self.now;
        if self.wakes.is_some_and(|until| until <= self.now) {
            then(&|next| {
                let before = next.run.clone();
                let open = next.open;
                let step = next.run.resume_past(next.now, &mut |link| is_admitted(open, link));
                next.does(step, setting);
                let waits_on = next.wakes.is_some_and(|until| until > next.now);
                assert!(next.run != before || waits_on || next.wakes.is_none(), "{next:?}");
            });
        }
        for link in (0..setting.links).filter(|_| self.turns > 0) {
            then(&|next| {
                next.open ^= 1 << link;
                next.turns -= 1;
            });
        }
        for (at, (_, timer)) in self.running.iter().enumerate() {
            if late(timer) {
                let timeout = Event::Fails(FailureClass::Timeout, None, 0.0);
                then(&|next| next.happens((at, timeout), setting));
                continue;
            }
            let failures = FAILURES.map(|(class, wait, jitter)| Event::Fails(class, wait, jitter));
            let good = match self.streams {
                Some(_) => [Event::Progresses, Event::Completes].to_vec(),
                None => [Event::Commits].to_vec(),
            };
            for event in good.into_iter().chain(failures) {
                then(&|next| next.happens((at, event), setting));
            }
        }
        let is_due = self.wakes.is_some_and(|until| until <= self.now);
        if !is_due && !self.running.iter().any(|(_, timer)| late(timer)) {
            then(&|next| next.now += MS);
        }
        nexts
    }
}

/// Visits every state of a setting; how many there are, and how many of them are ends.
fn explore(setting: Setting) -> (usize, usize) {
    let role = setting.role();
    // Of the three windows the second is the smallest.
    let windows = [Some(200), Some(100), Some(300)];
    let model = |window: &Option<u64>| -> Model {
        let model = serde_json::json!({"id": "m", "provider": "p", "context_tokens": window});
        serde_json::from_value(model).unwrap()
    };
    let models: BTreeMap<usize, Model> =
        windows.iter().take(setting.links).map(model).enumerate().collect();
    let chain = models.values().map(|model| PlannedLink { key: "p/m", model }).collect();
    let plan = Plan {
        arm: 0,
        chain,
        parameters: role.parameters,
        role: &role,
        role_name: "r",
        rule: "",
        system: &role.system,
        timeouts: role.timeouts,
    };
    let (mut seen, mut ends) = (HashSet::new(), 0);
    let mut open = vec![World::new(&plan, setting)];
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        if world.is_over {
            ends += 1;
            continue;
        }
        assert!(world.now <= role.timeouts.total, "no end by total: {world:?}");
        let nexts = world.nexts(setting);
        assert!(!nexts.is_empty(), "stuck: {world:?}");
        open.extend(nexts);
    }
    (seen.len(), ends)
}

#[test]
fn every_short_schedule_keeps_the_rules() {
    let settings = Setting::all();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut sum = (0, 0);
        while let Some(setting) =
            settings.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        {
            let (states, ends) = explore(*setting);
            sum = (sum.0 + states, sum.1 + ends);
        }
        sum
    };
    let sums = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let (states, ends) = sums.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{} settings, {states} states, {ends} of them ends", settings.len());
    assert!(ends > 0 && states > ends);
}
