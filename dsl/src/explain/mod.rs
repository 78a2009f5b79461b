//! What a role does with a request, and why: the arm, the guards, each field with its place, and
//! the chain with its worst case.
//!
//! Owns the account; how it looks is in [`crate::render::explain`].

mod fields;
mod reasons;
pub mod request;
pub mod rule;

use std::time::Duration;

use model_map::{Condition, Draw, ModelMap, Plan, RequestFacts, may_ask, plan, prompt_tokens};

use crate::analysis::bounds::{cost, link_time, time_before_commit};
use crate::analysis::ways::draws;
use crate::program::{Arm, Link, Program, Role};
use crate::span::Span;

pub use fields::Field;
pub use reasons::Reason;

/// What a role does with a request.
#[derive(Debug)]
pub struct Explained {
    /// The role's name.
    pub role: String,
    /// Where that is declared.
    pub span: Span,
    /// One line for people.
    pub about: Option<String>,
    /// The request; `tokens` with the role's own prompt, as conditions see it.
    pub facts: RequestFacts,
    /// The part of the tokens that is the role's prompt.
    pub prompt_tokens: u64,
    /// Whether its client may ask for the role; if not, nothing below happens.
    pub may_ask: bool,
    /// In the order in which they are tried.
    pub arms: Vec<Clause>,
    /// In the order in which they apply.
    pub guards: Vec<Clause>,
    /// What is in effect for this request, in the order of the documentation.
    pub fields: Vec<Field>,
    /// Each chain that the request may get.
    pub ways: Vec<Way>,
}

/// An arm or a guarded block.
#[derive(Debug)]
pub struct Clause {
    /// Where it is written.
    pub span: Span,
    /// What became of it.
    pub verdict: Verdict,
    /// The tests of its condition; none where it has none.
    pub reasons: Vec<Reason>,
}

/// What became of an arm or a guarded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The arm takes the request; the block applies.
    Applies,
    /// Its condition does not hold.
    Fails,
    /// An arm before it takes the request.
    NotAsked,
}

/// A chain.
#[derive(Debug)]
pub struct Way {
    /// How many of a hundred conversations get it; none where nothing is drawn.
    pub percent: Option<u32>,
    /// Whether the request's own conversation gets it; none where that is not known.
    pub is_drawn: Option<bool>,
    /// In the order in which they are tried.
    pub links: Vec<Step>,
    /// The longest before an answer begins.
    pub longest: Duration,
    /// The most attempts.
    pub attempts: u64,
    /// The most that it costs, in millionths of a US dollar; none where that cannot be known.
    pub micro_dollars: Option<u64>,
}

/// A link of a chain.
#[derive(Debug)]
pub struct Step {
    /// Where it is written.
    pub span: Span,
    /// The alias of its model.
    pub alias: String,
    /// `provider/model-id`.
    pub key: String,
    /// How often it is tried at most.
    pub tries: u32,
    /// When the next one is taken at the latest.
    pub given_up_by: Duration,
}

/// Explains a role of a program without errors, whose map is `map`; `facts` counts the tokens
/// without the role's own prompt. `draw` is the draw of the request's conversation, where that is
/// known. None if there is no such role.
pub fn explain(
    program: &Program,
    map: &ModelMap,
    role: &str,
    facts: &RequestFacts,
    draw: Option<Draw>,
) -> Option<Explained> {
    let (declared, compiled) = (program.roles.get(role)?, map.roles.get(role)?);
    let prompt_tokens = prompt_tokens(map, compiled);
    let seen = RequestFacts { tokens: facts.tokens.saturating_add(prompt_tokens), ..facts.clone() };
    let guards = declared.guards.iter().map(|guard| {
        let holds = guard.when.condition.holds(&seen);
        let verdict = if holds { Verdict::Applies } else { Verdict::Fails };
        clause(guard.span, verdict, Some(&guard.when.condition), &seen)
    });
    Some(Explained {
        role: role.to_owned(),
        span: declared.name,
        about: declared.about.as_ref().map(|about| about.value.to_string()),
        prompt_tokens,
        may_ask: may_ask(map, facts.client.as_deref(), role),
        arms: arms(declared, &seen),
        guards: guards.collect(),
        fields: fields::fields(declared, &seen),
        ways: ways(declared, map, (role, facts), &seen, draw),
        facts: seen,
    })
}

fn arms(role: &Role, facts: &RequestFacts) -> Vec<Clause> {
    let mut is_taken = false;
    let arms = role.each_arm().iter().map(|arm| {
        let condition = arm.when.as_ref().map(|when| &when.condition);
        let verdict = match condition.is_none_or(|condition| condition.holds(facts)) {
            _ if is_taken => Verdict::NotAsked,
            true => Verdict::Applies,
            false => Verdict::Fails,
        };
        is_taken |= verdict == Verdict::Applies;
        clause(arm.span, verdict, condition, facts)
    });
    arms.collect()
}

fn clause(
    span: Span,
    verdict: Verdict,
    condition: Option<&Condition>,
    facts: &RequestFacts,
) -> Clause {
    let asked = condition.filter(|_| verdict != Verdict::NotAsked);
    let reasons = asked.map(|condition| reasons::reasons(condition, facts)).unwrap_or_default();
    Clause { span, verdict, reasons }
}

fn ways(
    declared: &Role,
    map: &ModelMap,
    (role, facts): (&str, &RequestFacts),
    seen: &RequestFacts,
    own: Option<Draw>,
) -> Vec<Way> {
    let planned = |draw| plan(map, role, facts, draw).ok();
    let Some(first) = planned(Draw::percent(0)) else { return Vec::new() };
    let Some(arm) = declared.each_arm().get(first.arm) else { return Vec::new() };
    let draws = first.role.arms.get(first.arm).map(draws).unwrap_or_default();
    let mut ways = Vec::new();
    for (share, draw) in draws {
        let Some(plan) = planned(draw) else { continue };
        let share = share.and_then(|share| arm.draw.get(share));
        let percent = share.map(|share| share.percent);
        let links: Vec<_> = share.map(|share| &share.link).into_iter().chain(&arm.chain).collect();
        let is_drawn = percent.and(own).map(|own| falls(arm, own) == share.map(|it| it.span));
        ways.push(Way { percent, is_drawn, ..way(&plan, &links, seen) });
    }
    ways
}

/// The share that a draw falls on.
fn falls(arm: &Arm, draw: Draw) -> Option<Span> {
    let mut below = 0;
    let found = arm.draw.iter().find(|share| {
        below += share.percent;
        u32::from(draw.as_percent()) < below
    });
    found.map(|share| share.span)
}

fn way(plan: &Plan<'_>, links: &[&Link], facts: &RequestFacts) -> Way {
    let (retry, times) = (&plan.role.retry, plan.timeouts);
    let each = link_time(times.first_token, retry);
    let steps = (1..).zip(links).map(|(count, link)| Step {
        span: link.span,
        alias: link.model.alias.clone(),
        key: link.model.key(),
        tries: retry.tries(),
        given_up_by: each.saturating_mul(count).min(times.total),
    });
    Way {
        percent: None,
        is_drawn: None,
        links: steps.collect(),
        longest: time_before_commit(plan).min(times.total),
        attempts: plan.most_attempts(),
        micro_dollars: most_dollars(plan, facts),
    }
}

/// Of a request without an output limit only if every model's own is known.
fn most_dollars(plan: &Plan<'_>, facts: &RequestFacts) -> Option<u64> {
    let asked = facts.max_tokens.or(plan.parameters.max_tokens.map(u64::from));
    let is_bounded = plan.chain.iter().all(|link| link.model.output_tokens.is_some());
    let asked = asked.or(is_bounded.then_some(u64::MAX))?;
    cost(plan, facts.tokens, asked).map(|(micro_dollars, _)| micro_dollars)
}
