//! The keyword that a phrase opens with, or is taken to.
//!
//! Owns what a misspelt, misplaced or unknown first word is taken for; a phrase without any is
//! [`super::headless`]'s.

use super::{Lower, headless};
use crate::nearest::nearest;
use crate::syntax::outline::Phrase;
use crate::syntax::pieces::{Kind, Piece};
use crate::syntax::problem::Problem;
use crate::syntax::tree::Broken;
use crate::syntax::words::{self, Keyword, Place};

/// How a phrase opens.
pub(super) enum Opening {
    Known(Known),
    Broken(Broken),
}

/// A keyword, or the one that a misspelt word is taken for.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) keyword: &'static Keyword,
    pub(super) guessed: bool,
    /// Whether it does not stand there at all.
    pub(super) left_out: bool,
}

impl Known {
    pub(super) const fn of(keyword: &'static Keyword) -> Self {
        Self { keyword, guessed: false, left_out: false }
    }
}

impl Lower<'_> {
    /// What the first word of a phrase makes of it.
    pub(super) fn opening(&mut self, phrase: &Phrase, place: Place) -> Opening {
        let span = self.span(phrase);
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        let broken = |meant| Opening::Broken(Broken { span, meant, name: None });
        let Some(first) = pieces.first().copied() else {
            return headless::no_header(self, phrase, place);
        };
        let spoilt = pieces.iter().any(|piece| piece.kind.is_bad());
        if first.kind != Kind::Word {
            if !spoilt && let Some(known) = headless::no_keyword(self, pieces, place) {
                return known;
            }
            // A stray `}` has been found by the outline.
            if !spoilt && first.kind != Kind::Close {
                self.report.push(not_a_word(place), first.range());
            }
            return broken(None);
        }
        let word = first.of(self.text);
        if let Some(keyword) = place.keyword(word) {
            return Opening::Known(Known::of(keyword));
        }
        self.unknown(phrase, first, place, spoilt)
    }

    /// A phrase whose first word is no keyword here.
    fn unknown(&mut self, phrase: &Phrase, first: Piece, place: Place, spoilt: bool) -> Opening {
        let span = self.span(phrase);
        let word = first.of(self.text);
        let near = place.habit(word).or_else(|| self.nearest(phrase, word, place));
        let elsewhere = words::anywhere(word);
        // `accept` in a model's block is rather a slip than a statement of a role.
        let slip = near.filter(|near| near.starts_with(word) || word.starts_with(near));
        let slip = slip.or_else(|| place.habit(word));
        if let (Some(other), None) = (elsewhere, slip) {
            let keyword = other.text;
            let problem = match place {
                Place::When if Place::Role.keyword(keyword).is_some() => {
                    Problem::NotGuarded { keyword }
                }
                _ => Problem::Misplaced { keyword, belongs: other.belongs },
            };
            self.report.push(problem, first.range());
            self.keep_strayed(phrase, other, place);
            return Opening::Broken(Broken { span, meant: Some(other.text), name: None });
        }
        let pieces = self.pieces.get(phrase.pieces.clone()).unwrap_or_default();
        if !spoilt
            && near.is_none()
            && let Some(opening) = headless::no_keyword(self, pieces, place)
        {
            return opening;
        }
        if !spoilt {
            let known = place.known();
            let written = word.to_owned();
            let problem = Problem::Unknown { what: place.line(), written, nearest: near, known };
            self.report.push(problem, first.range());
        }
        let guess = near.and_then(|near| place.keyword(near));
        match guess {
            Some(keyword) => Opening::Known(Known { guessed: true, ..Known::of(keyword) }),
            None => Opening::Broken(Broken { span, meant: near, name: None }),
        }
    }

    /// The keyword that a word is most like; before a name in quotes and a block, one of the two that
    /// may have it.
    fn nearest(&self, phrase: &Phrase, word: &str, place: Place) -> Option<&'static str> {
        let is_quoted = self.pieces.get(phrase.pieces.start + 1).map(|piece| piece.kind);
        let has_name = is_quoted == Some(Kind::String) && phrase.block.is_some();
        let quoted = ["test", "role"].into_iter().filter(|it| place.keyword(it).is_some());
        let near = if has_name { nearest(word, quoted) } else { None };
        near.or_else(|| nearest(word, place.keywords()))
    }

    /// Reads a declaration that stands inside of another, where a `}` is missing before it.
    fn keep_strayed(&mut self, phrase: &Phrase, keyword: &'static Keyword, place: Place) {
        let declares = Place::Env.keyword(keyword.text).is_some();
        if declares && !matches!(place, Place::Top | Place::Env) {
            let known = Known { guessed: true, ..Known::of(keyword) };
            let declaration = self.declaration(phrase, known, Place::Env);
            self.strayed.push(declaration);
        }
    }
}

pub(super) fn not_a_word(place: Place) -> Problem {
    Problem::NotAWord { what: place.line(), known: place.known() }
}
