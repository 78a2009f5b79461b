//! Inputs from others, by chance.
//!
//! Owns how an input is changed; where inputs come from and go to is for [`super`].

use fastrand::Rng;

/// The most bytes of an input, so that one of them says little about speed.
const MOST: usize = 128 << 10;

/// What is thrown in: each means something somewhere.
pub(super) const WORDS: [&str; 48] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "->",
    "|",
    ",",
    "=",
    "==",
    "!=",
    "<",
    ">=",
    "..",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "é",
    "${",
    "$${env}",
    "\\",
    "role ",
    "like ",
    "route ",
    "when ",
    "otherwise ",
    "and ",
    "or ",
    "not ",
    "in ",
    "matches ",
    "env x {",
    "let a = ",
    "ensure every role ",
    "test \"a\" {",
    "header \"x\" ",
    "99999999999999999999",
    "-1",
    "0",
    "90%",
    "$0.000001",
    "\"digest\":",
];

/// What is nested, by what opens it.
const NESTED: [&str; 8] = ["(", "{", "not ", "[", "role a {", "{\"a\":", "a and (", "\"\"\"\n"];

/// Makes inputs.
#[derive(Debug)]
pub(super) struct Mutator {
    chance: Rng,
}

impl Mutator {
    /// The inputs of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: Rng::with_seed(seed) }
    }

    /// Whether what happens once in `count` times happens.
    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.chance.usize(..count) == 0
    }

    /// One of the corpus after some changes.
    pub(super) fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.chance.choice(corpus).cloned().unwrap_or_default();
        for _ in 0..self.chance.usize(1..8) {
            self.change(&mut input, corpus);
            input.truncate(MOST);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (start, end) = self.range(input.len());
        match self.chance.u8(..8) {
            0 => drop(input.drain(start..end)),
            1 => {
                let again: Vec<u8> = input.get(start..end).unwrap_or_default().to_vec();
                input.splice(end..end, again);
            }
            2 => {
                let word = self.chance.choice(WORDS).unwrap_or_default();
                input.splice(start..start, word.bytes());
            }
            3 => {
                let other = self.chance.choice(corpus).cloned().unwrap_or_default();
                let (from, to) = self.range(other.len());
                input.splice(start..start, other.get(from..to).unwrap_or_default().to_vec());
            }
            4 => {
                if let Some(byte) = input.get_mut(start) {
                    *byte = self.chance.u8(..);
                }
            }
            5 => self.swap_words(input),
            6 if self.one_in(8) => {
                let word = self.chance.choice(NESTED).unwrap_or_default();
                let count = self.chance.usize(1..MOST / 8);
                input.splice(start..start, word.repeat(count).into_bytes());
            }
            _ => {
                let digits = self.chance.u64(..).to_string();
                let length = self.chance.usize(1..=digits.len());
                input.splice(
                    start..end.min(start + 3),
                    digits.into_bytes().into_iter().take(length),
                );
            }
        }
    }

    /// Swaps a word of a line with another of the text.
    fn swap_words(&mut self, input: &mut Vec<u8>) {
        let is_blank = |byte: &u8| byte.is_ascii_whitespace();
        let mut words: Vec<Vec<u8>> = input.split_inclusive(is_blank).map(<[u8]>::to_vec).collect();
        if words.is_empty() {
            return;
        }
        let (a, b) = (self.chance.usize(..words.len()), self.chance.usize(..words.len()));
        words.swap(a, b);
        *input = words.concat();
    }

    /// A part of so many bytes, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.chance.usize(..=length);
        let most = if self.one_in(4) { length - start } else { (length - start).min(24) };
        (start, start + self.chance.usize(..=most))
    }
}
