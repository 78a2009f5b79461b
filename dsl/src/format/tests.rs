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
