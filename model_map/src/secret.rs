//! What looks like a secret: the keys of well-known services, bearer tokens, private keys.
//!
//! Owns the look of them; what follows from one is for who finds it: a finding in a route file, a
//! mask in an audit record.

use std::ops::Range;

/// How the keys of well-known services start, and the least length that a whole one has.
const PREFIXES: [(&str, usize); 21] = [
    ("AIza", 35),
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("ghu_", 30),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("gsk_", 24),
    ("hf_", 24),
    ("pplx-", 24),
    ("r8_", 24),
    ("rk_live_", 24),
    ("sk-", 20),
    ("sk_live_", 24),
    ("tgp_v1_", 24),
    ("xai-", 24),
    ("xapp-", 24),
    ("xoxb-", 20),
    ("xoxp-", 20),
];

/// Headers whose value is a secret whatever it looks like.
const SECRET_HEADERS: [&str; 6] = [
    "api-key",
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
];

/// The least length of a token after `Bearer`.
pub const BEARER_LENGTH: usize = 16;

/// Whether a header's value is a secret whatever it looks like; `name` is in lower case.
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.contains(&name)
}

/// Where `text` holds what looks like a secret.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for word in words(text) {
        // Nothing shorter is a key, and most words are.
        if word.len() < BEARER_LENGTH {
            continue;
        }
        let Some(written) = text.get(word.clone()) else { continue };
        let before = text.get(..word.start).unwrap_or_default();
        if looks_like_key(written) || (follows_bearer(before) && is_opaque(written, BEARER_LENGTH))
        {
            found.push(word);
        } else if written.starts_with("eyJ")
            && let Some(range) = json_web_token(text, &word)
        {
            found.push(range);
        }
    }
    found.extend(private_keys(text));
    found
}

/// `text` with its secrets masked.
pub fn mask(text: &str) -> String {
    let secrets = find(text);
    let masked = text.char_indices().map(|(at, c)| {
        let is_secret = secrets.iter().any(|secret| secret.contains(&at));
        if is_secret { '*' } else { c }
    });
    masked.collect()
}

/// Runs of the characters that keys are made of.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| is_key(*byte))?;
        let rest = bytes.get(start..)?;
        let length = rest.iter().position(|byte| !is_key(*byte)).unwrap_or(rest.len());
        at = start + length;
        Some(start..at)
    })
}

fn looks_like_key(word: &str) -> bool {
    PREFIXES.iter().any(|(prefix, least)| word.starts_with(prefix) && is_opaque(word, *least))
}

/// Whether a word may be a key: long, and with a digit: names made of words have none.
pub fn is_opaque(word: &str, least: usize) -> bool {
    word.len() >= least && word.bytes().any(|byte| byte.is_ascii_digit())
}

fn follows_bearer(before: &str) -> bool {
    let tail = before.trim_end_matches(' ');
    let start = tail.len().saturating_sub("bearer".len());
    tail.len() < before.len()
        && tail.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("bearer"))
}

/// Three runs joined by points, the first of which is a JSON object in base 64.
fn json_web_token(text: &str, first: &Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(first.end..)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = rest.bytes().position(|byte| !is_token(byte)).unwrap_or(rest.len());
    let points = rest.get(..length)?.matches('.').count();
    (points == 2 && length > 20).then_some(first.start..first.end + length)
}

fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("-----BEGIN ").filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        let head = rest.lines().next()?;
        let length = rest.find("-----END ").unwrap_or(rest.len());
        head.contains("PRIVATE KEY-----").then_some(start..start + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written in two halves, so that no scanner takes this file for a leak.
    fn key(head: &str, tail: &str) -> String {
        format!("{head}{tail}")
    }

    #[test]
    fn keys_of_well_known_services_are_found_and_masked() {
        for key in [
            key("sk-", "proj-abcDEF0123456789abcDEF"),
            key("sk-ant-", "api03-abcdefgh0123456789"),
            key("AKIA", "IOSFODNN7EXAMPLE"),
            key("ghp_", "0123456789abcdefghijklmnopqrstuvwxyz"),
            key("AIza", "SyA0123456789abcdefghijklmnopqrstuvw"),
        ] {
            let text = format!("header \"x\" \"{key}\" # and {key}.");
            assert_eq!(find(&text).len(), 2, "{key}");
            assert!(!mask(&text).contains(&key));
            assert_eq!(mask(&text).len(), text.len());
        }
        assert_eq!(find("Authorization: bearer 0123456789abcdef0123").len(), 1);
        assert_eq!(
            find(&key("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc_def")).len(),
            1
        );
        assert_eq!(
            find(&key("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"))
                .len(),
            1
        );
    }

    #[test]
    fn names_and_prose_are_not_secrets() {
        for text in [
            "/sfai/${env}/OPENAI_API_KEY",
            "anthropic/claude-sonnet-4-6 openai/gpt-5.4-mini",
            "sk-learn and task-0123456789-0123456789-01234",
            "a bearer of good news, the bearer token",
            "sk-something-made-of-words-only",
        ] {
            assert!(find(text).is_empty(), "{text}");
        }
    }
}
