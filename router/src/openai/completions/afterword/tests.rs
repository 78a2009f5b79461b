use proptest::prelude::*;

use super::*;

fn filtered(pieces: &[&str]) -> String {
    let (mut afterword, mut out) = (Afterword::new(true), String::new());
    for piece in pieces {
        afterword.push(piece, &mut out);
    }
    afterword.finish(&mut out);
    out
}

fn by(text: &str, length: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = letters.chunks(length).map(|it| it.iter().collect()).collect();
    filtered(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Code that looks like real code, with what comes near to an afterword in it.
const CORPUS: [&str; 16] = [
    "return a + b\n\n\ndef next(a):\n    \"\"\"This function returns one.\n\nThis code is fine.\n\
     \"\"\"\n    return 1\n",
    "'''\nNote that this is a text.\n\nThis code stays.\n'''\n\nx = 1\n",
    "# This code adds.\n\n# Let me know if it does not.\nx = f(1)\n",
    "let a = 1;\n\n/*\nThis function is old.\n\nThis code is older.\n*/\nfn main() {}\n",
    "const a = `Hello\n\nLet me know if you have any questions.`;\n\nexport default a;\n",
    "x := `\nThis code is a text.\n\nThis code is a text.\n`\n\nfunc main() {}\n",
    "(defun f ()\n  \"Adds.\n\nThis function returns one.\"\n  1)\n\n(f)\n",
    "cat <<EOF\nHello\n\nLet me know if it works.\nEOF\n",
    "puts <<~TEXT\n\nThis code is a text.\nTEXT\n",
    "This code = new This();\n\nThis method = code;\n\nThis code;\n",
    "class A {\n  int a;\n\n  This code is(int b);\n\n}\n\nThe function;\n",
    "-- |\n{-\nThis function folds.\n\nThis code is total.\n-}\n\nf = foldr (+) 0\n",
    "<template>\n\nThis code is shown.\n\n</template>\n",
    "SELECT a\nFROM t\n\nWHERE b = 1;\n\nIF x THEN\n\nThe_end:\n",
    "Explanation: str = 'a'\n\nExplanation: int = 1\n\nThis = The = 1\n\nI = 2\n\nIn = 3\n",
    "=begin\nThis code is Ruby.\n\nThis code is documented.\n=end\nx = 1\n\n\n\ny = 2\n\n",
];

#[test]
fn code_passes_byte_for_byte() {
    for text in CORPUS {
        for length in [1, 2, 3, 7, 1_000] {
            assert_eq!(by(text, length), text, "by {length}");
        }
        assert_eq!(filtered(&[text, "\n", "   "]), format!("{text}\n   "));
    }
}

#[test]
fn what_is_said_behind_code_is_left_out() {
    for said in [
        "This code adds the two numbers.",
        "This function takes two numbers and returns `a`.\n\nIt is fast.\n",
        "This completes the loop.",
        "The missing code returns the sum of both.",
        "These changes make it compile.",
        "Let me know if you'd like anything else!",
        "Explanation:\n- It adds.",
        "Explanation:\n",
        "**Explanation:**\n\n1. It adds.",
        "Note that `a` may be empty.",
        "I've assumed that b is a number.\n\n```python\nx\n```",
        "Feel free to change it.",
        "Hope this helps!",
    ] {
        for (code, kept) in [
            ("return a + b\n\n", "return a + b\n"),
            ("  return a;\n}\n\n\n", "  return a;\n}\n"),
            (
                "x = \"\"\"\nThis code is a text.\n\"\"\"\n \t\n",
                "x = \"\"\"\nThis code is a text.\n\"\"\"\n",
            ),
        ] {
            let text = format!("{code}{said}");
            for length in [1, 2, 5, 1_000] {
                assert_eq!(by(&text, length), kept, "{text:?} by {length}");
            }
        }
    }
}

#[test]
fn prose_is_left_where_it_is_not_behind_code() {
    for text in [
        "This code is the first line.\n\nx = 1\n",
        "\n\nThis code is the first line.",
        "x = 1\nThis code follows without a line between.\n",
        "x = 1\n\n  This code is indented.\n",
        "x = 1\n\nThis\n",
        "x = 1\n\nThis code",
        "x = 1\n\nExplanation",
        "x = 1\n\n",
    ] {
        for length in [1, 4, 1_000] {
            assert_eq!(by(text, length), text, "by {length}");
        }
    }
    let (mut afterword, mut out) = (Afterword::new(false), String::new());
    afterword.push("x = 1\n\nThis code is kept.", &mut out);
    assert_eq!(out, "x = 1\n\nThis code is kept.");
}

#[test]
fn nothing_waits_but_what_may_be_said_to_the_user() {
    let mut afterword = Afterword::new(true);
    for (piece, expected) in [
        ("x = 1", "x = 1"),
        ("\n", "\n"),
        ("\n", ""),
        ("T", ""),
        ("hing", "\nThing"),
        (" = 2\n", " = 2\n"),
        ("This", "This"),
        (" code is not behind an empty line\n", " code is not behind an empty line\n"),
    ] {
        let mut out = String::new();
        afterword.push(piece, &mut out);
        assert_eq!(out, expected, "{piece:?}");
    }
}

proptest! {
    #[test]
    fn where_it_is_cut_does_not_matter(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "x = 1", "\n", "\n\n", "This code", " is ", "The ", "function a", "Let me ", "know ",
                "\"\"\"", "/*", "*/", "`", "Explanation:", "  ", "é", "<p>", "Note that ", "}",
            ]),
            0..24,
        ),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let text = parts.concat();
        let mut cuts: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
        cuts.retain(|cut| text.is_char_boundary(*cut));
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).filter_map(|cut| text.get(cut[0]..cut[1])).collect();
        let whole = filtered(&[&text]);
        prop_assert_eq!(filtered(&pieces), whole.clone());
        prop_assert!(text.starts_with(&whole), "{} of {}", whole, text);
    }
}
