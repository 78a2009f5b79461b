//! A secret written out.
//!
//! Owns this one rule; what a secret looks like is [`model_map::secret`]'s, and that none is shown
//! is for [`crate::render`].

use model_map::secret::{BEARER_LENGTH, is_opaque, is_secret_header};
pub use model_map::secret::{find, mask};

use super::{Rule, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::span::{FileId, Span};
use crate::syntax::tree::KeyStore;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR017"),
    name: "secret",
    severity: Severity::Error,
    title: "a secret is written out",
    doc: "Route files and prompts are read in reviews, stored in histories and compiled into the \
          map; a key in them is a key lost. Name the place where it is kept: `api_key secret \
          \"/sfai/${env}/OPENAI_API_KEY\"` or `api_key env \"OPENAI_API_KEY\"`; a client's `key` \
          likewise. A condition or a test on a header such as `authorization` would have to write \
          its value, and may only ask whether it is there. What looks like a key is found wherever \
          it stands, comments included, and no output shows it.\n\nA key that was written here \
          once should be revoked: the history still has it.",
    bad: one(
        "env dev {\n  provider openai {\n    header \"authorization\" \"Bearer local\"\n  }\n}\n",
    ),
    good: one("env dev {\n  provider openai {\n    api_key env \"OPENAI_API_KEY\"\n  }\n}\n"),
    check: None,
};

fn finding(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(RULE.code, span, message)
        .help("revoke it, keep the new one in a secret store or the environment, and name it here: `api_key secret \"…\"` or `api_key env \"…\"`")
}

/// A masked picture of a secret, enough to know which one it is.
fn hint(secret: &str) -> String {
    let head: String = secret.chars().take(4).collect();
    if secret.len() < BEARER_LENGTH { "***".into() } else { format!("{head}***") }
}

/// Every secret in a file's text.
pub fn in_file(file: FileId, text: &str) -> Vec<Diagnostic> {
    let found = find(text).into_iter().map(|range| {
        let shown = hint(text.get(range.clone()).unwrap_or_default());
        finding(Span::new(file, range), format!("a secret is written out: `{shown}`"))
    });
    found.collect()
}

/// A secret in the file of a prompt; `span` is where the file is named.
pub fn in_prompt_file(path: &str, text: &str, span: Span) -> Option<Diagnostic> {
    let first = find(text).into_iter().next()?;
    let line = text.get(..first.start)?.matches('\n').count() + 1;
    Some(finding(span, format!("the prompt file `{path}` holds a secret, on line {line}")))
}

/// A key where the name of a key belongs.
pub fn in_key_name(store: Option<KeyStore>, name: &str, span: Span) -> Option<Diagnostic> {
    let is_key = match store {
        // The finding that a word is missing has been given; what stands there may be the key.
        None => false,
        Some(KeyStore::Env) => !find(name).is_empty(),
        Some(KeyStore::Secret) => {
            !find(name).is_empty() || (!name.contains('/') && is_opaque(name, 32) && is_mixed(name))
        }
    };
    is_key.then(|| finding(span, "a key is written where its name belongs".into()))
}

fn is_mixed(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_lowercase())
        && name.bytes().any(|byte| byte.is_ascii_digit())
}

/// A header whose value is a secret.
pub fn in_header(name: &str, value: &str, span: Span) -> Option<Diagnostic> {
    let is_secret = is_secret_header(name) || !find(value).is_empty();
    is_secret.then(|| finding(span, format!("the header `{name}` is a secret written out")))
}

/// The value of a secret header in a condition or a test.
pub fn in_asked_header(name: &str, value: &str, span: Span) -> Option<Diagnostic> {
    in_header(name, value, span).map(|finding| {
        finding.help(format!(
            "revoke it if it is a real one; only whether the header is there can be asked: \
             `header \"{name}\"`"
        ))
    })
}
