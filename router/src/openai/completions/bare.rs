//! Code out of a chat's answer: without fences, and without what is said around them.
//!
//! Owns what is held back and what is let through while the answer comes in; what is said behind
//! code without a fence is `afterword`'s.

use super::afterword::Afterword;

/// How many lines may be said before a fence.
const PREFACE_LINES: usize = 4;

/// A line that opens or closes code.
const FENCE: &str = "```";

/// Takes an answer piece by piece and gives the code in it.
#[derive(Debug, Default)]
pub(super) struct Bare {
    state: State,
    /// What is not decided yet.
    held: String,
    /// Whether the code may hold fences itself.
    may_hold_fences: bool,
    /// A line end that may be the fence's.
    newline: bool,
    /// What looks at code without a fence.
    afterword: Afterword,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Whether there is a fence is not known.
    #[default]
    Start,
    /// Inside a fence.
    Fenced,
    /// Code from the first letter on.
    Plain,
    /// After a fence.
    Over,
}

impl Bare {
    /// For a text that has fences of its own, if `may_hold_fences`, and that is code, if `is_code`.
    pub(super) fn new(may_hold_fences: bool, is_code: bool) -> Self {
        let afterword = Afterword::new(is_code && !may_hold_fences);
        Self { may_hold_fences, afterword, ..Self::default() }
    }

    /// Takes a piece and appends what is certain to be code.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        self.held.push_str(piece);
        if self.state == State::Start && !self.start() {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while let Some(line) = rest.split_inclusive('\n').next().filter(|it| it.ends_with('\n')) {
            self.line(line, out);
            rest = rest.get(line.len()..).unwrap_or_default();
        }
        // The rest of a line can be told, unless it may become a fence.
        let lead = rest.trim_start();
        let may_be_fence = !lead.is_empty() && (FENCE.starts_with(lead) || lead.starts_with(FENCE));
        let is_blank = lead.is_empty();
        if !may_be_fence && !is_blank && self.state != State::Over {
            self.tell(rest, out);
            rest = "";
        }
        let kept = if self.state == State::Over { 0 } else { rest.len() };
        held.drain(..held.len() - kept);
        self.held = held;
    }

    /// Takes the end and appends the rest.
    pub(super) fn finish(&mut self, out: &mut String) {
        if self.state == State::Start {
            self.held.push('\n');
            if !self.start() {
                self.drop_chatter();
                self.state = State::Plain;
            }
            self.held.pop();
        }
        let held = std::mem::take(&mut self.held);
        for line in held.split_inclusive('\n') {
            self.line(line, out);
        }
        self.afterword.finish(out);
    }

    fn tell(&mut self, text: &str, out: &mut String) {
        if self.state == State::Plain {
            self.afterword.push(text, out);
            if self.afterword.is_over() {
                self.state = State::Over;
            }
            return;
        }
        if std::mem::take(&mut self.newline) {
            out.push('\n');
        }
        let whole = text.strip_suffix('\n').filter(|_| self.state == State::Fenced);
        self.newline = whole.is_some();
        out.push_str(whole.unwrap_or(text));
    }

    /// Looks for a fence at the start; whether it is decided that there is one or none.
    fn start(&mut self) -> bool {
        let (mut at, mut said) = (0, 0);
        for line in self.held.split_inclusive('\n') {
            let is_whole = line.ends_with('\n');
            at += line.len();
            if line.trim_start().starts_with(FENCE) {
                if is_whole {
                    self.held.drain(..at);
                    self.state = State::Fenced;
                }
                return is_whole;
            }
            if !is_whole {
                return false;
            }
            let is_blank = line.trim().is_empty();
            said += usize::from(!is_blank);
            if said >= PREFACE_LINES || !(is_blank || is_preface(line)) {
                self.drop_chatter();
                self.state = State::Plain;
                return true;
            }
        }
        false
    }

    /// Takes away what is said ahead of code that stands in no fence. A text with fences of its own
    /// may be prose, whose continuation begins as it likes.
    fn drop_chatter(&mut self) {
        if self.may_hold_fences {
            return;
        }
        let (mut at, mut end) = (0, 0);
        for line in self.held.split_inclusive('\n') {
            let is_chatter = is_chatter(line);
            if !is_chatter && !line.trim().is_empty() {
                self.held.drain(..end);
                return;
            }
            at += line.len();
            if is_chatter || end > 0 {
                end = at;
            }
        }
    }

    fn line(&mut self, line: &str, out: &mut String) {
        let is_fence = line.trim_start().starts_with(FENCE);
        match self.state {
            State::Fenced if is_fence && line.trim() == FENCE => {
                // The line end before it is the fence's.
                self.newline = false;
                self.state = State::Over;
            }
            State::Plain if is_fence && !self.may_hold_fences => self.state = State::Over,
            State::Over => (),
            _ => self.tell(line, out),
        }
    }
}

/// Whether a line may be said ahead of code, rather than be code.
fn is_preface(line: &str) -> bool {
    const WORDS: [&str; 12] = [
        "Sure",
        "Here",
        "The ",
        "This ",
        "Certainly",
        "Of course",
        "Below",
        "You ",
        "I ",
        "To ",
        "Okay",
        "Completed",
    ];
    let line = line.trim();
    line.ends_with(':') || WORDS.iter().any(|word| line.starts_with(word))
}

/// Whether a line can be nothing but said ahead of code: a pleasantry, or the announcement of code.
/// Code and comments begin otherwise, and prose does not announce code.
fn is_chatter(line: &str) -> bool {
    const PLEASANTRIES: [&str; 5] = ["Sure", "Certainly", "Of course", "Okay", "Absolutely"];
    const ANNOUNCE: [&str; 4] = ["Here", "Below", "The ", "This "];
    const OF_CODE: [&str; 6] = ["code", "complet", "snippet", "implementation", "missing", "fill"];
    let line = line.trim();
    let pleasant = PLEASANTRIES.iter().find_map(|word| line.strip_prefix(word));
    if pleasant.is_some_and(|rest| rest.starts_with(['!', ',', '.', ':'])) {
        return line.ends_with(['!', ':']) || pleasant == Some(".");
    }
    let announces = line.ends_with(':') && ANNOUNCE.iter().any(|word| line.starts_with(word));
    let lower = line.to_lowercase();
    announces && OF_CODE.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str, piece: usize, may_hold_fences: bool) -> String {
        let mut bare = Bare::new(may_hold_fences, true);
        let letters: Vec<char> = text.chars().collect();
        let mut out = String::new();
        for piece in letters.chunks(piece) {
            bare.push(&piece.iter().collect::<String>(), &mut out);
        }
        bare.finish(&mut out);
        out
    }

    #[test]
    fn code_alone_is_left_however_it_is_cut() {
        for (text, code) in [
            ("return 1", "return 1"),
            ("  return 1\n}\n", "  return 1\n}\n"),
            ("```python\nreturn 1\n```", "return 1"),
            ("```\n  a\n  b\n```\n", "  a\n  b"),
            ("\n\n```rs\na\n```\nThis returns one.", "a"),
            ("Here is the code:\n\n```js\na\n```\n\nIt works.", "a"),
            ("Sure!\n```js\na\n\nb\n```", "a\n\nb"),
            ("else:\n    pass", "else:\n    pass"),
            ("a\n```\nThis is an explanation.", "a\n"),
            ("```python\nreturn 1", "return 1"),
            ("``", "``"),
            ("x = `a`", "x = `a`"),
            ("", ""),
            ("\n", "\n"),
            ("    ", "    "),
        ] {
            for piece in [1, 2, 3, 7, 100] {
                assert_eq!(bare(text, piece, false), code, "{text:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_said_ahead_of_code_without_a_fence_is_left_out() {
        for (text, code) in [
            ("Sure! Here is the completed code:\n\n    return a + b\n", "    return a + b\n"),
            ("Sure!\nreturn 1", "return 1"),
            ("Certainly, here you go:\nx = 1\ny = 2\n", "x = 1\ny = 2\n"),
            ("Of course!\n\nHere's the missing part:\n\n  a\n\n  b", "  a\n\n  b"),
            ("Here is the implementation:\nfn f() {}", "fn f() {}"),
            ("The code to fill in is:\n\nx", "x"),
            ("\n\nOkay.\n  x", "  x"),
            ("Okay, let me look.\nx", "Okay, let me look.\nx"),
            ("Here = 1\nx", "Here = 1\nx"),
            ("else:\n    pass\n", "else:\n    pass\n"),
            ("Here are the steps:\n\n1. Open it.\n", "Here are the steps:\n\n1. Open it.\n"),
            ("# Here is the code:\nx = 1", "# Here is the code:\nx = 1"),
            ("// Sure!\nx", "// Sure!\nx"),
            ("Surely: x\ny", "Surely: x\ny"),
            ("The end of it.\nSure!\n", "The end of it.\nSure!\n"),
            ("case Sure:\n  x", "case Sure:\n  x"),
            ("Sure!", "Sure!"),
            ("\n  x\n", "\n  x\n"),
        ] {
            for piece in [1, 2, 5, 100] {
                assert_eq!(bare(text, piece, false), code, "{text:?} by {piece}");
            }
            assert_eq!(bare(text, 3, true), text);
        }
    }

    #[test]
    fn fences_stay_where_the_text_has_some() {
        let text = "a\n```sh\nls\n```\nb";
        for piece in [1, 4, 100] {
            assert_eq!(bare(text, piece, true), text);
        }
    }
}
