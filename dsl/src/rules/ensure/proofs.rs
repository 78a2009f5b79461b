//! Which promises are held against which roles, and what came of it.
//!
//! Owns the way through the roles; one proof is [`crate::analysis::ensure`]'s, what is said about
//! the outcome the rules'.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use model_map::ModelMap;

use super::promise;
use super::shape::{Mixer, Shape};
use crate::analysis::ensure::CounterExample;
use crate::analysis::{Promise, Proof, Prover};
use crate::emit;
use crate::program::{Ensure, Program, Role, Subject};
use crate::rules;

/// What became of a promise with the roles that it speaks of.
#[derive(Debug, Default)]
pub(in crate::rules) struct Outcome<'p> {
    /// Those that break it, in the order of their names.
    pub(super) broken: Vec<Breach<'p>>,
    /// Why it says nothing, of the first role of which it does not.
    pub(super) vacuous: Option<String>,
    /// The first role of which it cannot be told, and why.
    pub(super) unknown: Option<(&'p str, String)>,
    /// Whether a role could break it and does not, or cannot be judged.
    pub(super) is_kept: bool,
}

/// A role that breaks a promise.
#[derive(Debug)]
pub(super) struct Breach<'p> {
    pub(super) name: &'p str,
    pub(super) role: &'p Role,
    pub(super) example: Box<CounterExample>,
    /// What its own prompt adds to every request.
    pub(super) prompt_tokens: u64,
}

/// Adds what became of the promises with further roles, which come after those before.
pub(in crate::rules) fn add<'p>(outcomes: &mut [Outcome<'p>], more: Vec<Outcome<'p>>) {
    for (outcome, more) in outcomes.iter_mut().zip(more) {
        outcome.broken.extend(more.broken);
        outcome.vacuous = outcome.vacuous.take().or(more.vacuous);
        outcome.unknown = outcome.unknown.take().or(more.unknown);
        outcome.is_kept |= more.is_kept;
    }
}

/// The place of a promise among the program's.
type Place = usize;

/// The promises of a program, and which of them speak of which roles.
pub(in crate::rules) struct Promises<'p> {
    program: &'p Program,
    all: Vec<Promise>,
    every: Vec<Place>,
    one: HashMap<&'p str, Vec<Place>>,
    /// Of each promise, whether its only role has findings of its own: nothing is said then.
    is_void: Vec<bool>,
}

impl<'p> Promises<'p> {
    pub(in crate::rules) fn of(program: &'p Program) -> Self {
        let all = program.ensures.iter().map(|ensure| promise(&ensure.claim)).collect();
        let (every, one, is_void) = (Vec::new(), HashMap::new(), Vec::new());
        let mut promises = Self { program, all, every, one, is_void };
        for (place, ensure) in program.ensures.iter().enumerate() {
            let (is_void, of_subject) = match &ensure.subject {
                Subject::EveryRole(_) => (false, &mut promises.every),
                Subject::Role(role) => {
                    let is_known = program.roles.get(&role.name).is_some_and(|it| is_whole(it));
                    (!is_known, promises.one.entry(role.name.as_str()).or_default())
                }
            };
            if !is_void {
                of_subject.push(place);
            }
            promises.is_void.push(is_void);
        }
        promises
    }

    /// Those before any role was looked at.
    pub(in crate::rules) fn outcomes(&self) -> Vec<Outcome<'p>> {
        self.all.iter().map(|_| Outcome::default()).collect()
    }

    /// Each promise, but none in the place of one about a single role that has findings of its own.
    pub(super) fn judged(&self) -> impl Iterator<Item = Option<&'p Ensure>> {
        let ensures = self.program.ensures.iter().zip(&self.is_void);
        ensures.map(|(ensure, is_void)| (!is_void).then_some(ensure))
    }
}

fn is_whole(role: &Role) -> bool {
    role.is_whole && role.arms.as_ref().is_some_and(|arms| arms.is_whole)
}

/// The proofs of the promises, role by role.
pub(in crate::rules) struct Proofs<'p, 'a> {
    promises: &'a Promises<'p>,
    outcomes: Vec<Outcome<'p>>,
    /// Each shape of a role with its number.
    shapes: HashMap<Shape<'p>, usize, BuildHasherDefault<Mixer>>,
    /// Which losses the roles of which shape survive: most roles of a program are like another.
    survived: HashSet<(Place, usize)>,
    /// Holds one role at a time: a proof looks at one, and thousands would take room.
    map: ModelMap,
}

impl<'p, 'a> Proofs<'p, 'a> {
    pub(in crate::rules) fn of(promises: &'a Promises<'p>) -> Self {
        Self {
            promises,
            outcomes: promises.outcomes(),
            shapes: HashMap::default(),
            survived: HashSet::new(),
            map: emit::without_roles(promises.program),
        }
    }

    /// Holds every promise that speaks of a role against it.
    pub(in crate::rules) fn hold(&mut self, subject: &rules::Subject<'p>) {
        // Nothing is said of a role that has findings of its own, and of the others only what it
        // could not change.
        if !is_whole(subject.role) {
            return self.pass_over();
        }
        let open = self.open(subject.name, subject.role);
        if !open.is_empty() {
            self.prove(subject.name, subject.role, &open);
        }
    }

    /// What has become of the promises with the roles since this was last asked.
    pub(in crate::rules) fn take(&mut self) -> Vec<Outcome<'p>> {
        std::mem::replace(&mut self.outcomes, self.promises.outcomes())
    }

    /// The promises about a role that no role of its shape has kept yet, and the number of that
    /// shape where nothing else of the role matters to them.
    fn open(&mut self, name: &'p str, role: &'p Role) -> Vec<(Place, Option<usize>)> {
        let promises = self.promises;
        let own = promises.one.get(name).into_iter().flatten();
        let mut shape = None;
        let mut open = Vec::new();
        for place in promises.every.iter().chain(own) {
            let is_of_shape = matches!(promises.all.get(*place), Some(Promise::Survives(_)));
            let shape = is_of_shape.then(|| *shape.get_or_insert_with(|| self.number(name, role)));
            if !shape.is_some_and(|shape| self.survived.contains(&(*place, shape))) {
                open.push((*place, shape));
            } else if let Some(outcome) = self.outcomes.get_mut(*place) {
                outcome.is_kept = true;
            }
        }
        open
    }

    fn pass_over(&mut self) {
        for place in &self.promises.every {
            if let Some(outcome) = self.outcomes.get_mut(*place) {
                outcome.is_kept = true;
            }
        }
    }

    fn number(&mut self, name: &'p str, role: &'p Role) -> usize {
        let next = self.shapes.len();
        *self.shapes.entry(Shape::of(self.promises.program, name, role)).or_insert(next)
    }

    fn prove(&mut self, name: &'p str, role: &'p Role, open: &[(Place, Option<usize>)]) {
        self.map.roles.clear();
        emit::add_role(&mut self.map, name, role);
        let mut prover = Prover::new(&self.map);
        for (place, shape) in open {
            let outcome = self.outcomes.get_mut(*place);
            let (Some(promise), Some(outcome)) = (self.promises.all.get(*place), outcome) else {
                continue;
            };
            match prover.prove(name, promise) {
                Proof::Proved => {
                    outcome.is_kept = true;
                    self.survived.extend(shape.map(|shape| (*place, shape)));
                }
                Proof::Refuted(example) => {
                    let prompt_tokens = prompt_tokens(&self.map, name);
                    outcome.broken.push(Breach { name, role, example, prompt_tokens });
                }
                Proof::Vacuous(reason) => {
                    outcome.vacuous.get_or_insert(reason);
                }
                Proof::Unknown(reason) => {
                    outcome.unknown.get_or_insert((name, reason));
                }
            }
        }
    }
}

fn prompt_tokens(map: &ModelMap, name: &str) -> u64 {
    map.roles.get(name).map_or(0, |role| model_map::prompt_tokens(map, role))
}
