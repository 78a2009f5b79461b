//! Requests and counter-examples in words.
//!
//! Owns the wording of facts, as `ask … with` of a test writes them.

use model_map::{FailureClass, RequestFacts};

use super::ensure::CounterExample;
use crate::spell;

/// `a request with image, tokens 250000, client ci`; `tokens` with the role's own prompt, as
/// conditions see them.
pub fn request(facts: &RequestFacts, prompt_tokens: u64) -> String {
    let mut parts = Vec::new();
    let flags = [
        ("image", facts.image),
        ("tools", facts.tools),
        ("json", facts.json),
        ("stream", facts.stream),
    ];
    parts.extend(flags.iter().filter(|(_, has)| *has).map(|(name, _)| (*name).to_owned()));
    if facts.tokens > 0 {
        parts.push(format!("tokens {}", facts.tokens.saturating_add(prompt_tokens)));
    }
    if facts.messages != 1 {
        parts.push(format!("messages {}", facts.messages));
    }
    parts.extend(facts.max_tokens.map(|most| format!("max_tokens {most}")));
    let quoted = |kind: &str, name: &str, value: &str| format!("{kind} {name:?} {value:?}");
    parts.extend(facts.headers.iter().map(|(name, value)| quoted("header", name, value)));
    parts.extend(facts.metadata.iter().map(|(key, value)| quoted("metadata", key, value)));
    parts.extend(facts.client.iter().map(|client| format!("client {client}")));
    match parts.as_slice() {
        [] => "a plain request".to_owned(),
        parts => format!("a request with {}", parts.join(", ")),
    }
}

/// `a request with image: `a/b` fails with `timeout` after 20s, …`
pub fn counter_example(found: &CounterExample, prompt_tokens: u64) -> String {
    let request = request(&found.request, prompt_tokens);
    let drawn = found.draw.and_then(|_| found.chain.first());
    let drawn = drawn.map(|first| format!(", where `{first}` is drawn")).unwrap_or_default();
    let failed = failures(found);
    let failed = if failed.is_empty() { failed } else { format!(": {failed}") };
    format!("{request}{drawn}{failed}")
}

/// Up to so many failures are told.
const MOST_TOLD: usize = 6;

fn failures(found: &CounterExample) -> String {
    let told = found.failures.iter().take(MOST_TOLD).map(|tried| {
        let how = match tried.class {
            FailureClass::Timeout => "times out".to_owned(),
            class => format!("fails with `{class}`"),
        };
        let when = match tried.failed_at.is_zero() {
            true => "at once".to_owned(),
            false => format!("after {}", spell::seconds(tried.failed_at)),
        };
        format!("`{}` {how} {when}", tried.model)
    });
    let mut told: Vec<_> = told.collect();
    match found.failures.len().saturating_sub(MOST_TOLD) {
        0 => {}
        more => told.push(format!("and so on {more} more times")),
    }
    told.join(", ")
}
