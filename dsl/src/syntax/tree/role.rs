//! The statements of roles and of `defaults` as they are written.
//!
//! Owns their shape; what they mean is for [`crate::resolve`].

use super::{Broken, Condition, Entries, Name, Names, Setting, Value};
use crate::span::Span;

/// A statement of a role or of `defaults`.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `about "…"`
    About(Setting),
    /// `system PROMPT, …`
    System(System),
    /// `route A -> B -> C`
    Route(Route),
    /// `when COND route …`, `when COND { … }`
    When(When),
    /// `otherwise route …`
    Otherwise(Otherwise),
    /// `fallback on CLASS, …`
    Fallback(Classes),
    /// `hedge after D`
    Hedge(Setting),
    /// `limit max_tokens 8_192`
    Limit(Entries),
    /// `deny PARAM, …`
    Deny(Names),
    /// `accept image, tools`
    Accept(Names),
    /// `commit first_token`
    Commit(Setting),
    /// `resume`
    Resume(Span),
    /// `strict`
    Strict(Span),
    /// `cache system`
    Cache(Setting),
    /// `audit full`
    Audit(Setting),
    /// `timeout connect 2s, total 5m`
    Timeout(Entries),
    /// `retry 1 on network, overloaded backoff 200ms..5s`
    Retry(Retry),
    /// `set temperature 0.2, max_tokens 8_192`
    Set(Entries),
    /// Not to be read. Its [`Broken::meant`] tells what the role may nevertheless have, a route
    /// for one.
    Broken(Broken),
}

impl Statement {
    /// From the keyword to the last character.
    pub fn span(&self) -> Span {
        match self {
            Self::About(node) => node.span,
            Self::System(node) => node.span,
            Self::Route(node) => node.span,
            Self::Timeout(node) | Self::Set(node) => node.span,
            Self::Retry(node) => node.span,
            Self::When(node) => node.span,
            Self::Otherwise(node) => node.span,
            Self::Fallback(node) => node.span,
            Self::Limit(node) => node.span,
            Self::Deny(node) | Self::Accept(node) => node.span,
            Self::Hedge(node) | Self::Commit(node) | Self::Cache(node) | Self::Audit(node) => {
                node.span
            }
            Self::Resume(span) | Self::Strict(span) => *span,
            Self::Broken(node) => node.span,
        }
    }

    /// The keyword that it starts with, or was meant to start with.
    pub fn keyword(&self) -> Option<&'static str> {
        match self {
            Self::About(_) => Some("about"),
            Self::System(_) => Some("system"),
            Self::Route(_) => Some("route"),
            Self::Timeout(_) => Some("timeout"),
            Self::Retry(_) => Some("retry"),
            Self::Set(_) => Some("set"),
            Self::When(_) => Some("when"),
            Self::Otherwise(_) => Some("otherwise"),
            Self::Fallback(_) => Some("fallback"),
            Self::Hedge(_) => Some("hedge"),
            Self::Limit(_) => Some("limit"),
            Self::Deny(_) => Some("deny"),
            Self::Accept(_) => Some("accept"),
            Self::Commit(_) => Some("commit"),
            Self::Resume(_) => Some("resume"),
            Self::Strict(_) => Some("strict"),
            Self::Cache(_) => Some("cache"),
            Self::Audit(_) => Some("audit"),
            Self::Broken(node) => node.meant,
        }
    }
}

/// `system append backend, house_style`
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// All of it.
    pub span: Span,
    /// How it meets the client's own messages; none if it is not written.
    pub mode: Option<SystemMode>,
    /// Where the mode is written.
    pub mode_span: Option<Span>,
    /// Each a [`super::ValueKind::Ident`] that names a prompt, a string or a text.
    pub prompts: Vec<Value>,
}

/// How a role's prompt meets the client's own system messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemMode {
    /// It comes first.
    Prepend,
    /// It comes last.
    Append,
    /// The client's are dropped.
    Replace,
}

/// `route A -> B -> C`, `route 90% A | 10% B -> C`
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// All of it, the keyword included.
    pub span: Span,
    /// One of these comes first, by its share; empty where nothing is drawn.
    pub draw: Vec<Weighted>,
    /// The first is tried first, after the one that was drawn; empty if none could be read, or all
    /// is drawn.
    pub chain: Vec<Link>,
}

/// `90% A`
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// From the share to the model.
    pub span: Span,
    /// Its share, a [`super::ValueKind::Share`] or the name of a `let`; none if it is missing.
    pub share: Option<Value>,
    /// Where it leads.
    pub link: Link,
}

/// `when COND route …`, `when COND { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// All of it, its block included.
    pub span: Span,
    /// When it applies.
    pub condition: Condition,
    /// What then.
    pub then: Then,
}

/// What a `when` guards.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// An arm; none if its route could not be read.
    Route(Option<Route>),
    /// `set`, `system` and `timeout`; what else stands there has been found.
    Block(Vec<Statement>),
}

/// `otherwise route …`
#[derive(Debug, Clone, PartialEq)]
pub struct Otherwise {
    /// All of it.
    pub span: Span,
    /// None if it could not be read.
    pub route: Option<Route>,
}

/// `fallback on CLASS, …`
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// All of it.
    pub span: Span,
    /// In the order of the text.
    pub classes: Vec<Name>,
}

/// One place in a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// All of it.
    pub span: Span,
    /// The model's name.
    pub model: Name,
}

/// `retry N on CLASS, … backoff D..D`
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// All of it.
    pub span: Span,
    /// How many tries beyond the first.
    pub count: Option<Value>,
    /// The classes; empty if there is no `on`, which `retry 0` does not need.
    pub on: Vec<Name>,
    /// Where `on CLASS, …` is written.
    pub on_span: Option<Span>,
    /// Between the tries.
    pub backoff: Option<Box<Backoff>>,
}

/// `backoff 200ms..5s`
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    /// All of it, the keyword included.
    pub span: Span,
    /// The first.
    pub min: Option<Value>,
    /// The longest.
    pub max: Option<Value>,
}
