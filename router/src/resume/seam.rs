//! The place where a continuation is joined to the text before it.
//!
//! Owns which of the continuation's characters the client gets: those after the last words of what
//! it has, none of them twice and none left out.

/// The shortest anchor, in bytes, of a text that has as much.
const ANCHOR: usize = 24;
/// The longest anchor: of a text that repeats itself.
const LONGEST_ANCHOR: usize = 240;
/// What a model may say before it takes the last words up, beside a repetition of the whole text.
const PREAMBLE: usize = 400;

/// The continuation does not take up the last words: where it belongs cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJoined;

/// See the module.
#[derive(Debug)]
pub(super) struct Seam {
    /// What has to come before anything is passed on; empty once it has.
    anchor: String,
    /// Whether that is all there is of the text: it may be a letter, which a preamble holds, too.
    is_short: bool,
    /// What came before the anchor's end.
    sought: String,
    /// The most of it.
    limit: usize,
    /// White space at the end of the text, as far as the continuation has not repeated it.
    gap: String,
}

/// The last words of a text: enough of them to be found again, and to be there but once.
pub(super) fn anchor(text: &str) -> &str {
    let core = text.trim_end();
    let mut shortest = ANCHOR;
    loop {
        let anchor = last_words(core, shortest);
        let is_unique = core.matches(anchor).nth(1).is_none();
        if is_unique || anchor.len() == core.trim_start().len() || shortest >= LONGEST_ANCHOR {
            return anchor;
        }
        shortest *= 2;
    }
}

/// The words at the end of a text that are at least so many bytes long together; where blanks are
/// rare, a part of one.
fn last_words(text: &str, shortest: usize) -> &str {
    let starts = text.char_indices().rev().map(|(start, _)| start);
    let start = starts.into_iter().find(|start| text.len() - start >= shortest).unwrap_or_default();
    let before = text.get(..start).unwrap_or_default();
    let word = before.trim_end_matches(|c: char| !c.is_whitespace()).len();
    let start = if start - word > 3 * shortest { start } else { word };
    text.get(start..).unwrap_or(text).trim_start()
}

impl Seam {
    /// The seam behind `text`. `repeats` says whether the continuation was asked to begin with the
    /// text's [`anchor`].
    pub(super) fn new(text: &str, repeats: bool) -> Self {
        let core = text.trim_end();
        let anchor = if repeats { anchor(text).to_owned() } else { String::new() };
        let is_short = anchor.len() < ANCHOR;
        let gap = text.get(core.len()..).unwrap_or_default().to_owned();
        Self { anchor, is_short, sought: String::new(), limit: text.len() + PREAMBLE, gap }
    }

    /// Whether the last words are still to come.
    pub(super) fn is_open(&self) -> bool {
        !self.anchor.is_empty()
    }

    /// Takes more of the continuation and gives what of it the client gets.
    pub(super) fn push(&mut self, text: &str) -> Result<String, NotJoined> {
        if !self.is_open() {
            return Ok(self.after_gap(text));
        }
        self.sought.push_str(text);
        let Some(rest) = self.taken_up() else {
            let longest = self.limit + self.anchor.len();
            return if self.sought.len() > longest { Err(NotJoined) } else { Ok(String::new()) };
        };
        let rest = rest.to_owned();
        self.anchor.clear();
        self.sought = String::new();
        Ok(self.after_gap(&rest))
    }

    /// What comes behind the last words, if they have come. Short ones are looked for at the beginning
    /// of a line alone: elsewhere a preamble has them by chance.
    fn taken_up(&self) -> Option<&str> {
        let mut places = self.sought.match_indices(self.anchor.as_str());
        let (at, found) = places.find(|(at, _)| {
            let before = self.sought.get(..*at).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            !(self.is_short && line.contains(char::is_alphanumeric))
        })?;
        self.sought.get(at + found.len()..)
    }

    /// Leaves out the white space that the client already has.
    fn after_gap(&mut self, text: &str) -> String {
        let mut rest = text;
        while let (Some(has), Some(next)) = (self.gap.chars().next(), rest.chars().next()) {
            if has != next {
                self.gap.clear();
                break;
            }
            self.gap.remove(0);
            rest = rest.strip_prefix(next).unwrap_or(rest);
        }
        rest.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a client has in the end, when the continuation comes in these pieces.
    fn joined(text: &str, repeats: bool, pieces: &[&str]) -> Result<String, NotJoined> {
        let mut seam = Seam::new(text, repeats);
        let mut all = text.to_owned();
        for piece in pieces {
            all += &seam.push(piece)?;
        }
        if seam.is_open() { Err(NotJoined) } else { Ok(all) }
    }

    #[test]
    fn a_prefilled_continuation_is_put_behind_the_text() {
        for (text, rest, all) in [
            ("The quick", " brown fox", "The quick brown fox"),
            ("The quick ", " brown fox", "The quick brown fox"),
            ("The quick ", "brown fox", "The quick brown fox"),
            ("A list:\n\n", "\n\n- one", "A list:\n\n- one"),
            ("A list:\n\n", "\n- one", "A list:\n\n- one"),
            ("A li", "st", "A list"),
            ("  ", "  x", "  x"),
            ("", " x", " x"),
        ] {
            assert_eq!(joined(text, false, &[rest]).as_deref(), Ok(all), "{text:?} + {rest:?}");
        }
    }

    #[test]
    fn what_comes_before_the_last_words_is_not_passed_on() {
        let text = "It rained for three days. Then the river ";
        assert_eq!(anchor(text), "three days. Then the river");
        let all = "It rained for three days. Then the river rose.";
        for pieces in [
            ["three days. Then the river", " rose."],
            ["three days. Then the ", "river rose."],
            ["\n\"three days. Then the river", " rose."],
            ["Sure, I go on: three days. Then the river", " rose."],
            ["It rained for three days. Then the river", " rose."],
        ] {
            assert_eq!(joined(text, true, &pieces).as_deref(), Ok(all), "{pieces:?}");
        }
    }

    #[test]
    fn a_letter_is_not_found_within_a_preamble() {
        for (text, pieces, all) in [
            ("u", ["Sure:\n\nun", "der it"], "under it"),
            ("I", ["Sure, I go on:\n\n> I", "t was late"], "It was late"),
        ] {
            assert_eq!(joined(text, true, &pieces).as_deref(), Ok(all));
        }
    }

    #[test]
    fn what_does_not_take_them_up_is_not_joined() {
        let text = "It rained for three days. Then the river ";
        assert_eq!(joined(text, true, &["rose."]), Err(NotJoined));
        let mut seam = Seam::new(text, true);
        let pushed = (0..200).find_map(|_| seam.push("rose and rose ").err());
        assert_eq!(pushed, Some(NotJoined), "and not waited for to its end");
    }

    #[test]
    fn anchors_are_there_once_and_never_cut_a_word() {
        assert_eq!(anchor("Hi"), "Hi");
        assert_eq!(anchor("  \n"), "");
        let table = "| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 2 |\n";
        assert_eq!(table.matches(anchor(table)).count(), 1);
        assert!(anchor(&"x".repeat(5000)).len() <= 5000);
        assert!(anchor(&"語".repeat(500)).len() > ANCHOR, "a language without blanks");
    }

    proptest! {
        /// Wherever a text breaks and however the rest is cut: what the model repeats is there
        /// once, and nothing is lost.
        #[test]
        fn a_text_that_breaks_anywhere_is_whole_again(
            words in prop::collection::vec("[a-zé語]{1,7}[ \n.,]{1,2}", 1..60),
            at in 0.0_f64..1.0,
            cuts in prop::collection::vec(1_usize..12, 1..20),
            preamble in prop::sample::select(vec!["", "\n", "Sure:\n\n", "> "]),
        ) {
            let whole = words.concat();
            let mut place = (whole.len() as f64 * at) as usize;
            while !whole.is_char_boundary(place) { place -= 1 }
            let (text, rest) = whole.split_at(place);
            let core = text.trim_end();
            // A model begins with what it was told to and goes on as the text would have.
            let repeats = !core.is_empty();
            let preamble = if repeats { preamble } else { "" };
            let blank = text.split_at(core.len()).1;
            let said = format!("{preamble}{}{blank}{rest}", anchor(text));
            let chars: Vec<char> = said.chars().collect();
            let mut pieces: Vec<String> = Vec::new();
            let mut chars = chars.as_slice();
            for cut in cuts.iter().cycle() {
                if chars.is_empty() { break }
                let (piece, others) = chars.split_at((*cut).min(chars.len()));
                pieces.push(piece.iter().collect());
                chars = others;
            }
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(joined(text, repeats, &pieces), Ok(whole.clone()));
        }
    }
}
