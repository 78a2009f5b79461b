//! Which requests reach which arm of a role, found out once for all rules that ask.
//!
//! Owns the bridge from a program to [`crate::analysis`]; what is said about it is each rule's.

use std::collections::BTreeSet;

use super::Subject;
use model_map::{Condition, RequestFacts, TextFact, TextPattern, TextTest, estimate_tokens};

use crate::analysis::{Reach, Requests, Verdict};
use crate::diagnostic::Diagnostic;
use crate::program::{Arm, Program, Role};

/// A check that asks for it.
pub(super) type Check = fn(&RoleOutlook<'_>, &mut Vec<Diagnostic>);

/// What a role gets.
pub(crate) struct RoleOutlook<'p> {
    pub(super) role: &'p Role,
    pub(super) arms: &'p [Arm],
    pub(super) requests: Requests,
    /// Of each arm.
    pub(super) reach: Vec<Reach>,
    /// Whether there is a request that no arm takes.
    pub(super) uncovered: Verdict,
}

impl<'p> RoleOutlook<'p> {
    /// None of a role whose arms could not all be read.
    pub(super) fn of(subject: &Subject<'p>) -> Option<Self> {
        let Subject { program, name, role } = *subject;
        let arms = role.arms.as_ref().filter(|arms| arms.is_whole)?;
        let arms = arms.arms.as_slice();
        let requests = requests(program, name, role);
        let conditions: Vec<_> = arms.iter().map(condition).collect();
        if let [None] = conditions.as_slice() {
            let plain = RequestFacts { messages: 1, ..RequestFacts::default() };
            let reach = vec![Reach::Reached(Box::new(plain))];
            return Some(Self { role, arms, requests, reach, uncovered: Verdict::No });
        }
        let reach = requests.reach(&conditions);
        let uncovered = requests.uncovered(&conditions);
        Some(Self { role, arms, requests, reach, uncovered })
    }

    /// The arms that requests take, each with what holds for these.
    pub(super) fn reached(&self) -> impl Iterator<Item = (&'p Arm, Vec<(&'p Condition, bool)>)> {
        let reached = |at: &usize| matches!(self.reach.get(*at), Some(Reach::Reached(_)));
        (0..self.arms.len()).filter(reached).filter_map(|at| {
            let before = self.arms.get(..at)?.iter().filter_map(condition);
            let arm = self.arms.get(at)?;
            let own = condition(arm).map(|when| (when, true));
            Some((arm, before.map(|when| (when, false)).chain(own).collect()))
        })
    }
}

fn condition(arm: &Arm) -> Option<&Condition> {
    arm.when.as_ref().map(|when| &when.condition)
}

/// The requests that a role can get.
fn requests(program: &Program, name: &str, role: &Role) -> Requests {
    let prompts = role.system.iter().flat_map(|system| &system.prompts);
    let requests = Requests::new(prompts.map(|prompt| estimate_tokens(&prompt.text)).sum());
    if program.clients.is_empty() {
        return requests;
    }
    let may_ask = |client: &crate::program::Client| {
        client.allow.as_ref().is_none_or(|roles| roles.contains_key(name))
    };
    let (allowed, denied): (Vec<_>, Vec<_>) =
        program.clients.iter().partition(|(_, client)| may_ask(client));
    let names = |those: Vec<(&String, _)>| -> BTreeSet<String> {
        those.into_iter().map(|(name, _)| name.clone()).collect()
    };
    let (allowed, denied) = (names(allowed), names(denied));
    let requests = requests.with_clients(allowed);
    if denied.is_empty() {
        return requests;
    }
    let is = TextPattern::OneOf(denied);
    requests.given(Condition::Text(TextTest { fact: TextFact::Client, is }), false)
}
