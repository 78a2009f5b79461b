//! Tests of conditions: what is read, and what each habit of other languages is told.

use crate::span::FileId;
use crate::syntax::testing::{assert_clean, assert_found, assert_mended, findings};
use crate::syntax::{Places, dump, parse};

const ROLE: &str = "role a {\n  when @ route b -> c\n  otherwise route c\n}\n";

/// The lines of a condition.
fn read(condition: &str) -> String {
    let text = ROLE.replace('@', condition);
    let lines = dump(&parse(FileId(0), &text).tree, Places::Hidden);
    let lines = lines.lines().skip_while(|line| *line != "  when").skip(1);
    let lines: Vec<_> = lines.take_while(|line| *line != "    route").map(str::trim).collect();
    lines.join("; ")
}

#[test]
fn reads_every_form() {
    let texts = [
        "image",
        "tokens > 200_000",
        "tokens>=1 and tokens<=5",
        "not (image or tools) and json",
        "client in (ci, ada,\n    bob)",
        "client == ci",
        "client != ci or stream",
        "header \"x-team\"",
        "header \"x-team\" matches \"core-*\"",
        "metadata \"a\" in (\"b\", \"c\")",
        "not not image",
        "((image))",
        "max_tokens < 5 or messages == 3",
        "tokens > route",
        "tokens > route and image",
        "tokens in (route, and)",
    ];
    assert_clean(ROLE, &texts);
}

#[test]
fn not_binds_before_and_before_or() {
    let image = "test; fact \"image\"";
    let tools = "test; fact \"tools\"";
    let json = "test; fact \"json\"";
    assert_eq!(
        read("not image and tools or json"),
        format!("any; all; not; {image}; {tools}; {json}")
    );
    assert_eq!(read("image or tools and json"), format!("any; {image}; all; {tools}; {json}"));
    assert_eq!(read("(image or tools) and json"), format!("all; any; {image}; {tools}; {json}"));
    assert_eq!(read("not (image or tools)"), format!("not; any; {image}; {tools}"));
    assert_eq!(read("image or tools or json"), format!("any; {image}; {tools}; {json}"));
}

#[test]
fn reads_the_parts_of_a_comparison() {
    let words =
        "fact \"header\"; argument string; \"x\"; in; value string; \"a\"; value ident \"b\"";
    assert_eq!(read("header \"x\" in (\"a\", b)"), format!("test; {words}"));
    assert_eq!(read("tokens <= 5"), "test; fact \"tokens\"; <=; value Integer(5)");
}

#[test]
fn mends_the_habits_of_other_languages() {
    let pairs = [
        ("image && tools", "image and tools"),
        ("image || tools", "image or tools"),
        ("image | tools", "image or tools"),
        ("image AND tools", "image and tools"),
        ("image Or tools", "image or tools"),
        ("!image", "not image"),
        ("! image", "not image"),
        ("!(image or tools)", "not (image or tools)"),
        ("NOT image", "not image"),
        ("client = ci", "client == ci"),
        ("client === ci", "client == ci"),
        ("client !== ci", "client != ci"),
        ("client <> ci", "client != ci"),
        ("tokens => 5", "tokens >= 5"),
        ("tokens =< 5", "tokens <= 5"),
        ("client is ci", "client == ci"),
        ("client is not ci", "client != ci"),
        ("client equals ci", "client == ci"),
        ("tokens over 5", "tokens > 5"),
        ("tokens gte 5", "tokens >= 5"),
        ("header \"x\" contains \"y\"", "header \"x\" matches \"*y*\""),
        ("header \"x\" starts_with \"y\"", "header \"x\" matches \"y*\""),
        ("header \"x\" ends_with \"y\"", "header \"x\" matches \"*y\""),
        ("header \"x\" like \"y\"", "header \"x\" matches \"y\""),
        ("client not in (ci)", "not client in (ci)"),
        ("client IN (ci)", "client in (ci)"),
        ("client in ci, ada", "client in (ci, ada)"),
        ("client in (ci ada)", "client in (ci, ada)"),
        ("client in (ci, ada,)", "client in (ci, ada)"),
        ("client in (ci, ada", "client in (ci, ada)"),
        ("(image or tools", "(image or tools)"),
        ("image or tools)", "image or tools"),
        ("5 < tokens", "tokens > 5"),
        ("5 == tokens", "tokens == 5"),
        ("header x-team == \"a\"", "header \"x-team\" == \"a\""),
        ("client \"ci\"", "client == \"ci\""),
        ("tokens > 5 nad image", "tokens > 5 and image"),
        ("image and\n    tools", "image and tools"),
        ("image\n    and tools", "image and tools"),
        ("tokens >\n    5", "tokens > 5"),
        ("image\n   ", "image"),
    ];
    assert_mended(ROLE, &pairs);
}

#[test]
fn says_once_what_is_not_to_be_mended() {
    let cases = [
        ("", "route", "expected a condition, found `route`"),
        ("and image", "and", "expected a condition, found `and`"),
        ("image and", "route", "expected a condition, found `route`"),
        ("tokens >", "route", "expected a value, found `route`"),
        ("tokens > and image", "and", "expected a value, found `and`"),
        ("client in ()", ")", "expected a value, found `)`"),
        ("client in", "route", "expected values in parentheses, found `route`"),
        ("image, tools", ",", "conditions are not joined by `,`"),
        ("image tools", "tools", "`and` or `or` is missing between `image` and `tools`"),
        ("tokens 5", "5", "nothing compares `tokens` with `5`"),
        ("1 < tokens < 5", "1 < tokens", "a comparison begins with its fact"),
        ("tokens > 1 < 5", "<", "comparisons do not chain"),
        ("header == \"x\"", "==", "expected the name of the header in quotes, found `==`"),
        ("header is \"x\"", "is", "expected the name of the header in quotes, found `is`"),
        ("tokens > 5x", "5x", "unknown unit `x`"),
        ("client in [ci]", "[", "`[` does not belong here"),
        ("client ~ \"c\"", "~", "`~` does not belong here"),
        ("5", "5", "expected a fact, found `5`"),
    ];
    assert_found(ROLE, &cases);
}

#[test]
fn nesting_is_bounded() {
    let deep = |count: usize, open: &str, close: &str| {
        findings(&ROLE.replace('@', &format!("{}image{}", open.repeat(count), close.repeat(count))))
    };
    for (open, close) in [("(", ")"), ("not ", ""), ("not (", ")"), ("! ", "")] {
        let found = deep(5_000, open, close);
        assert_eq!(found.len(), 1, "{open}");
    }
    assert_eq!(deep(5_000, "(", ")")[0].1, "conditions are nested more than 32 deep");
    assert_eq!(deep(32, "(", ")"), []);
}

#[test]
fn a_long_condition_is_wide_and_not_deep() {
    let wide = vec!["image and tools"; 20_000].join(" or ");
    assert_eq!(findings(&ROLE.replace('@', &wide)), []);
}
