//! Globs: `*` for any run of characters, `?` for any one, `\` before a character for itself.
//!
//! Owns the match of a whole value; letter case is for who asks.

/// Whether all of `value` is as `pattern` says. Takes at most the product of both lengths.
pub fn matches(pattern: &str, value: &str) -> bool {
    let pieces = pieces(pattern);
    let (mut pieces, mut rest) = (pieces.as_slice(), value.chars());
    // Where to go on when the last `*` has to take one character more.
    let mut retry = None;
    loop {
        let mut after = rest.clone();
        match (pieces.split_first(), after.next()) {
            (Some((Piece::Many, following)), _) => {
                pieces = following;
                retry = Some((following, rest.clone()));
                continue;
            }
            (None, None) => return true,
            (Some((piece, following)), Some(found)) if piece.takes(found) => {
                (pieces, rest) = (following, after);
                continue;
            }
            _ => {}
        }
        let Some((following, mut taken)) = retry else { return false };
        if taken.next().is_none() {
            return false;
        }
        (pieces, rest) = (following, taken.clone());
        retry = Some((following, taken));
    }
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    Many,
    One,
    Exactly(char),
}

impl Piece {
    fn takes(self, found: char) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Exactly(wanted) => wanted == found,
        }
    }
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '*' => Piece::Many,
            '?' => Piece::One,
            '\\' => Piece::Exactly(characters.next().unwrap_or('\\')),
            other => Piece::Exactly(other),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_glob_is_held_against_the_whole_value() {
        assert!(matches("a*c", "abbc") && matches("a*c", "ac") && matches("*", ""));
        assert!(matches("*-4-?*", "claude-4-5-x-4-6") && matches("ü?", "üß"));
        assert!(matches(r"a\*", "a*") && !matches(r"a\*", "ab"));
        assert!(!matches("a*c", "abcd") && !matches("?", "") && !matches("", "a"));
        assert!(!matches("a", "ab") && !matches("ab", "a"));
    }

    #[test]
    fn stars_do_not_make_it_slow() {
        let value = "a".repeat(5_000);
        assert!(!matches("*a*a*a*a*a*a*a*a*b", &value));
    }
}
