//! The program's tests, played through offline by the planner and the attempt rules that the
//! router runs, under a simulated clock.
//!
//! Owns the verdicts and what tests reach; how they look is in [`crate::render::test_run`].

mod coverage;
mod judge;
mod world;

use std::time::Duration;

use model_map::{FailureClass, ModelMap, RequestFacts, plan, prompt_tokens};

use crate::analysis::ways::draws;
use crate::program::{Arm, Ask, Link, Program, TestCase};
use crate::simulate::{self, Played, play};
use crate::span::{Sources, Span};
use world::World;

pub use coverage::{Coverage, Part};

/// What became of a program's tests.
#[derive(Debug)]
pub struct Outcome {
    /// In the order of the files and their text.
    pub tests: Vec<Tested>,
    /// What they reach of the program.
    pub coverage: Coverage,
}

impl Outcome {
    /// How many failed.
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|test| !test.misses.is_empty()).count()
    }
}

/// A test that was played through.
#[derive(Debug)]
pub struct Tested {
    /// What it shows.
    pub name: String,
    /// All of it.
    pub span: Span,
    /// The expectations that do not hold, each once; none if it passed.
    pub misses: Vec<Miss>,
}

/// An expectation that does not hold, and the first play that shows it.
#[derive(Debug)]
pub struct Miss {
    /// Where it is written.
    pub span: Span,
    /// What was expected, in words.
    pub expected: String,
    /// What happened, in words.
    pub happened: String,
    /// The first link of the draw, where one is drawn.
    pub drawn: Option<String>,
    /// The arm that took the request; none if it was refused.
    pub arm: Option<Span>,
    /// In the order in which they were started.
    pub attempts: Vec<Tried>,
}

/// An attempt as it was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The alias of its model.
    pub alias: String,
    /// `provider/model-id`.
    pub key: String,
    /// When it was called, since the request came in.
    pub called_at: Duration,
    /// When it ended.
    pub ended_at: Duration,
    /// How.
    pub end: TriedEnd,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedEnd {
    /// With its first token.
    Answered,
    /// Another's first token came first.
    Superseded,
    /// It failed.
    Failed {
        /// How.
        class: FailureClass,
        /// With which status, if it had one.
        status: Option<u16>,
    },
}

/// A request, played through in one draw.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    attempts: Vec<Tried>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// By the attempt at this place.
    Answered { attempt: usize, at: Duration },
    /// With the class that says most.
    Failed { class: FailureClass, at: Duration },
    /// The client may not ask for the role.
    Refused,
    /// There were more attempts than are played through.
    TooLong,
}

/// Plays every test of a program without errors; `map` is what it compiles to.
pub fn run(program: &Program, map: &ModelMap, sources: &Sources) -> Outcome {
    let mut coverage = Coverage::of(program, sources);
    let mut cases: Vec<_> = program.tests.iter().collect();
    cases.sort_by_key(|(_, case)| case.span);
    let tested = cases.into_iter().map(|(name, case)| {
        let misses = misses(program, map, case, &mut coverage);
        Tested { name: name.clone(), span: case.span, misses }
    });
    let tests = tested.collect();
    Outcome { tests, coverage }
}

/// Each expectation that some play breaks.
fn misses(
    program: &Program,
    map: &ModelMap,
    case: &TestCase,
    coverage: &mut Coverage,
) -> Vec<Miss> {
    let Some(ask) = &case.ask else { return Vec::new() };
    let runs = runs(program, map, case, ask, coverage);
    let broken = case.expects.iter().filter_map(|expect| {
        runs.iter().find_map(|(way, run)| {
            let (expected, happened) = judge::miss(&expect.outcome, run)?;
            Some(Miss {
                span: expect.span,
                expected,
                happened,
                drawn: way.drawn.map(|link| link.model.alias.clone()),
                arm: way.arm.map(|arm| arm.span),
                attempts: run.attempts.clone(),
            })
        })
    });
    broken.collect()
}

/// The way of a play through the program.
struct Way<'p> {
    arm: Option<&'p Arm>,
    drawn: Option<&'p Link>,
}

/// The request in every draw, with the shortest and the longest pauses where that differs.
fn runs<'p>(
    program: &'p Program,
    map: &ModelMap,
    case: &TestCase,
    ask: &Ask,
    coverage: &mut Coverage,
) -> Vec<(Way<'p>, Run)> {
    let facts = facts(map, ask);
    let mut runs = Vec::new();
    let role = program.roles.get(&ask.role.name);
    let first = plan(map, &ask.role.name, &facts, model_map::Draw::percent(0));
    let (Some(role), Ok(first)) = (role, first) else {
        let way = Way { arm: None, drawn: None };
        return vec![(way, Run { attempts: Vec::new(), end: End::Refused })];
    };
    let Some(arm) = role.each_arm().get(first.arm) else { return runs };
    coverage.take_arm(arm);
    for (share, draw) in first.role.arms.get(first.arm).map(draws).unwrap_or_default() {
        let Ok(plan) = plan(map, &ask.role.name, &facts, draw) else { continue };
        let drawn = share.and_then(|share| arm.draw.get(share)).map(|share| &share.link);
        let links: Vec<&Link> = drawn.into_iter().chain(&arm.chain).collect();
        let mut known: Option<Run> = None;
        for jitter in [1.0, 0.0] {
            let mut world = World::of(&case.givens, &plan, jitter);
            let played = play(&plan, facts.stream, |call| world.meet(call));
            played.attempts.log().iter().for_each(|attempt| {
                links.get(attempt.link).into_iter().for_each(|link| coverage.call(link));
            });
            let run = told(&played, &links);
            if known.as_ref() != Some(&run) {
                runs.extend(known.replace(run).map(|run| (Way { arm: Some(arm), drawn }, run)));
            }
        }
        runs.extend(known.map(|run| (Way { arm: Some(arm), drawn }, run)));
    }
    runs
}

/// `tokens` counts as conditions see it: with the role's own prompt.
fn facts(map: &ModelMap, ask: &Ask) -> RequestFacts {
    let mut facts = ask.facts.clone();
    if ask.tokens_span.is_some() {
        let prompt = map.roles.get(&ask.role.name).map_or(0, |role| prompt_tokens(map, role));
        facts.tokens = facts.tokens.saturating_sub(prompt);
    }
    facts
}

fn told(played: &Played, links: &[&Link]) -> Run {
    let attempts = &played.attempts;
    let tried = attempts.log().iter().filter_map(|attempt| {
        let model = &links.get(attempt.link)?.model;
        let end = match &attempt.failure {
            Some(failure) => TriedEnd::Failed { class: failure.class, status: failure.status },
            None if attempt.superseded => TriedEnd::Superseded,
            None => TriedEnd::Answered,
        };
        Some(Tried {
            alias: model.alias.clone(),
            key: model.key(),
            called_at: attempt.started,
            ended_at: attempt.ended.unwrap_or(attempt.started),
            end,
        })
    });
    let end = match played.end {
        simulate::End::Answered { attempt, at } => End::Answered { attempt, at },
        simulate::End::GivenUp { at } => {
            let class = attempts.most_telling().map(|failure| failure.class);
            End::Failed { class: class.unwrap_or(FailureClass::Timeout), at }
        }
        simulate::End::Enough(_) | simulate::End::TooLong => End::TooLong,
    };
    Run { attempts: tried.collect(), end }
}
