//! The shortest text that matches some globs and does not match others.
//!
//! Owns the search over the globs' automata, step by step and exact: each state is the set of
//! places that every glob can be at, and all characters that no glob names are one. What a text
//! is tested for is in [`super::texts`].

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Steps, TooComplex};

/// What a text must be like.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Globs that it matches.
    pub(super) matching: &'a [&'a str],
    /// Globs that it does not match.
    pub(super) missing: &'a [&'a str],
    /// Values that it is not.
    pub(super) excluded: &'a BTreeMap<&'a str, u32>,
}

/// The shortest such text that is not empty, else the empty one, else none.
pub(super) fn shortest(
    wanted: &Wanted<'_>,
    steps: &mut Steps,
) -> Result<Option<String>, TooComplex> {
    let matching: Vec<_> = wanted.matching.iter().map(|glob| parse(glob)).collect();
    let missing: Vec<_> = wanted.missing.iter().map(|glob| parse(glob)).collect();
    let search = Search { matching, missing, excluded: wanted.excluded };
    search.run(steps)
}

/// The shortest text that matches this glob alone.
pub(super) fn plainest(glob: &str) -> String {
    let letters = parse(glob).into_iter().filter_map(|piece| match piece {
        Piece::Run => None,
        Piece::One => Some('a'),
        Piece::Char(literal) => Some(literal),
    });
    letters.collect()
}

/// A part of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// Any run of characters.
    Run,
    /// Any one.
    One,
    /// This one.
    Char(char),
}

/// Reads a glob as [`model_map::glob_matches`] does.
fn parse(glob: &str) -> Vec<Piece> {
    let mut chars = glob.chars();
    let mut pieces = Vec::new();
    while let Some(next) = chars.next() {
        pieces.push(match next {
            '*' => Piece::Run,
            '?' => Piece::One,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            literal => Piece::Char(literal),
        });
    }
    pieces
}

/// The places that a glob can be at, rising; the last is past its end. None when it cannot match
/// any more.
type Places = Vec<usize>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    matching: Vec<Places>,
    missing: Vec<Places>,
    /// The text so far, while it begins an excluded value.
    beginning: Option<String>,
}

struct Search<'a> {
    matching: Vec<Vec<Piece>>,
    missing: Vec<Vec<Piece>>,
    excluded: &'a BTreeMap<&'a str, u32>,
}

impl Search<'_> {
    fn run(&self, steps: &mut Steps) -> Result<Option<String>, TooComplex> {
        let alphabet = self.alphabet();
        let start = State {
            matching: self.matching.iter().map(|glob| closed(glob, [0])).collect(),
            missing: self.missing.iter().map(|glob| closed(glob, [0])).collect(),
            beginning: Some(String::new()),
        };
        let empty = self.is_met(&start).then(String::new);
        // The start is not among the seen ones: a text that leads back to it is longer than none.
        let mut seen = BTreeSet::new();
        let mut wave = vec![(start, String::new())];
        while !wave.is_empty() {
            let mut next_wave = Vec::new();
            for (state, text) in wave {
                for letter in &alphabet {
                    let next = self.after(&state, *letter);
                    steps.take(8 + next.size())?;
                    if self.is_hopeless(&next) || seen.contains(&next) {
                        continue;
                    }
                    let longer = format!("{text}{letter}");
                    if self.is_met(&next) {
                        return Ok(Some(longer));
                    }
                    seen.insert(next.clone());
                    next_wave.push((next, longer));
                }
            }
            wave = next_wave;
        }
        Ok(empty)
    }

    /// Every character that makes a difference and one that makes none, letters first.
    fn alphabet(&self) -> Vec<char> {
        let pieces = self.matching.iter().chain(&self.missing).flatten();
        let named = pieces.filter_map(|piece| match piece {
            Piece::Char(literal) => Some(*literal),
            Piece::Run | Piece::One => None,
        });
        let mut letters: BTreeSet<char> =
            named.chain(self.excluded.keys().flat_map(|value| value.chars())).collect();
        let plain = ('a'..='z').chain('0'..='9').chain('A'..='Z').chain('\u{e0}'..='\u{d7ff}');
        let other = plain.into_iter().find(|letter| !letters.contains(letter));
        letters.extend(other);
        let mut letters: Vec<_> = letters.into_iter().collect();
        letters.sort_by_key(|letter| !letter.is_ascii_alphanumeric());
        letters
    }

    fn after(&self, state: &State, letter: char) -> State {
        let step = |globs: &[Vec<Piece>], places: &[Places]| {
            globs.iter().zip(places).map(|(glob, at)| moved(glob, at, letter)).collect()
        };
        let longer = state.beginning.as_ref().map(|text| format!("{text}{letter}"));
        State {
            matching: step(&self.matching, &state.matching),
            missing: step(&self.missing, &state.missing),
            beginning: longer.filter(|text| self.begins_excluded(text)),
        }
    }

    fn begins_excluded(&self, text: &str) -> bool {
        let after = self.excluded.range(text..).next();
        after.is_some_and(|(value, _)| value.starts_with(text))
    }

    fn is_met(&self, state: &State) -> bool {
        let at_end = |(glob, at): (&Vec<Piece>, &Places)| at.last() == Some(&glob.len());
        self.matching.iter().zip(&state.matching).all(at_end)
            && !self.missing.iter().zip(&state.missing).any(at_end)
            && !state
                .beginning
                .as_ref()
                .is_some_and(|text| self.excluded.contains_key(text.as_str()))
    }

    /// Whether no longer text can do: a wanted glob has failed, or an unwanted one takes all.
    fn is_hopeless(&self, state: &State) -> bool {
        let takes_all = |(glob, at): (&Vec<Piece>, &Places)| {
            let last_run =
                glob.len().checked_sub(1).filter(|at| glob.get(*at) == Some(&Piece::Run));
            last_run.is_some_and(|run| at.contains(&run))
        };
        state.matching.iter().any(Vec::is_empty)
            || self.missing.iter().zip(&state.missing).any(takes_all)
    }
}

impl State {
    fn size(&self) -> usize {
        self.matching.iter().chain(&self.missing).map(Vec::len).sum()
    }
}

fn moved(glob: &[Piece], at: &[usize], letter: char) -> Places {
    let next = at.iter().filter_map(|place| match glob.get(*place)? {
        Piece::Run => Some(*place),
        Piece::One => Some(place + 1),
        Piece::Char(literal) => (*literal == letter).then_some(place + 1),
    });
    closed(glob, next.collect::<Vec<_>>())
}

/// With the places after each run, since it may be empty. What lies before the last run that was
/// reached is left out: whatever matches from there matches from the run.
fn closed(glob: &[Piece], places: impl IntoIterator<Item = usize>) -> Places {
    let is_run = |place: &usize| glob.get(*place) == Some(&Piece::Run);
    let mut all = BTreeSet::new();
    for mut place in places {
        while all.insert(place) && is_run(&place) {
            place += 1;
        }
    }
    let last_run = all.iter().rev().find(|place| is_run(place)).copied().unwrap_or(0);
    all.range(last_run..).copied().collect()
}
