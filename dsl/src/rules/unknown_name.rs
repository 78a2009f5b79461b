//! A name that nothing declares, and a key or word that the language does not have.
//!
//! Owns this one rule; which names are near is worked out where they are known.

use super::{Rule, alternatives, one};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::nearest::nearest;
use crate::resolve::Space;
use crate::span::Span;
use crate::syntax::tree::Name;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR011"),
    name: "unknown-name",
    severity: Severity::Error,
    title: "a name is not known",
    doc: "Every name must be declared once, anywhere in the program: providers, models, prompts, \
          roles, clients and `let` constants each have a namespace of their own. The same goes \
          for the facts of conditions, the keys of `timeout`, `set`, `limit` and `price`, for \
          protocols, parameters, periods and failure classes, which the language fixes.\n\nThe nearest known name is suggested when it is at most a third of \
          the name's letters away, a swap of neighbours counting as one. In an `env` block a \
          provider, role or client that the program lacks is new if its block could stand alone \
          (a provider with `protocol` and `base_url`, a role with a route, a client with a key), \
          else it is unknown.",
    bad: one("role coder {\n  route sonent -> gpt\n}\n"),
    good: one("role coder {\n  route sonnet -> gpt\n}\n"),
    check: None,
};

fn finding(span: Span, message: String, near: Option<&str>, otherwise: &str) -> Diagnostic {
    let finding = Diagnostic::error(RULE.code, span, message);
    match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(
            format!("write `{near}`"),
            span,
            near,
        ),
        None => finding.help(otherwise),
    }
}

/// A name that no declaration has.
pub fn of(space: Space, name: &str, span: Span, near: Option<&str>) -> Diagnostic {
    let keyword = space.keyword();
    let help = format!("declare it with `{keyword} {name}`, or use a name that is declared");
    finding(span, format!("no {keyword} is named `{name}`"), near, &help)
}

/// A block in an `env` that neither changes a declaration nor could be one.
pub fn in_env(name: &Name, space: Space, near: Option<&str>) -> Diagnostic {
    let keyword = space.keyword();
    let needs = match space {
        Space::Client => "a `key`",
        Space::Provider => "`protocol` and `base_url`",
        _ => "a `route` or `like`",
    };
    let message = format!("no {keyword} is named `{}`, and this block could not be one", name.text);
    let help = format!("name a {keyword} of the program, or give a new one {needs}");
    finding(name.span, message, near, &help)
}

/// A name that is neither a provider's nor a model's.
pub fn upstream(name: &Name, near: Option<&str>) -> Diagnostic {
    let message = format!("no provider and no model is named `{}`", name.text);
    finding(name.span, message, near, "name a provider or a model of the program")
}

/// A `${NAME}` that nothing fills.
pub fn hole(name: &Name, near: Option<&str>) -> Diagnostic {
    let message = format!("nothing fills `${{{}}}`", name.text);
    let help = "declare it with `let`, or write `$${` for a literal `${`";
    finding(name.span, message, near, help)
}

/// A bare word where a value is needed that no word is.
pub fn constant(word: &str, span: Span, wanted: &str, near: Option<&str>) -> Diagnostic {
    let message = format!("expected {wanted}, and no `let` is named `{word}`");
    finding(span, message, near, &format!("write {wanted}, or declare `let {word} = …`"))
}

/// A word that is none of a fixed list.
pub fn key(what: &str, name: &Name, known: &[&str]) -> Diagnostic {
    let near = nearest(&name.text, known.iter().copied());
    let help = format!("write {}", alternatives(known));
    finding(name.span, format!("`{}` is not {what}", name.text), near, &help)
}

/// A parameter that no request has, or that none can do without. There are too many to list.
pub fn deniable(name: &Name, known: &[&str]) -> Diagnostic {
    let message = format!("`{}` is not a parameter that a request can do without", name.text);
    let near = nearest(&name.text, known.iter().copied());
    finding(name.span, message, near, "write one of Chat Completions, such as `seed` or `user`")
}
