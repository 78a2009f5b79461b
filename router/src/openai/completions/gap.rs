//! The text before and after the cursor.
//!
//! Owns the marks that editors put around them where they take the model for one that was trained
//! on them: to any other they are noise.

use std::borrow::Cow;

/// What a completion is to be put between.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap<'a> {
    pub(super) before: Cow<'a, str>,
    pub(super) after: Cow<'a, str>,
}

/// The marks before the prefix, before the suffix and at the end, in this order on the wire.
const PREFIX_FIRST: [(&str, &str, &str); 6] = [
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ("<PRE> ", " <SUF>", " <MID>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
];

/// The marks before the suffix and before the prefix.
const SUFFIX_FIRST: [(&str, &str); 2] = [("[SUFFIX]", "[PREFIX]"), ("<|suffix|>", "<|prefix|>")];

impl<'a> Gap<'a> {
    /// Finds the gap of a prompt and its suffix.
    pub(super) fn of(prompt: &'a str, suffix: &'a str) -> Self {
        let plain = || Self { before: prompt.into(), after: suffix.into() };
        if !suffix.is_empty() {
            return plain();
        }
        for (prefix, suffix, middle) in PREFIX_FIRST {
            let marked = prompt.split_once(prefix).and_then(|(ahead, rest)| {
                let (before, rest) = rest.split_once(suffix)?;
                Some((ahead, before, rest.rsplit_once(middle)?.0))
            });
            if let Some((ahead, before, after)) = marked {
                return Self { before: join(ahead, before), after: after.into() };
            }
        }
        for (suffix, prefix) in SUFFIX_FIRST {
            let marked = prompt.split_once(suffix).and_then(|(ahead, rest)| {
                let (after, before) = rest.split_once(prefix)?;
                Some((ahead, before, after))
            });
            if let Some((ahead, before, after)) = marked {
                return Self { before: join(ahead, before), after: after.into() };
            }
        }
        plain()
    }
}

fn join<'a>(ahead: &'a str, before: &'a str) -> Cow<'a, str> {
    if ahead.is_empty() { before.into() } else { [ahead, before].concat().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap<'a>(prompt: &'a str, suffix: &'a str) -> (String, String) {
        let gap = Gap::of(prompt, suffix);
        (gap.before.into_owned(), gap.after.into_owned())
    }

    #[test]
    fn the_marks_of_every_family_are_known() {
        let expected = ("a(".to_owned(), ")b".to_owned());
        for prompt in [
            "<fim_prefix>a(<fim_suffix>)b<fim_middle>",
            "<|fim_prefix|>a(<|fim_suffix|>)b<|fim_middle|>",
            "<｜fim▁begin｜>a(<｜fim▁hole｜>)b<｜fim▁end｜>",
            "<PRE> a( <SUF>)b <MID>",
            "[SUFFIX])b[PREFIX]a(",
        ] {
            assert_eq!(gap(prompt, ""), expected, "{prompt}");
        }
        assert_eq!(gap("a(", ")b"), expected);
        assert_eq!(gap("# file\n[SUFFIX])b[PREFIX]a(", "").0, "# file\na(");
        assert_eq!(gap("plain", ""), ("plain".to_owned(), String::new()));
    }
}
