//! Which links a request may be sent to, in which order, and how it is changed for them.
//!
//! A pure function of the map and the request; the router and the offline tools call the same one.

use std::fmt;

use crate::condition::{Flag, NumberFact, TextFact};
use crate::facts::{Facts, estimate_tokens};
use crate::map::{Model, ModelMap};
use crate::role::{Arm, Parameters, Role, System, Timeouts};

/// The way of one request through the map.
#[derive(Debug, Clone)]
pub struct Plan<'m> {
    /// The place of the arm that takes it among the role's.
    pub arm: usize,
    /// The links in the order in which they are tried; at least one.
    pub chain: Vec<PlannedLink<'m>>,
    /// Request parameters for clients that do not set them, guards applied.
    pub parameters: Parameters,
    /// The role that was asked for.
    pub role: &'m Role,
    /// The role's name.
    pub role_name: &'m str,
    /// Where the deciding rule was written, `routes/backend.sfr:38`; empty when the map has no
    /// sources.
    pub rule: &'m str,
    /// The prompt, guards applied.
    pub system: &'m System,
    /// When to give up, guards applied.
    pub timeouts: Timeouts,
}

impl Plan<'_> {
    /// No request that goes this way makes more attempts, whatever fails.
    pub fn most_attempts(&self) -> u64 {
        let links = u64::try_from(self.chain.len()).unwrap_or(u64::MAX);
        links.saturating_mul(u64::from(self.role.retry.tries()))
    }
}

/// A link with its model looked up.
#[derive(Debug, Clone, Copy)]
pub struct PlannedLink<'m> {
    /// `provider/model-id`.
    pub key: &'m str,
    /// The model's facts.
    pub model: &'m Model,
}

/// Why a request cannot be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplanned {
    /// No role has the name that the request asks for, or its client may not ask for it: to the
    /// client both are the same.
    UnknownRole,
    /// No arm takes the request: not in a map that was compiled, since arms cover everything.
    NoArm,
}

impl fmt::Display for Unplanned {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::UnknownRole => "no such role",
            Self::NoArm => "no arm of the role takes the request",
        })
    }
}

impl std::error::Error for Unplanned {}

/// What stands in for chance where a first link is drawn: the same for all requests of one
/// conversation of one client, so that it does not change models midway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw(u8);

impl Draw {
    /// The draw of a conversation, by what its requests have in common.
    pub fn of(client: Option<&str>, conversation: &[u8]) -> Self {
        // FNV-1a: stable across versions and machines, and quick on short texts.
        let client = client.unwrap_or_default().as_bytes();
        let bytes = client.iter().chain(&[0]).chain(conversation);
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // The last bytes alone reach few of its bits: mixed (as MurmurHash3 ends), all do.
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        Self::percent(u8::try_from((mixed >> 32) % 100).unwrap_or(0))
    }

    /// The draw that falls on the share which holds this percent, from 0 to 99.
    pub fn percent(percent: u8) -> Self {
        Self(percent % 100)
    }

    /// Which percent it falls on, from 0 to 99.
    pub fn as_percent(self) -> u8 {
        self.0
    }
}

/// Plans a request for `role`.
///
/// # Errors
/// When the map has no such role, or none for this client.
pub fn plan<'m>(
    map: &'m ModelMap,
    role: &str,
    facts: &impl Facts,
    draw: Draw,
) -> Result<Plan<'m>, Unplanned> {
    let (role_name, role) = map.roles.get_key_value(role).ok_or(Unplanned::UnknownRole)?;
    if !may_ask(map, facts.text(&TextFact::Client), role_name) {
        return Err(Unplanned::UnknownRole);
    }
    let facts = WithPrompt { facts, map, role };
    let takes = |arm: &Arm| arm.when.as_ref().is_none_or(|when| when.holds(&facts));
    let (at, arm) =
        role.arms.iter().enumerate().find(|(_, arm)| takes(arm)).ok_or(Unplanned::NoArm)?;
    let planned = |key: &'m String| map.models.get(key).map(|model| PlannedLink { key, model });
    let keys = drawn(arm, draw).into_iter().chain(arm.chain.iter().map(|link| &link.model));
    let places = map.sources.arms.get(role_name);
    let mut plan = Plan {
        arm: at,
        chain: keys.filter_map(planned).collect(),
        parameters: role.parameters,
        role,
        role_name,
        rule: places.and_then(|places| places.get(at)).map_or("", String::as_str),
        system: &role.system,
        timeouts: role.timeouts,
    };
    for guard in role.guards.iter().filter(|guard| guard.when.holds(&facts)) {
        plan.parameters = plan.parameters.with(&guard.parameters);
        plan.system = guard.system.as_ref().unwrap_or(plan.system);
        plan.timeouts = plan.timeouts.with(&guard.timeouts);
    }
    Ok(plan)
}

/// Whether `client` may ask for a role. A client that the map does not know was let in by the
/// router's own settings, which allow everything.
pub fn may_ask(map: &ModelMap, client: Option<&str>, role: &str) -> bool {
    let known = client.and_then(|client| map.clients.get(client));
    known.and_then(|client| client.allow.as_ref()).is_none_or(|allow| allow.contains(role))
}

/// The first link that the draw falls on, where one is drawn.
fn drawn(arm: &Arm, draw: Draw) -> Option<&String> {
    let mut below = 0;
    let falls_on = arm.draw.iter().find(|share| {
        below += share.percent;
        u32::from(draw.0) < below
    });
    falls_on.or(arm.draw.last()).map(|share| &share.model)
}

/// The request's facts, with the role's own prompt counted in.
struct WithPrompt<'a, F> {
    facts: &'a F,
    map: &'a ModelMap,
    role: &'a Role,
}

impl<F: Facts> Facts for WithPrompt<'_, F> {
    fn flag(&self, flag: Flag) -> bool {
        self.facts.flag(flag)
    }

    fn number(&self, fact: NumberFact) -> Option<u64> {
        let own = self.facts.number(fact);
        if fact != NumberFact::Tokens {
            return own;
        }
        own.map(|tokens| tokens.saturating_add(prompt_tokens(self.map, self.role)))
    }

    fn text(&self, fact: &TextFact) -> Option<&str> {
        self.facts.text(fact)
    }
}

/// The estimated tokens of a role's prompt; of the one without guards, since guards may ask for
/// the sum.
pub fn prompt_tokens(map: &ModelMap, role: &Role) -> u64 {
    let texts = role.system.prompts.iter().filter_map(|id| map.prompts.get(id));
    texts.map(|text| estimate_tokens(text)).sum()
}

#[cfg(test)]
mod tests;
