//! What a program means in one environment: names looked up, inheritance and environment applied.
//!
//! Owns the types; they are made in [`crate::resolve`] and have no holes: what could not be
//! resolved is left out, and a finding says why.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use model_map::{ApiKey, Effort, FailureClass, Protocol};

use crate::catalogue::Facts;
use crate::project::Platform;
use crate::span::Span;

/// A program in one environment.
#[derive(Debug)]
pub struct Program {
    /// What `${env}` stands for.
    pub env: String,
    /// Where the router runs.
    pub platform: Platform,
    /// By name.
    pub providers: BTreeMap<String, Rc<Provider>>,
    /// By alias.
    pub models: BTreeMap<String, Rc<Model>>,
    /// By name.
    pub roles: BTreeMap<String, Role>,
}

/// A provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// The dialect.
    pub protocol: Protocol,
    /// Without a slash at its end.
    pub base_url: String,
    /// Where `base_url` is written.
    pub base_url_span: Span,
    /// Where its key is found.
    pub api_key: Option<ApiKey>,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Open requests at once.
    pub max_connections: Option<u32>,
    /// Whether plain http to another machine is meant.
    pub allow_plain_http: bool,
}

/// A model under an alias.
#[derive(Debug, Clone)]
pub struct Model {
    /// The provider.
    pub provider: Rc<Provider>,
    /// The provider's own identifier.
    pub id: String,
    /// Where the target is written.
    pub target: Span,
    /// The catalogue's facts under the declaration's.
    pub facts: Facts,
}

impl Model {
    /// `provider/model-id`: what the map calls it.
    pub fn key(&self) -> String {
        format!("{}/{}", self.provider.name, self.id)
    }
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Role {
    /// Where its name is declared.
    pub name: Span,
    /// One line for people.
    pub about: Option<Rc<str>>,
    /// Its prompts' texts.
    pub system: Vec<Rc<str>>,
    /// Its chain; none if that could not be resolved.
    pub route: Option<Rc<Route>>,
    /// When to give up.
    pub timeouts: Timeouts,
    /// Tries on one link.
    pub retry: Option<Retry>,
    /// Request parameters.
    pub parameters: Parameters,
    /// Whether all that is written in it and its bases could be read.
    pub is_whole: bool,
}

/// A chain.
#[derive(Debug)]
pub struct Route {
    /// The whole statement.
    pub span: Span,
    /// Those links that could be resolved.
    pub links: Vec<Link>,
    /// Whether these are all that are written.
    pub is_whole: bool,
}

/// One place in a chain.
#[derive(Debug)]
pub struct Link {
    /// Where it is written.
    pub span: Span,
    /// What it leads to.
    pub model: Rc<Model>,
}

/// A value and where it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where; none for a built-in one.
    pub span: Option<Span>,
}

/// Timeouts, built-in ones included.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Of one attempt's connection.
    pub connect: Placed<Duration>,
    /// Of one attempt's first delta.
    pub first_token: Placed<Duration>,
    /// Between two events.
    pub idle: Placed<Duration>,
    /// Of the whole request.
    pub total: Placed<Duration>,
}

/// `retry N on CLASS, … backoff D..D`
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// The whole statement.
    pub span: Span,
    /// Tries beyond the first.
    pub count: u32,
    /// On what.
    pub on: BTreeSet<FailureClass>,
    /// The first and the longest wait.
    pub backoff: (Duration, Duration),
}

/// Request parameters that a role sets.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "named for the request's own")]
pub struct Parameters {
    pub max_tokens: Option<Placed<u32>>,
    pub reasoning_effort: Option<Placed<Effort>>,
    pub temperature: Option<Placed<f64>>,
    pub top_p: Option<Placed<f64>>,
}
