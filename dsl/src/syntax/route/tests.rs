//! Tests of routes: draws, chains, and what `when` and `otherwise` guard.

use crate::span::FileId;
use crate::syntax::testing::{assert_clean, assert_found, assert_mended};
use crate::syntax::{Places, dump, parse};

const ROLE: &str = "role a {\n  @\n}\n";

fn read(statement: &str) -> String {
    let lines = dump(&parse(FileId(0), &ROLE.replace('@', statement)).tree, Places::Hidden);
    lines.lines().skip(2).map(str::trim).collect::<Vec<_>>().join("; ")
}

#[test]
fn reads_every_form() {
    let texts = [
        "route b",
        "route b -> c ->\n    d",
        "route 90% b | 10% c",
        "route 90% b | 10% c -> d -> e",
        "route 90% b|\n    10% c",
        "route heavy b | light c -> d",
        "when image route 90% b | 10% c -> d\n  otherwise route b",
        "when image { set temperature 0.2 }",
        "when image {\n    set temperature 0.2\n    system append \"x\"\n    timeout total 5s\n  }",
    ];
    assert_clean(ROLE, &texts);
}

#[test]
fn a_draw_comes_before_the_chain() {
    assert_eq!(
        read("route 90% b | 10% c -> d"),
        "route; drawn; share 90%; link \"b\"; drawn; share 10%; link \"c\"; link \"d\""
    );
    assert_eq!(
        read("when image { set a 1 }"),
        "when; test; fact \"image\"; block; set; key \"a\"; value Integer(1)"
    );
}

#[test]
fn a_draw_that_cannot_be_read_has_no_shares() {
    assert_eq!(
        read("route 90% b | c -> d"),
        "route; drawn; share ?; link \"b\"; drawn; share ?; link \"c\"; link \"d\""
    );
}

#[test]
fn mends_what_is_certain() {
    let pairs = [
        ("route 90% b | c -> d", "route 90% b | 10% c -> d"),
        ("route b | 10% c -> d", "route 90% b | 10% c -> d"),
        ("route 90% b, 10% c", "route 90% b | 10% c"),
        ("route 90% b 10% c", "route 90% b | 10% c"),
        ("route 90% b || 10% c", "route 90% b | 10% c"),
        ("route 90% b | c 10%", "route 90% b | 10% c"),
        ("route 90 b | 10% c", "route 90% b | 10% c"),
        ("route 0.9 b | 10% c", "route 90% b | 10% c"),
        ("route b => c", "route b -> c"),
        ("route b > c", "route b -> c"),
        ("route 90% b | 10% c d", "route 90% b | 10% c -> d"),
        ("when image b -> c", "when image route b -> c"),
        ("when image b", "when image route b"),
        ("when image 90% b | 10% c", "when image route 90% b | 10% c"),
        ("when image rout b -> c", "when image route b -> c"),
        ("otherwise b -> c", "otherwise route b -> c"),
        ("otherwise\n    route b", "otherwise route b"),
        ("when image set temperature 0", "when image { set temperature 0 }"),
        ("if image route b", "when image route b"),
        ("else route b", "otherwise route b"),
        ("wehn image route b", "when image route b"),
    ];
    assert_mended(ROLE, &pairs);
}

#[test]
fn says_once_what_is_not_to_be_mended() {
    let late = "no share or `|` belongs after `->`";
    let cases = [
        ("route b -> 90% c", "90%", late),
        ("route b -> 90% c | 10% d", "90%", late),
        ("route b -> c | d", "|", late),
        ("route 90% b -> 90% c", "90%", late),
        ("route b | c", "b", "a link beside `|` has no share"),
        ("route 5m b | 10% c", "5m", "expected a share such as `90%`, found a duration"),
        ("route 90% b |", "|", "a share and a model is missing after `|`"),
        ("route 90% -> b", "->", "expected a model, found `->`"),
        ("when image", "image", "`route`, or a block, is missing after `image`"),
        ("when image retry 2", "retry", "expected `and`, `or` or `route`, found `retry`"),
        ("when image route b {\n    set a 1\n  }", "{", "`when image` takes no block"),
        (
            "when image {\n    route b\n  }",
            "route",
            "`route` does not belong into a block of `when`",
        ),
        (
            "when image {\n    retry 2\n  }",
            "retry",
            "`retry` does not belong into a block of `when`",
        ),
        (
            "when image {\n    when json { set a 1 }\n  }",
            "when",
            "a `when` does not belong into another",
        ),
        ("when image {\n    sett a 1\n  }", "sett", "unknown statement `sett`"),
        ("otherwise {\n    set a 1\n  }", "otherwise", "`otherwise` guards only a `route`"),
        ("otherwise set a 1", "otherwise", "`otherwise` guards only a `route`"),
        ("otherwise", "otherwise", "`route` is missing after `otherwise`"),
        ("otherwise when image route b", "when", "expected `route`, found `when`"),
    ];
    assert_found(ROLE, &cases);
}
