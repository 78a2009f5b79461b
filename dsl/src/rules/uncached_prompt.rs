//! A prompt that the provider cannot cache.
//!
//! Owns this one rule.

use model_map::SystemMode;

use super::{Rule, Subject, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::System;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR058"),
    name: "uncached-prompt",
    severity: Severity::Warning,
    title: "a prompt breaks caching",
    doc: "Providers cache a prompt from its beginning to the first character that differs from the \
          request before. What changes from request to request therefore belongs at the end: what \
          looks like a run-time placeholder (`{{date}}`, `{user}`, `${NAME}` in a file) or a date \
          is found before the last paragraph. The router fills no placeholders in; whoever does \
          makes a new prompt each time. With `append` the client's own messages, which differ, \
          stand before the role's prompt.",
    bad: one(
        "role coder {\n  system \"\"\"\n    Today is {{date}}.\n\n    You review code.\n    \"\"\"\n  \
         route  sonnet -> gpt\n}\n",
    ),
    good: one(
        "role coder {\n  system \"\"\"\n    You review code.\n\n    Today is {{date}}.\n    \"\"\"\n  \
         route  sonnet -> gpt\n}\n",
    ),
    check: Some(check),
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let role = subject.role;
    let guarded = role.guards.iter().filter_map(|guard| guard.system.as_ref());
    for system in role.system.iter().chain(guarded) {
        findings.extend(mode(system));
        findings.extend(words(system));
    }
}

fn mode(system: &System) -> Option<Diagnostic> {
    if system.mode != SystemMode::Append {
        return None;
    }
    let message = "with `append` the client's own messages stand before this prompt";
    let help = "let it stand first, which is usual, so that providers can cache it";
    Some(Diagnostic::warning(RULE.code, system.span, message).help(help))
}

fn words(system: &System) -> Option<Diagnostic> {
    let last = system.prompts.len().checked_sub(1)?;
    system.prompts.iter().enumerate().find_map(|(at, prompt)| {
        let text = prompt.text.trim_end();
        let before_last = text.rsplit_once("\n\n").map_or("", |(before, _)| before);
        let found = changing(if at == last { before_last } else { text })?;
        let message = format!("`{found}` stands before the last paragraph of the prompt");
        let help = "move what changes from request to request to the end";
        Some(Diagnostic::warning(RULE.code, prompt.span, message).help(help))
    })
}

/// The first that looks as if it changed from request to request.
fn changing(text: &str) -> Option<&str> {
    let placeholder = text.char_indices().filter(|(_, letter)| *letter == '{');
    let placeholder =
        placeholder.filter_map(|(at, _)| Some((at, placeholder_at(text, at)?))).next();
    let date = text.char_indices().filter_map(|(at, _)| Some((at, date_at(text, at)?))).next();
    placeholder.into_iter().chain(date).min_by_key(|(at, _)| *at).map(|(_, found)| found)
}

/// `{{ name }}`, `{name}` and `${name}`, but not `/users/{id}`.
fn placeholder_at(text: &str, open: usize) -> Option<&str> {
    let (before, from) = text.split_at_checked(open)?;
    if before.ends_with(['/', '\\', '{', '`', '"', '\'']) {
        return None;
    }
    let is_double = from.starts_with("{{");
    let close = if is_double { "}}" } else { "}" };
    let (inner, _) = from.trim_start_matches('{').split_once(close)?;
    let name = inner.trim();
    let letters =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if !is_name || !name.chars().all(letters) || (!is_double && name.len() != inner.len()) {
        return None;
    }
    let end = from.find(close)? + close.len();
    from.get(..end)
}

/// `2026-11-25`
fn date_at(text: &str, start: usize) -> Option<&str> {
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let (before, from) = text.split_at_checked(start)?;
    let date = from.get(..10)?;
    let shape = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let is_alone = !before.ends_with(is_inner) && !from.get(10..)?.starts_with(is_inner);
    (shape && is_alone).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::changing;

    #[test]
    fn placeholders_and_dates_are_told_from_code() {
        for (text, found) in [
            ("Today is {{ date }}.", Some("{{ date }}")),
            ("You help {user_name}.", Some("{user_name}")),
            ("Team ${TEAM}", Some("{TEAM}")),
            ("Since 2026-11-25, and {x}", Some("2026-11-25")),
            ("GET /users/{id} and `{id}`", None),
            ("fn main() { body }", None),
            ("{\"a\": 1}", None),
            ("model-2026-11-25 is 12026-11-25", None),
        ] {
            assert_eq!(changing(text), found, "{text}");
        }
    }
}
