//! Tests of the statements of a client, and of the short ones of a role.

use crate::syntax::testing::{assert_clean, assert_found, assert_mended};

const CLIENT: &str = "client ci {\n  @\n}\n";
const ROLE: &str = "role a {\n  @\n}\n";

#[test]
fn reads_a_client() {
    let texts = [
        "key secret \"/sfai/ci\"",
        "key env \"CI_KEY\"",
        "allow coder, \"gpt-4o\"",
        "limit 60 per 1m",
        "limit 60 requests per 1m",
        "limit 100_000 tokens per 1m",
        "budget $20 per day",
    ];
    assert_clean(CLIENT, &texts);
}

#[test]
fn mends_a_client() {
    let pairs = [
        ("allow a b", "allow a, b"),
        ("limit 60 1m", "limit 60 per 1m"),
        ("limit 60 requests pre 1m", "limit 60 requests per 1m"),
        ("budget $20 day", "budget $20 per day"),
        ("api_key env \"CI\"", "key env \"CI\""),
        ("alow a", "allow a"),
    ];
    assert_mended(CLIENT, &pairs);
}

#[test]
fn says_once_what_a_client_lacks() {
    let key = "expected `secret \"NAME\"` or `env \"NAME\"`, found a string";
    let cases = [
        ("key \"sk-1\"", "\"sk-1\"", key),
        ("limit per 1m", "per", "expected a number of requests or tokens, found `per`"),
        ("limit 60", "60", "`per` is missing after `60`"),
        ("budget", "budget", "an amount such as `$20` is missing after `budget`"),
        ("route a", "route", "`route` does not belong here"),
        ("allow a { }", "{", "`allow a` takes no block"),
    ];
    assert_found(CLIENT, &cases);
}

#[test]
fn reads_the_short_statements_of_a_role() {
    let texts = [
        "fallback on network, timeout",
        "hedge after 700ms",
        "limit max_tokens 8_192",
        "deny temperature, top_p",
        "accept image, tools",
        "commit first_token",
        "resume",
        "strict",
        "cache conversation",
        "audit full",
        "system replace backend, \"x\"",
    ];
    assert_clean(ROLE, &texts);
    assert_clean("defaults {\n  @\n}\n", &texts);
}

#[test]
fn mends_the_short_statements_of_a_role() {
    let pairs = [
        ("fallback network, timeout", "fallback on network, timeout"),
        ("hedge 700ms", "hedge after 700ms"),
        ("hedge afer 700ms", "hedge after 700ms"),
        ("accept image tools", "accept image, tools"),
        ("commit = headers", "commit  headers"),
        ("strickt", "strict"),
    ];
    assert_mended(ROLE, &pairs);
}

#[test]
fn says_once_what_the_short_statements_lack() {
    let cases = [
        ("hedge", "hedge", "`after` is missing after `hedge`"),
        ("hedge after", "after", "a duration is missing after `after`"),
        ("fallback", "fallback", "`on` is missing after `fallback`"),
        ("strict yes", "yes", "nothing more belongs here, but there is `yes`"),
        ("resume true", "true", "nothing more belongs here, but there is `true`"),
        ("audit", "audit", "`full`, `metadata` or `off` is missing after `audit`"),
        ("budget $5 per day", "budget", "`budget` does not belong here"),
    ];
    assert_found(ROLE, &cases);
}
