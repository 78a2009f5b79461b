//! Whether conditions can hold together, by case distinction.
//!
//! Owns the search: tests of single facts are laid on what the facts may still be, and only where
//! several ways are left is one tried after the other. Exact, since different facts do not depend
//! on each other; what a request can be like at all is for [`super::requests`].

use std::collections::{BTreeMap, BTreeSet};

use model_map::{Condition, Flag, NumberFact, RequestFacts, TextFact, TextPattern};

use super::numbers::Numbers;
use super::steps::{Steps, TooComplex};
use super::texts::{Text, Texts};

/// A condition and whether it must hold.
pub(super) type Goal<'c> = (&'c Condition, bool);

/// What is known of a request so far.
pub(super) struct Solver<'c> {
    flags: BTreeMap<Flag, bool>,
    numbers: BTreeMap<NumberFact, Numbers>,
    texts: BTreeMap<&'c TextFact, Texts<'c>>,
    /// What can be met in several ways.
    choices: Vec<Choice<'c>>,
    /// What was done, to be undone.
    trail: Vec<Undo<'c>>,
    /// Clients that a witness names rather than others.
    clients: &'c BTreeSet<String>,
    pub(super) steps: Steps,
}

#[derive(Clone, Copy)]
struct Choice<'c> {
    goal: Goal<'c>,
    /// Whether a way was taken, which may itself be a choice.
    is_settled: bool,
}

enum Undo<'c> {
    Flag(Flag),
    Number(NumberFact, Numbers),
    Text(&'c TextFact, &'c TextPattern, bool),
    Choice,
    Settled(usize),
}

/// One choice while its ways are tried.
struct Branch<'c> {
    /// The choice's place.
    at: usize,
    mark: usize,
    ways: std::vec::IntoIter<Goal<'c>>,
    tried: Option<Goal<'c>>,
}

/// What is left to do.
enum Left<'c> {
    /// Something cannot be met.
    Contradiction,
    Nothing,
    /// The choice with the fewest ways, by its place.
    Choice(usize, Vec<Goal<'c>>),
}

/// How a choice stands.
enum Stand<'c> {
    Met,
    Open(Vec<Goal<'c>>),
}

impl<'c> Solver<'c> {
    /// Nothing known but that `tokens` are at least so many.
    pub(super) fn new(least_tokens: u64, clients: &'c BTreeSet<String>, steps: Steps) -> Self {
        Self {
            flags: BTreeMap::new(),
            numbers: BTreeMap::from([
                (NumberFact::MaxTokens, Numbers::or_absent()),
                (NumberFact::Messages, Numbers::from(0)),
                (NumberFact::Tokens, Numbers::from(least_tokens)),
            ]),
            texts: BTreeMap::new(),
            choices: Vec::new(),
            trail: Vec::new(),
            clients,
            steps,
        }
    }

    /// Where to come back to with [`Self::undo_to`].
    pub(super) fn mark(&self) -> usize {
        self.trail.len()
    }

    /// Forgets what was learnt since the mark.
    pub(super) fn undo_to(&mut self, mark: usize) {
        while self.trail.len() > mark {
            match self.trail.pop() {
                Some(Undo::Flag(flag)) => drop(self.flags.remove(&flag)),
                Some(Undo::Number(fact, before)) => drop(self.numbers.insert(fact, before)),
                Some(Undo::Text(fact, is, passes)) => {
                    if let Some(texts) = self.texts.get_mut(fact) {
                        texts.remove(is, passes);
                    }
                }
                Some(Undo::Choice) => drop(self.choices.pop()),
                Some(Undo::Settled(at)) => self.set_settled(at, false),
                None => return,
            }
        }
    }

    /// Learns that a goal is met; false when that contradicts what is known.
    pub(super) fn learn(&mut self, (condition, holds): Goal<'c>) -> Result<bool, TooComplex> {
        self.steps.take(1)?;
        match condition {
            Condition::Not(part) => self.learn((part, !holds)),
            Condition::All(parts) if holds => self.learn_all(parts, true),
            Condition::Any(parts) if !holds => self.learn_all(parts, false),
            Condition::All(_) | Condition::Any(_) => {
                self.trail.push(Undo::Choice);
                self.choices.push(Choice { goal: (condition, holds), is_settled: false });
                Ok(true)
            }
            Condition::Flag(flag) => {
                if let Some(known) = self.flags.get(flag) {
                    return Ok(*known == holds);
                }
                self.trail.push(Undo::Flag(*flag));
                self.flags.insert(*flag, holds);
                Ok(true)
            }
            Condition::Number(test) => {
                let Some(numbers) = self.numbers.get_mut(&test.fact) else { return Ok(false) };
                self.steps.take(numbers.len())?;
                let narrowed = numbers.narrowed(test, holds);
                let is_left = !narrowed.is_empty();
                let before = std::mem::replace(numbers, narrowed);
                self.trail.push(Undo::Number(test.fact, before));
                Ok(is_left)
            }
            Condition::Text(test) => {
                let texts = self.texts.entry(&test.fact).or_default();
                texts.add(&test.is, holds);
                self.trail.push(Undo::Text(&test.fact, &test.is, holds));
                let none = BTreeSet::new();
                Ok(texts.find(&none, &mut self.steps)?.is_some())
            }
        }
    }

    fn learn_all(&mut self, parts: &'c [Condition], holds: bool) -> Result<bool, TooComplex> {
        for part in parts {
            if !self.learn((part, holds))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Meets every choice, if that can be done; what was learnt for it stays.
    pub(super) fn solve(&mut self) -> Result<bool, TooComplex> {
        let mut branches: Vec<Branch<'c>> = Vec::new();
        loop {
            match self.follow()? {
                Left::Nothing => return Ok(true),
                Left::Choice(at, ways) => branches.push(Branch {
                    at,
                    mark: self.mark(),
                    ways: ways.into_iter(),
                    tried: None,
                }),
                Left::Contradiction => {}
            }
            if !self.next_way(&mut branches)? {
                return Ok(false);
            }
        }
    }

    /// Goes back to the last choice that has a way left, and goes that way.
    fn next_way(&mut self, branches: &mut Vec<Branch<'c>>) -> Result<bool, TooComplex> {
        while let Some(branch) = branches.last_mut() {
            if let Some((condition, holds)) = branch.tried.take() {
                self.undo_to(branch.mark);
                // What did not work is settled from here on.
                if !self.learn((condition, !holds))? {
                    branches.pop();
                    continue;
                }
                branch.mark = self.mark();
            }
            let Some(way) = branch.ways.next() else {
                branches.pop();
                continue;
            };
            branch.tried = Some(way);
            let at = branch.at;
            if self.settle(at, way)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes one way of a choice.
    fn settle(&mut self, at: usize, way: Goal<'c>) -> Result<bool, TooComplex> {
        self.trail.push(Undo::Settled(at));
        self.set_settled(at, true);
        self.learn(way)
    }

    fn set_settled(&mut self, at: usize, is_settled: bool) {
        if let Some(choice) = self.choices.get_mut(at) {
            choice.is_settled = is_settled;
        }
    }

    /// Learns what has one way only, until nothing has.
    fn follow(&mut self) -> Result<Left<'c>, TooComplex> {
        loop {
            let mut fewest: Option<(usize, Vec<Goal<'c>>)> = None;
            let mut has_learnt = false;
            let mut next = 0;
            while let Some(choice) = self.choices.get(next).copied() {
                let at = next;
                next += 1;
                if choice.is_settled {
                    continue;
                }
                let Stand::Open(ways) = self.stand(choice.goal)? else { continue };
                match ways.as_slice() {
                    [] => return Ok(Left::Contradiction),
                    [only] => {
                        has_learnt = true;
                        if !self.settle(at, *only)? {
                            return Ok(Left::Contradiction);
                        }
                    }
                    _ if fewest.as_ref().is_none_or(|(_, best)| ways.len() < best.len()) => {
                        fewest = Some((at, ways));
                    }
                    _ => {}
                }
            }
            if !has_learnt {
                return Ok(fewest.map_or(Left::Nothing, |(at, ways)| Left::Choice(at, ways)));
            }
        }
    }

    fn stand(&mut self, (condition, holds): Goal<'c>) -> Result<Stand<'c>, TooComplex> {
        let (Condition::All(parts) | Condition::Any(parts)) = condition else {
            return Ok(Stand::Met);
        };
        let mut ways = Vec::new();
        for part in parts {
            match self.decided(part)? {
                Some(decided) if decided == holds => return Ok(Stand::Met),
                Some(_) => {}
                None => ways.push((part, holds)),
            }
        }
        Ok(Stand::Open(ways))
    }

    /// Whether a condition surely holds or surely does not, as far as can be told cheaply.
    fn decided(&mut self, condition: &Condition) -> Result<Option<bool>, TooComplex> {
        self.steps.take(1)?;
        Ok(match condition {
            Condition::Not(part) => self.decided(part)?.map(|holds| !holds),
            Condition::All(parts) => self.decided_list(parts, false)?,
            Condition::Any(parts) => self.decided_list(parts, true)?,
            Condition::Flag(flag) => self.flags.get(flag).copied(),
            Condition::Number(test) => {
                self.numbers.get(&test.fact).and_then(|left| left.decided(test))
            }
            Condition::Text(test) => {
                self.texts.get(&test.fact).and_then(|left| left.decided(&test.is))
            }
        })
    }

    /// `settles` is what one part alone settles the whole with.
    fn decided_list(
        &mut self,
        parts: &[Condition],
        settles: bool,
    ) -> Result<Option<bool>, TooComplex> {
        let mut all = Some(!settles);
        for part in parts {
            match self.decided(part)? {
                Some(decided) if decided == settles => return Ok(Some(settles)),
                Some(_) => {}
                None => all = None,
            }
        }
        Ok(all)
    }

    /// The plainest request that has all that was learnt, the prompt's tokens not taken off;
    /// nothing when there is none.
    pub(super) fn witness(&mut self) -> Result<Option<RequestFacts>, TooComplex> {
        let number = |fact, usual| self.numbers.get(&fact).and_then(|left| left.plainest(usual));
        let has = |flag| self.flags.get(&flag).copied().unwrap_or(false);
        let mut facts = RequestFacts {
            image: has(Flag::Image),
            json: has(Flag::Json),
            stream: has(Flag::Stream),
            tools: has(Flag::Tools),
            max_tokens: number(NumberFact::MaxTokens, 0),
            // Nearly every request has one message.
            messages: number(NumberFact::Messages, 1).unwrap_or(0),
            tokens: number(NumberFact::Tokens, 0).unwrap_or(0),
            ..RequestFacts::default()
        };
        let none = BTreeSet::new();
        for (fact, texts) in &self.texts {
            let known = if **fact == TextFact::Client { self.clients } else { &none };
            match (texts.find(known, &mut self.steps)?, fact) {
                (None, _) => return Ok(None),
                (Some(Text::Absent), _) => {}
                (Some(Text::Value(value)), TextFact::Client) => facts.client = Some(value),
                (Some(Text::Value(value)), TextFact::Header(name)) => {
                    facts.headers.insert(name.clone(), value);
                }
                (Some(Text::Value(value)), TextFact::Metadata(key)) => {
                    facts.metadata.insert(key.clone(), value);
                }
            }
        }
        Ok(Some(facts))
    }
}
