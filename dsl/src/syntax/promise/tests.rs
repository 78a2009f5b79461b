//! Tests of `ensure`.

use crate::syntax::testing::{assert_clean, assert_found, assert_mended};

const FILE: &str = "ensure @\n\nensure every role ends within 5m\n";

#[test]
fn reads_every_form() {
    let texts = [
        "every role survives loss of any provider",
        "role coder survives loss of anthropic",
        "role \"gpt-4o\" survives loss of any",
        "role coder ends within 10s",
        "every role costs at most $0.05 for tokens 10_000, max_tokens 1_000",
        "every role uses only anthropic, openai",
        "every role never reaches opus",
        "role coder never reaches opus for client ci",
        "every role makes at most 5 attempts",
    ];
    assert_clean(FILE, &texts[..2]);
    assert_clean(FILE, &texts[3..]);
    assert_found(FILE, &[(texts[2], "any", "`provider` is missing after `any`")]);
}

#[test]
fn mends_what_is_certain() {
    let pairs = [
        ("all roles ends within 5s", "every role ends within 5s"),
        ("each role ends within 5s", "every role ends within 5s"),
        ("coder ends within 5s", "role coder ends within 5s"),
        ("every role end within 5s", "every role ends within 5s"),
        ("every role ends 5s", "every role ends within 5s"),
        ("role a survives loss of every provider", "role a survives loss of any provider"),
        ("role a survives loss of provider openai", "role a survives loss of openai"),
        ("role a survives loss openai", "role a survives loss of openai"),
        ("role a uses only openai groq", "role a uses only openai, groq"),
        ("role a uses openai", "role a uses only openai"),
        ("role a makes at most 5 attempt", "role a makes at most 5 attempts"),
        ("role a makes at 5 attempts", "role a makes at most 5 attempts"),
        ("role a never reaches opus for ci", "role a never reaches opus for client ci"),
        ("role a costs at most $1 tokens 5", "role a costs at most $1 for tokens 5"),
    ];
    assert_mended(FILE, &pairs);
}

#[test]
fn says_once_what_is_not_to_be_mended() {
    let cases = [
        ("", "ensure", "`every role` or `role NAME` is missing after `ensure`"),
        ("every", "every", "`role` is missing after `every`"),
        (
            "every role",
            "role",
            "a promise such as `survives loss of any provider` is missing after `role`",
        ),
        ("every role is fast", "is", "unknown promise `is`"),
        ("role a ends in 5s", "in", "expected `within`, found `in`"),
        ("role a ends within", "within", "a duration is missing after `within`"),
        ("role a costs at most $1", "$1", "`for` is missing after `$1`"),
        ("role a makes at most 5", "5", "`attempts` is missing after `5`"),
        (
            "role a ends within 5s please",
            "please",
            "nothing more belongs here, but there is `please`",
        ),
        ("role a ends within 5s {\n}", "{", "`ensure role` takes no block"),
    ];
    assert_found(FILE, &cases);
}
