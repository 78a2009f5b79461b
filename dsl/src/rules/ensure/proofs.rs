//! Which promises are held against which roles, and what came of it.
//!
//! Owns the way through the roles; one proof is [`crate::analysis::ensure`]'s, what is said about
//! the outcome the rules'.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use model_map::ModelMap;

use super::shape::{Mixer, Shape};
use crate::analysis::ensure::CounterExample;
use crate::analysis::{Promise, Proof, Prover};
use crate::emit;
use crate::program::{Program, Role, Subject};

/// What became of a promise with the roles that it speaks of.
#[derive(Debug, Default)]
pub(super) struct Outcome<'p> {
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

/// What became of every promise; none of one about a single role that has findings of its own.
pub(super) fn outcomes<'p>(program: &'p Program, promises: &[Promise]) -> Vec<Option<Outcome<'p>>> {
    let asked = Asked::of(program);
    let mut proofs = Proofs::of(program, promises);
    for (name, role) in &program.roles {
        // Nothing is said of a role that has findings of its own, and of the others only what it
        // could not change.
        if !is_whole(role) {
            proofs.pass_over(&asked);
            continue;
        }
        let open = proofs.open(&asked, name, role);
        if !open.is_empty() {
            proofs.prove(name, role, &open);
        }
    }
    let outcomes = proofs.outcomes.into_iter().zip(&asked.is_void);
    outcomes.map(|(outcome, is_void)| (!is_void).then_some(outcome)).collect()
}

/// The place of a promise among the program's.
type Place = usize;

/// Which promises speak of which roles.
struct Asked<'p> {
    every: Vec<Place>,
    one: HashMap<&'p str, Vec<Place>>,
    /// Of each promise, whether its only role has findings of its own: nothing is said then.
    is_void: Vec<bool>,
}

impl<'p> Asked<'p> {
    fn of(program: &'p Program) -> Self {
        let mut asked = Self { every: Vec::new(), one: HashMap::new(), is_void: Vec::new() };
        for (place, ensure) in program.ensures.iter().enumerate() {
            let (is_void, of_subject) = match &ensure.subject {
                Subject::EveryRole(_) => (false, &mut asked.every),
                Subject::Role(role) => {
                    let is_known = program.roles.get(&role.name).is_some_and(is_whole);
                    (!is_known, asked.one.entry(role.name.as_str()).or_default())
                }
            };
            if !is_void {
                of_subject.push(place);
            }
            asked.is_void.push(is_void);
        }
        asked
    }
}

fn is_whole(role: &Role) -> bool {
    role.is_whole && role.arms.as_ref().is_some_and(|arms| arms.is_whole)
}

struct Proofs<'p, 'a> {
    program: &'p Program,
    promises: &'a [Promise],
    outcomes: Vec<Outcome<'p>>,
    /// Each shape of a role with its number.
    shapes: HashMap<Shape<'p>, usize, BuildHasherDefault<Mixer>>,
    /// Which losses the roles of which shape survive: most roles of a program are like another.
    survived: HashSet<(Place, usize)>,
    /// Holds one role at a time: a proof looks at one, and thousands would take room.
    map: ModelMap,
}

impl<'p, 'a> Proofs<'p, 'a> {
    fn of(program: &'p Program, promises: &'a [Promise]) -> Self {
        Self {
            program,
            promises,
            outcomes: promises.iter().map(|_| Outcome::default()).collect(),
            shapes: HashMap::default(),
            survived: HashSet::new(),
            map: emit::without_roles(program),
        }
    }

    /// The promises about a role that no role of its shape has kept yet, and the number of that
    /// shape where nothing else of the role matters to them.
    fn open(
        &mut self,
        asked: &Asked<'p>,
        name: &'p str,
        role: &'p Role,
    ) -> Vec<(Place, Option<usize>)> {
        let own = asked.one.get(name).into_iter().flatten();
        let mut shape = None;
        let mut open = Vec::new();
        for place in asked.every.iter().chain(own) {
            let is_of_shape = matches!(self.promises.get(*place), Some(Promise::Survives(_)));
            let shape = is_of_shape.then(|| *shape.get_or_insert_with(|| self.number(name, role)));
            if !shape.is_some_and(|shape| self.survived.contains(&(*place, shape))) {
                open.push((*place, shape));
            } else if let Some(outcome) = self.outcomes.get_mut(*place) {
                outcome.is_kept = true;
            }
        }
        open
    }

    fn pass_over(&mut self, asked: &Asked<'p>) {
        for place in &asked.every {
            if let Some(outcome) = self.outcomes.get_mut(*place) {
                outcome.is_kept = true;
            }
        }
    }

    fn number(&mut self, name: &'p str, role: &'p Role) -> usize {
        let next = self.shapes.len();
        *self.shapes.entry(Shape::of(self.program, name, role)).or_insert(next)
    }

    fn prove(&mut self, name: &'p str, role: &'p Role, open: &[(Place, Option<usize>)]) {
        self.map.roles.clear();
        emit::add_role(&mut self.map, name, role);
        let mut prover = Prover::new(&self.map);
        for (place, shape) in open {
            let outcome = self.outcomes.get_mut(*place);
            let (Some(promise), Some(outcome)) = (self.promises.get(*place), outcome) else {
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
