//! What kind of text stands around the gap.
//!
//! Owns the look at it alone: it decides nothing, and errs towards what is left as it is.

use super::gap::Gap;

/// How much of the text before the cursor, and after it, tells what it is.
const NEAR: usize = 4_096;

/// One of so many letters is a mark of code.
const MARKED: usize = 32;

/// What opens a text or a comment over several lines, and what closes it.
const PAIRS: [(&str, &str); 10] = [
    ("/*", "*/"),
    ("<!--", "-->"),
    ("{-", "-}"),
    ("(* ", "*)"),
    ("(** ", "*)"),
    ("[[", "]]"),
    ("[=[", "]=]"),
    ("=begin", "=end"),
    ("=pod", "=cut"),
    ("=head", "=cut"),
];

/// What quotes texts over several lines.
const QUOTES: [&str; 3] = ["\"", "'''", "`"];

/// Whether it is code whose texts and comments are closed at the cursor: only there a paragraph of
/// prose is none of the file's.
pub(super) fn is_code(gap: &Gap<'_>) -> bool {
    let (before, after) = (last(&gap.before, NEAR), first(&gap.after, NEAR));
    let marks = marks(before) + marks(after);
    let is_dense = marks > 1 && marks * MARKED >= before.len() + after.len();
    is_dense && !is_markup(&gap.before) && !is_open(&gap.before)
}

/// How much in a text is seldom seen in prose: signs, calls and lines that open a block.
fn marks(text: &str) -> usize {
    let pairs = text.bytes().zip(text.bytes().skip(1));
    let is_mark = |(byte, next): &(u8, u8)| {
        let opens =
            byte.is_ascii_alphanumeric() && *next == b'(' || (*byte, *next) == (b':', b'\n');
        opens || b"{}[]=;<>".contains(byte)
    };
    pairs.filter(is_mark).count()
}

/// Whether a text ends within a text or a comment that it opened, as far as can be told: what is not
/// known is taken for open.
pub(super) fn is_open(text: &str) -> bool {
    let unclosed = |(open, close): &(&str, &str)| {
        text.rfind(open).is_some_and(|open| text.rfind(close).is_none_or(|close| close < open))
    };
    let odd = |quote: &&str| {
        let places = text.match_indices(*quote);
        let real = places.filter(|(at, _)| !text.get(..*at).is_some_and(|it| it.ends_with('\\')));
        real.count() % 2 == 1
    };
    PAIRS.iter().any(unclosed) || QUOTES.iter().any(odd) || has_document(text)
}

/// Whether it may have a text up to a word of its own.
fn has_document(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_uppercase() || "-~'\"\\".contains(c);
    let here = text.match_indices("<<").any(|(at, mark)| {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        rest.trim_start_matches(' ').starts_with(begins) || rest.starts_with('<')
    });
    here || text.contains("__END__") || text.contains("__DATA__") || text.contains("@doc ~")
}

/// Whether it is prose with commands or tags in it.
fn is_markup(text: &str) -> bool {
    let is_command = |(at, _): (usize, &str)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let name = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(0);
        name > 2 && rest.get(name..).is_some_and(|rest| rest.starts_with('{'))
    };
    let begin = text.trim_start();
    (begin.starts_with('<') && !begin.starts_with("<?php"))
        || text.match_indices('\\').any(is_command)
}

fn last(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    (from..text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}

fn first(text: &str, most: usize) -> &str {
    let to = text.len().min(most);
    (0..=to).rev().find_map(|at| text.get(..at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_code(before: &str, after: &str) -> bool {
        super::is_code(&Gap { before: before.into(), after: after.into() })
    }

    #[test]
    fn code_is_told_from_prose() {
        for code in [
            "def f(a, b):\n    ",
            "fn main() {\n    let x = ",
            "const a = () => {\n  ",
            "SELECT f(a), b FROM t WHERE a = ",
            "<?php\nfunction f($a) {\n",
            "int main(void) {\n  /* done */ printf(\"a\\n\");\n  ",
        ] {
            assert!(is_code(code, ""), "{code}");
            assert!(is_code(code, ")\n}\n"), "{code}");
        }
        for other in [
            "",
            "Dear all,\n\nthank you for coming (we were twelve).\n\n",
            "# Notes\n\n- one\n- two (or three)\n",
            "<p>Hello</p>\n<p>(a) [b] {c}</p>\n",
            "\\section{One}\n\\emph{two} and {three}.\n\n",
        ] {
            assert!(!is_code(other, ""), "{other}");
        }
    }

    #[test]
    fn what_is_open_at_the_cursor_is_no_code() {
        for open in [
            "def f(a):\n    \"\"\"Adds.\n\n",
            "x = '''\n",
            "const a = () => `\n",
            "f({});\n/* It (may) be\n",
            "cat(x) <<EOF\n",
            "f(a)\nputs <<~TEXT\n",
            "f = g (a)\n{- So:\n",
            "f(a[1]);\n<!-- (a)\n",
            "(defun f () \"Does.\n\n",
        ] {
            assert!(is_open(open) && !is_code(open, ""), "{open}");
        }
        for closed in
            ["x = f(\"a\", '''b''', `c`)\n", "/* a */ x = f(1)\n", "x = \"\\\"\"; f(x << 1)\n"]
        {
            assert!(!is_open(closed) && is_code(closed, ""), "{closed}");
        }
    }

    #[test]
    fn a_long_text_is_looked_at_near_the_cursor() {
        let prose = "Many words. ".repeat(1_000);
        assert!(is_code(&format!("{prose}{}", "f(é);\n".repeat(1_000)), ""));
        assert!(!is_code(&format!("{}{prose}", "f(é);\n".repeat(1_000)), ""));
    }
}
