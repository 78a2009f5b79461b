//! Tests of tests.

use crate::syntax::testing::{assert_clean, assert_found, assert_mended};

const TEST: &str = "test \"x\" {\n  @\n}\n";
const FILE: &str = "@\n\nrole b {\n  route c\n}\n";

#[test]
fn reads_every_form() {
    let texts = [
        "ask coder",
        "ask \"gpt-4o\" with image",
        "ask coder with image, tools, json, tokens 250_000, header \"x\" \"y\", client ci",
        "ask coder with image,\n    header \"x\" \"y\",\n    client ci,\n    tokens 5",
        "given anthropic answers 529",
        "given sonnet answers timeout 2 times",
        "given sonnet answers 429 1 times after 5s",
        "given sonnet answers 200 after 20s",
        "expect answer from gpt",
        "expect answer from gpt after sonnet,\n    sonnet",
        "expect failure timeout",
        "expect failure rate_limit after gpt",
        "expect attempts 3",
        "expect within 10s",
    ];
    assert_clean(TEST, &texts);
}

#[test]
fn mends_what_is_certain() {
    let pairs = [
        ("ask coder image", "ask coder with image"),
        ("ask coder wiht image", "ask coder with image"),
        ("ask coder with image tools", "ask coder with image, tools"),
        ("ask coder with tokens = 5", "ask coder with tokens  5"),
        ("given anthropic 529", "given anthropic answers 529"),
        ("given anthropic answer 529", "given anthropic answers 529"),
        ("given anthropic answers 529 twice", "given anthropic answers 529 2 times"),
        ("given anthropic answers 529 2 time", "given anthropic answers 529 2 times"),
        ("expect answer gpt", "expect answer from gpt"),
        ("expect answr from gpt", "expect answer from gpt"),
        ("expect answer from gpt after a b", "expect answer from gpt after a, b"),
        ("exepct attempts 3", "expect attempts 3"),
    ];
    assert_mended(TEST, &pairs);
    assert_mended(FILE, &[("test x {\n  ask b\n}", "test \"x\" {\n  ask b\n}")]);
}

#[test]
fn says_once_what_is_not_to_be_mended() {
    let cases = [
        ("ask", "ask", "a role's name is missing after `ask`"),
        ("ask coder with", "with", "a fact of the request is missing after `with`"),
        ("ask coder with tokens", "tokens", "its value is missing after `tokens`"),
        ("ask coder with header \"x\"", "\"x\"", "its value in quotes is missing after a string"),
        ("ask coder with tokens > 5", ">", "expected its value, found `>`"),
        (
            "given anthropic answers",
            "answers",
            "a status or a failure class is missing after `answers`",
        ),
        ("given anthropic answers 529 2", "2", "`times` is missing after `2`"),
        ("given anthropic fails", "fails", "expected `answers`, found `fails`"),
        (
            "expect",
            "expect",
            "`answer`, `failure`, `attempts` or `within` is missing after `expect`",
        ),
        ("expect success", "success", "unknown expectation `success`"),
        ("expect answer from", "from", "a model is missing after `from`"),
        ("route a", "route", "`route` does not belong here"),
    ];
    assert_found(TEST, &cases);
    let header = "what the test shows in quotes is missing after `test`";
    assert_found(FILE, &[("test {\n  ask b\n}", "test", header)]);
}
