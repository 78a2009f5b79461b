//! Which requests there can be, and which of them meet conditions.
//!
//! Owns the questions that rules ask of conditions; the search behind them is in
//! [`super::solver`].

use std::collections::BTreeSet;

use model_map::{
    Condition, Flag, ModelMap, NumberFact, NumberTest, RequestFacts, Role, TextFact, TextPattern,
    TextTest, prompt_tokens,
};

use super::solver::{Goal, Solver};
use super::steps::{Steps, TooComplex};

/// The work that all questions about one role's arms may cost: some tens of milliseconds.
const MOST_STEPS: u64 = 1_000_000;

/// Whether there is a request, with a plain one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is; this one. Its `tokens` are without the role's own prompt, as a client sends it.
    Yes(Box<RequestFacts>),
    /// There is none.
    No,
    /// It would take too long to find out.
    TooComplex,
}

impl Verdict {
    /// The request, if there is one.
    pub fn request(&self) -> Option<&RequestFacts> {
        match self {
            Self::Yes(request) => Some(request),
            Self::No | Self::TooComplex => None,
        }
    }
}

/// Whether requests take an arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Some do; this is one of them.
    Reached(Box<RequestFacts>),
    /// Its condition holds for no request at all.
    Never,
    /// Every request that it could take is taken before.
    Hidden {
        /// By these arms together, each of which is needed; rising.
        by: Vec<usize>,
    },
    /// It would take too long to find out.
    TooComplex,
}

/// Whether requests with some trait occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// All have it.
    Always,
    /// Some have it, some have not.
    Sometimes,
    /// None has it.
    Never,
}

/// The requests that there can be.
///
/// As far as a plan can know, that is every combination of facts: any number of messages from 0
/// on, any output limit or none, any client that may ask, or none. Only `tokens` are bounded: they
/// count the role's own prompt.
#[derive(Debug, Clone)]
pub struct Requests {
    prompt_tokens: u64,
    /// Of those that may ask.
    clients: BTreeSet<String>,
    /// What holds for every request.
    given: Vec<(Condition, bool)>,
}

impl Requests {
    /// Those of a role whose own prompt has so many tokens.
    pub fn new(prompt_tokens: u64) -> Self {
        Self { prompt_tokens, clients: BTreeSet::new(), given: Vec::new() }
    }

    /// Those that a role of a map can get.
    pub fn of_role(map: &ModelMap, name: &str, role: &Role) -> Self {
        let may_ask = |client: &&String| model_map::may_ask(map, Some(client), name);
        let (clients, denied): (BTreeSet<_>, BTreeSet<_>) = map.clients.keys().partition(may_ask);
        let requests =
            Self::new(prompt_tokens(map, role)).with_clients(clients.into_iter().cloned());
        if denied.is_empty() {
            return requests;
        }
        requests.given(client_in(denied.into_iter().cloned().collect()), false)
    }

    /// With names of clients that a found request carries rather than any others.
    pub fn with_clients(mut self, clients: impl IntoIterator<Item = String>) -> Self {
        self.clients.extend(clients);
        self
    }

    /// Those of them that this client sends.
    pub fn from_client(self, client: &str) -> Self {
        self.given(client_in(BTreeSet::from([client.to_owned()])), true)
    }

    /// Those of them for which the condition holds, or does not.
    pub fn given(mut self, condition: Condition, holds: bool) -> Self {
        self.given.push((condition, holds));
        self
    }

    /// The tokens that the role's own prompt adds to every request.
    pub fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens
    }

    /// Whether there is a request that meets all goals: each a condition and whether it holds.
    pub fn satisfiable(&self, goals: &[(&Condition, bool)]) -> Verdict {
        let mut solver = self.solver();
        self.verdict(self.ask(&mut solver, goals))
    }

    /// Whether there is a request that no arm takes; an arm without condition takes all.
    pub fn uncovered(&self, arms: &[Option<&Condition>]) -> Verdict {
        let Some(goals) = arms.iter().map(|when| when.map(|when| (when, false))).collect() else {
            return Verdict::No;
        };
        let goals: Vec<_> = goals;
        self.satisfiable(&goals)
    }

    /// For each arm, whether a request takes it.
    pub fn reach(&self, arms: &[Option<&Condition>]) -> Vec<Reach> {
        let mut solver = self.solver();
        // What is left for the next arm; none when it is nothing.
        let mut is_open = self.begin(&mut solver);
        let mut all = Vec::with_capacity(arms.len());
        for (at, when) in arms.iter().enumerate() {
            let before = arms.get(..at).unwrap_or_default();
            all.push(self.reach_one(&mut solver, &is_open, *when, before));
            is_open = match (is_open, when) {
                (Ok(true), Some(when)) => solver.learn((when, false)),
                (Ok(_), _) => Ok(false),
                (Err(error), _) => Err(error),
            };
        }
        all
    }

    fn reach_one<'s>(
        &'s self,
        solver: &mut Solver<'s>,
        is_open: &Result<bool, TooComplex>,
        when: Option<&'s Condition>,
        before: &[Option<&'s Condition>],
    ) -> Reach {
        let goals: Vec<Goal<'s>> = when.iter().map(|when| (*when, true)).collect();
        let found = match is_open {
            Ok(true) => self.ask_on(solver, &goals),
            Ok(false) => Ok(None),
            Err(TooComplex) => Err(TooComplex),
        };
        match found {
            Ok(Some(request)) => Reach::Reached(Box::new(request)),
            Ok(None) if self.satisfiable(&goals) == Verdict::No => Reach::Never,
            Ok(None) => Reach::Hidden { by: self.hiding(&goals, before) },
            Err(TooComplex) => Reach::TooComplex,
        }
    }

    /// Which of the earlier arms are needed to hide an arm; all that may be, where leaving some
    /// out is too much work.
    fn hiding(&self, own: &[Goal<'_>], before: &[Option<&Condition>]) -> Vec<usize> {
        let hides = |by: &[usize]| {
            let left = by.iter().filter_map(|at| before.get(*at));
            match left.map(|when| when.map(|when| (when, false))).collect::<Option<Vec<_>>>() {
                Some(goals) => self.satisfiable(&[own, &goals].concat()) == Verdict::No,
                None => true,
            }
        };
        let all: Vec<usize> = (0..before.len()).collect();
        if let Some(one) = all.iter().find(|one| hides(&[**one])) {
            return vec![*one];
        }
        // Each check looks at all arms: beyond some tens of them that is not worth its time.
        if all.len() > 64 {
            return all;
        }
        let mut needed = all.clone();
        for one in &all {
            let without: Vec<_> = needed.iter().copied().filter(|at| at != one).collect();
            if hides(&without) {
                needed = without;
            }
        }
        needed
    }

    /// The least `tokens`, the role's own prompt included, of a request that meets all goals; none
    /// if there is no such request or it is too much work.
    pub fn least_tokens(&self, goals: &[(&Condition, bool)]) -> Option<u64> {
        self.satisfiable(goals).request()?;
        // The least is the prompt alone or where some test begins to pass or to fail.
        let mut starts = BTreeSet::from([self.prompt_tokens]);
        let given = self.given.iter().map(|(condition, _)| condition);
        for condition in goals.iter().map(|(condition, _)| *condition).chain(given) {
            condition.each_leaf(&mut |leaf| {
                if let Condition::Number(NumberTest {
                    at_least,
                    at_most,
                    fact: NumberFact::Tokens,
                }) = leaf
                {
                    starts.extend(at_least);
                    starts.extend(at_most.and_then(|most| most.checked_add(1)));
                }
            });
        }
        let starts: Vec<u64> =
            starts.into_iter().filter(|start| *start >= self.prompt_tokens).collect();
        let is_too_low = |most: &u64| {
            let bound = tokens_at_most(*most);
            let goals: Vec<_> = goals.iter().copied().chain([(&bound, true)]).collect();
            self.satisfiable(&goals) == Verdict::No
        };
        starts.get(starts.partition_point(is_too_low)).copied()
    }

    /// Whether requests that meet all goals have this trait; none if that is too much work.
    pub fn sees(&self, goals: &[(&Condition, bool)], flag: Flag) -> Option<Sees> {
        let flag = Condition::Flag(flag);
        let with = |holds| {
            let goals: Vec<_> = goals.iter().copied().chain([(&flag, holds)]).collect();
            match self.satisfiable(&goals) {
                Verdict::Yes(_) => Some(true),
                Verdict::No => Some(false),
                Verdict::TooComplex => None,
            }
        };
        Some(match (with(true)?, with(false)?) {
            (true, false) => Sees::Always,
            (true, true) => Sees::Sometimes,
            (false, _) => Sees::Never,
        })
    }

    fn solver(&self) -> Solver<'_> {
        Solver::new(self.prompt_tokens, &self.clients, Steps::new(MOST_STEPS))
    }

    /// Teaches what holds for every request.
    fn begin<'s>(&'s self, solver: &mut Solver<'s>) -> Result<bool, TooComplex> {
        for (condition, holds) in &self.given {
            if !solver.learn((condition, *holds))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn ask<'s>(
        &'s self,
        solver: &mut Solver<'s>,
        goals: &[Goal<'s>],
    ) -> Result<Option<RequestFacts>, TooComplex> {
        if !self.begin(solver)? {
            return Ok(None);
        }
        self.ask_on(solver, goals)
    }

    /// Asks on top of what the solver knows, and leaves it as it was.
    fn ask_on<'s>(
        &self,
        solver: &mut Solver<'s>,
        goals: &[Goal<'s>],
    ) -> Result<Option<RequestFacts>, TooComplex> {
        let mark = solver.mark();
        let found = find(solver, goals);
        solver.undo_to(mark);
        let found = found?;
        Ok(found.map(|facts| RequestFacts {
            tokens: facts.tokens.saturating_sub(self.prompt_tokens),
            ..facts
        }))
    }

    fn verdict(&self, found: Result<Option<RequestFacts>, TooComplex>) -> Verdict {
        match found {
            Ok(Some(facts)) => Verdict::Yes(Box::new(facts)),
            Ok(None) => Verdict::No,
            Err(TooComplex) => Verdict::TooComplex,
        }
    }
}

fn find<'s>(
    solver: &mut Solver<'s>,
    goals: &[Goal<'s>],
) -> Result<Option<RequestFacts>, TooComplex> {
    for goal in goals {
        if !solver.learn(*goal)? {
            return Ok(None);
        }
    }
    if !solver.solve()? {
        return Ok(None);
    }
    solver.witness()
}

fn client_in(names: BTreeSet<String>) -> Condition {
    Condition::Text(TextTest { fact: TextFact::Client, is: TextPattern::OneOf(names) })
}

fn tokens_at_most(most: u64) -> Condition {
    let fact = NumberFact::Tokens;
    Condition::Number(NumberTest { at_least: None, at_most: Some(most), fact })
}
