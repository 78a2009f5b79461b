//! Tests of the layout, over whole files.

use super::*;
use crate::span::FileId;
use crate::syntax::parse;

const CANONICAL: &str = include_str!("../../tests/canonical/backend.sfr");

/// A text in the one layout, which is its own layout and says the same.
fn tidy(text: &str) -> String {
    let tree = parse(FileId(0), text).tree;
    let tidy = format(text, &tree).unwrap_or_else(|why| panic!("{why}:\n{text}"));
    let again = parse(FileId(0), &tidy).tree;
    assert_eq!(format(&tidy, &again).as_deref(), Ok(tidy.as_str()), "{text}");
    let (before, after) = (dump(&tree), dump(&again));
    assert_eq!(before, after, "{text}");
    tidy
}

fn dump(tree: &File) -> String {
    syntax::dump(tree, Places::Hidden)
}

#[test]
fn the_canonical_file_is_clean_and_its_own_layout() {
    let parsed = parse(FileId(0), CANONICAL);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(tidy(CANONICAL), CANONICAL);
}

fn role(body: &str) -> String {
    format!("role a {{\n{body}}}\n")
}

#[test]
fn arms_are_a_run_of_their_own() {
    let untidy = "about \"x\"\nwhen image route b->c\nwhen tokens>5 and not(json or stream) route 90% b|10% c->d # big\notherwise route c\nset a 1\nretry 0\n";
    let laid_out = "  about \"x\"
  when image                               route b -> c
  when tokens > 5 and not (json or stream) route 90% b | 10% c -> d  # big
  otherwise                                route c
  set   a 1
  retry 0
";
    assert_eq!(tidy(&role(untidy)), role(laid_out));
}

#[test]
fn blocks_stand_on_several_lines_and_end_a_run() {
    let untidy = "when client in( ci,ada ) {set a 1\n\n timeout   total 5s}\nwhen image and tools{ }\nwhen json route b\n";
    let laid_out = "  when client in (ci, ada) {
    set a 1

    timeout total 5s
  }
  when image and tools {
  }
  when json route b
";
    assert_eq!(tidy(&role(untidy)), role(laid_out));
}

#[test]
fn statements_stay_broken_after_their_joints() {
    let untidy = "route 90% b |\n10% c ->\n   d\nwhen client in (ci,\n ada) route b\nwhen image route c\naccept image,\ntools\n";
    let laid_out = "  route 90% b |
    10% c ->
    d
  when client in (ci,
    ada) route b
  when image route c
  accept image,
    tools
";
    assert_eq!(tidy(&role(untidy)), role(laid_out));
}

#[test]
fn clients_promises_and_tests_are_laid_out() {
    let untidy = "client ci{key env \"CI\"\nallow a,\"gpt-4o\"\nlimit 60 requests per 1m\nbudget $20 per day}\nensure role a costs at most $0.05 for tokens 5,max_tokens 6\nensure every role makes at most 5 attempts\ntest \"x\"{ask a with image,header \"x\" \"y\"\ngiven b answers 529 2 times after 5s\nexpect failure timeout after b,c}\n";
    let laid_out = "client ci {
  key    env \"CI\"
  allow  a, \"gpt-4o\"
  limit  60 requests per 1m
  budget $20 per day
}
ensure role a costs at most $0.05 for tokens 5, max_tokens 6
ensure every role makes at most 5 attempts
test \"x\" {
  ask    a with image, header \"x\" \"y\"
  given  b answers 529 2 times after 5s
  expect failure timeout after b, c
}
";
    assert_eq!(tidy(untidy), laid_out);
}

#[test]
fn what_is_broken_on_one_line_stays_on_it() {
    let text = "defaults} {\n  timeout   total 5m\n}\n";
    assert_eq!(tidy(text), text);
}

#[test]
fn what_is_broken_stays_as_it_is() {
    let text = "  when image   &&  tools route   b\n  when json route c\n";
    assert_eq!(tidy(&role(text)), role(text));
}

/// The text's pieces, each with the blanks before it.
fn tokens(text: &str) -> Vec<&str> {
    let (_, sketch) = Sketch::new(FileId(0), text);
    let mut start = 0;
    let mut tokens = Vec::new();
    for piece in &sketch.pieces {
        tokens.push(text.get(start..piece.range().end).unwrap());
        start = piece.range().end;
    }
    tokens
}

const STRANGE: [&str; 32] = [
    " when",
    " otherwise",
    " route",
    " and",
    " or",
    " not",
    " (",
    " )",
    " in",
    " matches",
    " ==",
    " =",
    " &&",
    " ||",
    " !",
    " |",
    " ->",
    " ,",
    " {",
    " }",
    "\n",
    " # x\n",
    " \"",
    " \"\"\"",
    " 90%",
    " 5",
    " header",
    " after",
    " every",
    " test",
    "\r\n",
    " é",
];

fn edited(edits: &[(u8, usize, usize)]) -> String {
    let mut all = tokens(CANONICAL);
    for (kind, at, other) in edits {
        if all.is_empty() {
            break;
        }
        let (at, other) = (at % all.len(), *other);
        let (from, strange) = (other % all.len(), STRANGE[other % STRANGE.len()]);
        match kind {
            0 => drop(all.remove(at)),
            1 => all.insert(at, all[at]),
            2 => all.swap(at, from),
            3 => all[at] = strange,
            4 => all.insert(at, strange),
            _ => all.insert(at, all[from]),
        }
    }
    all.concat()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn whatever_is_edited_is_read_and_laid_out(
        edits in proptest::collection::vec((0_u8..6, 0_usize..4096, 0_usize..4096), 1..8),
    ) {
        let text = edited(&edits);
        let parsed = parse(FileId(0), &text);
        for finding in &parsed.diagnostics {
            assert!(text.get(finding.span.range()).is_some(), "{finding:?}");
        }
        tidy(&text);
    }
}
