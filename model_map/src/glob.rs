//! Globs: `*` is any run of characters, `?` any one, `\` takes the next character as itself.
//!
//! Owns the match of a whole value; linear in time but for one pass a star.

/// Whether `pattern` matches all of `text`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on when the text after the last star does not fit: one character further.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let here = pattern.clone();
        let fits = match pattern.next() {
            Some('*') => {
                retry = Some((here, text.clone()));
                continue;
            }
            None if text.as_str().is_empty() => return true,
            None => false,
            Some('?') => text.next().is_some(),
            Some('\\') => {
                // A lone `\` at the end stands for itself.
                let literal = pattern.next().unwrap_or('\\');
                text.next() == Some(literal)
            }
            Some(literal) => text.next() == Some(literal),
        };
        if fits {
            continue;
        }
        let Some((star, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern = star.clone();
        pattern.next();
        text = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    #[test]
    fn matches_the_whole_value() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*b", "abab", true),
            ("*b*b", "aba", false),
            ("?", "é", true),
            ("?", "", false),
            ("??", "é", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", r"a\", true),
            ("**", "anything", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition, without any cleverness.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['*', rest @ ..], _) => {
                plainly(rest, text) || (!text.is_empty() && plainly(pattern, &text[1..]))
            }
            (['?', rest @ ..], [_, after @ ..]) => plainly(rest, after),
            (['\\'], text) => text == ['\\'],
            (['\\', literal, rest @ ..], [first, after @ ..]) => {
                literal == first && plainly(rest, after)
            }
            ([literal, rest @ ..], [first, after @ ..]) => literal == first && plainly(rest, after),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_its_definition(pattern in r"[ab*?\\]{0,8}", text in r"[ab*\\]{0,8}") {
            let chars = |of: &str| of.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), plainly(&chars(&pattern), &chars(&text)));
        }
    }
}
