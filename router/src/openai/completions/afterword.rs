//! What a chat says behind code that it gave without fences.
//!
//! Owns which paragraph can be nothing but said to the user, and what is held back until that is
//! known; where code stands in `bare` and whether the text is code at all is for others.

use super::around::is_open;

/// What a paragraph that is no code begins with.
const PHRASES: [&str; 37] = [
    "**Explanation",
    "**Note:**",
    "**Note**:",
    "Explanation:\n",
    "Feel free to ",
    "Happy coding",
    "Here is what ",
    "Here's how ",
    "Here's what ",
    "Hope this helps",
    "Hope that helps",
    "I added ",
    "I assumed ",
    "I completed ",
    "I have added ",
    "I have assumed ",
    "I have completed ",
    "I hope this ",
    "I've added ",
    "I've assumed ",
    "I've completed ",
    "If you have any ",
    "If you need ",
    "If you want ",
    "If you would like ",
    "If you'd like ",
    "In the code above",
    "In this code",
    "In this completion",
    "In this implementation",
    "Let me know ",
    "Note that ",
    "Please let me know",
    "Please note that ",
    "The above code ",
    "The code above ",
    "You can now ",
];

/// What a sentence about code begins with, besides what it is about.
const HEADS: [&str; 3] = ["This ", "The ", "These "];

/// What such a sentence is about, or says of it; a small word follows.
const NOUNS: [&str; 25] = [
    "adds",
    "assumes",
    "changes",
    "class",
    "code",
    "completed code",
    "completes",
    "completion",
    "component",
    "ensures",
    "fills",
    "finishes",
    "function",
    "implementation",
    "implements",
    "inserted code",
    "lines",
    "logic",
    "loop",
    "method",
    "missing code",
    "query",
    "returns",
    "snippet",
    "solution",
];

/// Takes code piece by piece and gives it without an afterword.
#[derive(Debug, Default)]
pub(super) struct Afterword {
    /// Whether anything is looked for.
    looks: bool,
    /// What was let through.
    told: String,
    /// Empty lines, and the beginning of a paragraph behind them.
    held: String,
    over: bool,
}

/// What the beginning of a paragraph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paragraph {
    /// Said to the user.
    Chat,
    /// Anything else.
    Code,
    /// The next letters tell.
    Unknown,
}

impl Afterword {
    /// For a text that is code, if `looks`.
    pub(super) fn new(looks: bool) -> Self {
        Self { looks, ..Self::default() }
    }

    /// Whether it has come: nothing follows it.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a piece and appends what no afterword can begin in.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        if !self.looks {
            return out.push_str(piece);
        }
        self.held.push_str(piece);
        while !self.over && !self.held.is_empty() {
            let begins = self.told.ends_with('\n') && !self.told.trim_start().is_empty();
            let blank = if begins { blank_lines(&self.held) } else { 0 };
            let paragraph = self.held.get(blank..).unwrap_or_default();
            if begins && paragraph.trim_start().is_empty() {
                return;
            }
            match if blank > 0 { judged(paragraph) } else { Paragraph::Code } {
                Paragraph::Unknown => return,
                Paragraph::Chat if self.is_between_statements() => {
                    self.held.clear();
                    self.over = true;
                    return;
                }
                Paragraph::Chat | Paragraph::Code => (),
            }
            let line = paragraph.find('\n').map_or(paragraph.len(), |end| end + 1);
            let rest = self.held.split_off(blank + line);
            self.let_through(out);
            self.held = rest;
        }
    }

    /// Takes the end and appends the rest.
    pub(super) fn finish(&mut self, out: &mut String) {
        if self.held.is_empty() {
            return;
        }
        // The end of the text is the end of its last line.
        let whole = self.held.ends_with('\n');
        let mut rest = String::new();
        self.push(if whole { "" } else { "\n" }, &mut rest);
        if !self.over {
            rest.push_str(&std::mem::take(&mut self.held));
        }
        out.push_str(if whole { &rest } else { rest.strip_suffix('\n').unwrap_or(&rest) });
    }

    fn let_through(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.told.push_str(&self.held);
    }

    /// Whether what was let through ends outside of texts, comments and markup.
    fn is_between_statements(&self) -> bool {
        let last = self.told.lines().rfind(|line| !line.trim().is_empty());
        last.is_some_and(|line| !line.trim_start().starts_with('<')) && !is_open(&self.told)
    }
}

/// How many bytes at the beginning are lines without a letter.
fn blank_lines(text: &str) -> usize {
    let lines = text.split_inclusive('\n');
    lines.take_while(|line| line.ends_with('\n') && line.trim().is_empty()).map(str::len).sum()
}

fn judged(text: &str) -> Paragraph {
    let mut unknown = false;
    for phrase in PHRASES {
        if text.starts_with(phrase) {
            return Paragraph::Chat;
        }
        unknown |= phrase.starts_with(text);
    }
    for head in HEADS {
        unknown |= head.starts_with(text);
        let Some(rest) = text.strip_prefix(head) else { continue };
        for noun in NOUNS {
            unknown |= noun.starts_with(rest);
            let mut letters = match rest.strip_prefix(noun) {
                Some(rest) => rest.chars(),
                None => continue,
            };
            match (letters.next(), letters.next()) {
                (None, _) | (Some(' '), None) => unknown = true,
                (Some(' '), Some(c)) if c.is_ascii_lowercase() || c == '`' => {
                    return Paragraph::Chat;
                }
                _ => (),
            }
        }
    }
    if unknown { Paragraph::Unknown } else { Paragraph::Code }
}

#[cfg(test)]
mod tests;
