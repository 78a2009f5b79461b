//! Whether a promise about a role holds.
//!
//! Owns the proof and the counter-example: every way through the role is held against the promise
//! with the real planner and the real rules of an attempt. What a finding says is for the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use model_map::{
    Condition, Draw, FailureClass, ModelMap, NumberFact, NumberTest, Plan, RequestFacts, Role,
    may_ask,
};

use super::bounds::{cost, hedges};
use super::outage::{self, End, LOSS, Tried};
use super::requests::Requests;
use super::ways::{TooMany, Way, plans, ways};
use crate::spell;

/// What is promised of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// When this provider, or any one of them, is lost, another link answers.
    Survives(Option<String>),
    /// `total` is at most this.
    EndsWithin(Duration),
    /// A request of exactly this size costs at most so much.
    CostsAtMost {
        /// Millionths of a US dollar.
        micro_dollars: u64,
        /// The input, the role's own prompt included.
        tokens: u64,
        /// The output limit that the client sets.
        max_tokens: u64,
    },
    /// Every link is at one of these providers.
    UsesOnly(BTreeSet<String>),
    /// No request, or none of this client, comes to a chain with this model.
    NeverReaches {
        /// `provider/model-id`.
        model: String,
        /// Only for this client.
        client: Option<String>,
    },
    /// However links fail, there are at most so many calls.
    MakesAtMost(u32),
}

/// What became of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It holds for every request, draw and failure.
    Proved,
    /// It does not.
    Refuted(Box<CounterExample>),
    /// There is nothing that could break it.
    Vacuous(String),
    /// It cannot be told.
    Unknown(String),
}

/// What breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterExample {
    /// The place of the arm that the request takes.
    pub arm: usize,
    /// The request, as the client sends it.
    pub request: RequestFacts,
    /// The draw, where the arm has one.
    pub draw: Option<Draw>,
    /// The chain that the request gets, by `provider/model-id`.
    pub chain: Vec<String>,
    /// The failures, in order; none where nothing has to fail.
    pub failures: Vec<Tried>,
    /// What is then wrong, as a clause: "no link is left".
    pub outcome: String,
}

/// Proves promises about one map, finding out the ways through each role once.
#[derive(Debug)]
pub struct Prover<'m> {
    map: &'m ModelMap,
    ways: BTreeMap<String, Rc<Result<Vec<Way>, TooMany>>>,
    /// The losses that roles of these shapes survive: most roles of a program are like another.
    survived: BTreeSet<(Option<String>, String)>,
}

impl<'m> Prover<'m> {
    /// Of a map.
    pub fn new(map: &'m ModelMap) -> Self {
        Self { map, ways: BTreeMap::new(), survived: BTreeSet::new() }
    }

    /// Proves a promise of a role of the map, or refutes it.
    pub fn prove(&mut self, name: &str, promise: &Promise) -> Proof {
        let map = self.map;
        let Some(role) = map.roles.get(name) else {
            return Proof::Vacuous(format!("there is no role `{name}`"));
        };
        let subject = Subject { map, name, role };
        if let Some(reason) = subject.vacuous(promise) {
            return Proof::Vacuous(reason);
        }
        let Promise::Survives(provider) = promise else {
            return self.prove_by_ways(&subject, promise);
        };
        let key = (provider.clone(), subject.shape());
        if self.survived.contains(&key) {
            return Proof::Proved;
        }
        let proof = self.prove_by_ways(&subject, promise);
        if proof == Proof::Proved {
            self.survived.insert(key);
        }
        proof
    }

    fn prove_by_ways(&mut self, subject: &Subject<'_>, promise: &Promise) -> Proof {
        match self.ways(subject, promise).as_ref() {
            Ok(ways) => subject.judge_all(promise, ways),
            Err(TooMany) => {
                let name = subject.name;
                Proof::Unknown(format!("the conditions of role `{name}` are too complex"))
            }
        }
    }

    fn ways(&mut self, subject: &Subject<'_>, promise: &Promise) -> Rc<Result<Vec<Way>, TooMany>> {
        let find = || Rc::new(ways(subject.role, &subject.requests(promise)));
        // Some promises speak of some requests only.
        let is_narrow = matches!(
            promise,
            Promise::CostsAtMost { .. } | Promise::NeverReaches { client: Some(_), .. }
        );
        if is_narrow {
            return find();
        }
        Rc::clone(self.ways.entry(subject.name.to_owned()).or_insert_with(find))
    }
}

/// Proves one promise.
pub fn prove(map: &ModelMap, name: &str, promise: &Promise) -> Proof {
    Prover::new(map).prove(name, promise)
}

enum Judgement {
    Holds,
    Broken(Vec<Tried>, String),
    Unknown(String),
}

struct Subject<'a> {
    map: &'a ModelMap,
    name: &'a str,
    role: &'a Role,
}

impl Subject<'_> {
    /// Why nothing could break the promise, if so.
    fn vacuous(&self, promise: &Promise) -> Option<String> {
        let name = self.name;
        match promise {
            Promise::Survives(Some(provider)) if !self.uses(provider) => {
                Some(format!("role `{name}` has no link at `{provider}`"))
            }
            Promise::NeverReaches { client: Some(client), .. }
                if !may_ask(self.map, Some(client), name) =>
            {
                Some(format!("client `{client}` may not ask for role `{name}`"))
            }
            Promise::CostsAtMost { tokens, .. } => {
                let own = Requests::of_role(self.map, name, self.role).prompt_tokens();
                (*tokens < own).then(|| {
                    format!("the prompt of role `{name}` alone has {own} tokens, over {tokens}")
                })
            }
            _ => None,
        }
    }

    /// All of the role that the loss of a provider could depend on: not what is asked of a model,
    /// nor how its prompt reads.
    fn shape(&self) -> String {
        let clients = self.map.clients.keys();
        let callers: Vec<_> =
            clients.filter(|client| may_ask(self.map, Some(client), self.name)).collect();
        let prompt = model_map::prompt_tokens(self.map, self.role);
        let role = self.role;
        let guards: Vec<_> = role.guards.iter().map(|it| (&it.when, &it.timeouts)).collect();
        let rules = (&role.retry, &role.fallback_on, role.hedge_after, &role.timeouts);
        format!("{:?} {guards:?} {rules:?} {prompt} {callers:?}", role.arms)
    }

    fn uses(&self, provider: &str) -> bool {
        let mut models = self.role.arms.iter().flat_map(|arm| {
            let drawn = arm.draw.iter().map(|share| &share.model);
            drawn.chain(arm.chain.iter().map(|link| &link.model))
        });
        let at = |key: &String| self.map.models.get(key).map(|model| model.provider.as_str());
        models.any(|key| at(key) == Some(provider))
    }

    fn requests(&self, promise: &Promise) -> Requests {
        let requests = Requests::of_role(self.map, self.name, self.role);
        match promise {
            Promise::NeverReaches { client: Some(client), .. } => requests.from_client(client),
            Promise::CostsAtMost { tokens, max_tokens, .. } => requests
                .given(exactly(NumberFact::Tokens, *tokens), true)
                .given(exactly(NumberFact::MaxTokens, *max_tokens), true),
            _ => requests,
        }
    }

    fn judge_all(&self, promise: &Promise, ways: &[Way]) -> Proof {
        let mut doubt = None;
        for way in ways {
            for (draw, plan) in plans(self.map, self.name, way) {
                match self.judge(promise, way, &plan) {
                    Judgement::Holds => {}
                    Judgement::Unknown(reason) => doubt = doubt.or(Some(reason)),
                    Judgement::Broken(failures, outcome) => {
                        let arm = self.role.arms.get(way.arm);
                        let is_drawn = arm.is_some_and(|arm| !arm.draw.is_empty());
                        return Proof::Refuted(Box::new(CounterExample {
                            arm: way.arm,
                            request: way.request.clone(),
                            draw: is_drawn.then_some(draw),
                            chain: plan.chain.iter().map(|link| link.key.to_owned()).collect(),
                            failures,
                            outcome,
                        }));
                    }
                }
            }
        }
        doubt.map_or(Proof::Proved, Proof::Unknown)
    }

    fn judge(&self, promise: &Promise, way: &Way, plan: &Plan<'_>) -> Judgement {
        match promise {
            Promise::Survives(provider) => survives(plan, way, provider.as_deref()),
            Promise::EndsWithin(most) => ends_within(plan, *most),
            Promise::CostsAtMost { micro_dollars, tokens, max_tokens } => {
                costs(plan, *micro_dollars, (*tokens, *max_tokens))
            }
            Promise::UsesOnly(providers) => uses_only(plan, providers),
            Promise::NeverReaches { model, .. } => never_reaches(plan, model),
            Promise::MakesAtMost(most) => makes_at_most(plan, *most),
        }
    }
}

fn exactly(fact: NumberFact, number: u64) -> Condition {
    Condition::Number(NumberTest { at_least: Some(number), at_most: Some(number), fact })
}

fn survives(plan: &Plan<'_>, way: &Way, provider: Option<&str>) -> Judgement {
    // A provider that is not first is not missed: who is before it answers.
    let Some(first) = plan.chain.first().map(|link| link.model.provider.as_str()) else {
        return Judgement::Holds;
    };
    if provider.is_some_and(|provider| provider != first) {
        return Judgement::Holds;
    }
    let mut alike = BTreeMap::new();
    for class in LOSS {
        let role = plan.role;
        let key = (role.retry.on.contains(&class), role.fallback_on.contains(&class));
        alike.entry((key, class == FailureClass::Timeout)).or_insert(class);
    }
    for class in alike.into_values() {
        let (failures, end) = outage::lose(plan, way.request.stream, first, class);
        let outcome = match end {
            End::Answered => continue,
            End::Unknown => return Judgement::Unknown("too many retries to play through".into()),
            End::TooLate { model, at } => format!(
                "`{model}` is called after {} and then has no time for a first token, since `total` \
                 is {}",
                spell::seconds(at),
                spell::duration(plan.timeouts.total)
            ),
            End::GivenUp { .. } => given_up(plan, first, class),
        };
        return Judgement::Broken(failures, outcome);
    }
    Judgement::Holds
}

fn given_up(plan: &Plan<'_>, provider: &str, class: FailureClass) -> String {
    if plan.chain.iter().all(|link| link.model.provider == provider) {
        format!("every link of its chain is at `{provider}`")
    } else if !plan.role.fallback_on.contains(&class) {
        format!("`fallback` does not lead on after `{class}`")
    } else {
        let total = spell::duration(plan.timeouts.total);
        format!("`total`, {total}, is over before another provider is called")
    }
}

fn ends_within(plan: &Plan<'_>, most: Duration) -> Judgement {
    let total = plan.timeouts.total;
    if total <= most {
        return Judgement::Holds;
    }
    Judgement::Broken(Vec::new(), format!("it may run to `total`, {}", spell::duration(total)))
}

fn costs(plan: &Plan<'_>, most: u64, (tokens, max_tokens): (u64, u64)) -> Judgement {
    match cost(plan, tokens, max_tokens) {
        None => {
            let unknown = plan
                .chain
                .iter()
                .find(|link| link.model.price.input.is_none() || link.model.price.output.is_none());
            let what = unknown.map_or("an answer's length".to_owned(), |link| {
                format!("the price of `{}`", link.key)
            });
            Judgement::Unknown(format!("{what} is unknown"))
        }
        Some((worst, _)) if worst <= most => Judgement::Holds,
        Some((worst, place)) => {
            let answers = plan.chain.get(place).map_or("", |link| link.key);
            let dollars = spell::dollars(worst);
            Judgement::Broken(Vec::new(), format!("it costs {dollars} when `{answers}` answers"))
        }
    }
}

fn uses_only(plan: &Plan<'_>, providers: &BTreeSet<String>) -> Judgement {
    let other = plan.chain.iter().find(|link| !providers.contains(&link.model.provider));
    other.map_or(Judgement::Holds, |link| {
        Judgement::Broken(Vec::new(), format!("`{}` is in its chain", link.key))
    })
}

fn never_reaches(plan: &Plan<'_>, model: &str) -> Judgement {
    if plan.chain.iter().all(|link| link.key != model) {
        return Judgement::Holds;
    }
    Judgement::Broken(Vec::new(), format!("`{model}` is in its chain"))
}

fn makes_at_most(plan: &Plan<'_>, most: u32) -> Judgement {
    let bound = plan.most_attempts();
    if bound <= u64::from(most) {
        return Judgement::Holds;
    }
    let enough = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
    match outage::most_attempts(plan, enough) {
        None => Judgement::Unknown("too many retries to play through".into()),
        Some(tried) if tried.len() >= enough => {
            let last = tried.last().map_or("", |tried| tried.model.as_str());
            let outcome = format!("a call of `{last}` is number {}", tried.len());
            Judgement::Broken(tried, outcome)
        }
        Some(_) if hedges(plan).is_some() => {
            Judgement::Unknown(format!("with its hedge it may make {bound} attempts"))
        }
        Some(_) => Judgement::Holds,
    }
}
