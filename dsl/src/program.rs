//! What a program means in one environment: names looked up, inheritance and environment applied.
//!
//! Owns the types; they are made in [`crate::resolve`] and have no holes: what could not be
//! resolved is left out, and a finding says why.

mod promise;
mod role;

use std::collections::BTreeMap;
use std::sync::Arc;

use model_map::{ApiKey, Budget, Protocol, RateLimit};

use crate::catalogue::Facts;
use crate::project::Platform;
use crate::span::Span;

pub use promise::{
    Answers, Ask, Claim, Ensure, Expect, Given, ModelRef, Named, Outcome, Subject, Target, TestCase,
};
pub use role::{
    Arm, Arms, Guard, Link, Parameters, PromptUse, Retry, Role, Share, System, TimeoutChanges,
    Timeouts, When,
};

/// A program in one environment.
#[derive(Debug)]
pub struct Program {
    /// What `${env}` stands for.
    pub env: String,
    /// Where the router runs.
    pub platform: Platform,
    /// By name.
    pub providers: BTreeMap<String, Arc<Provider>>,
    /// By alias.
    pub models: BTreeMap<String, Arc<Model>>,
    /// By name.
    pub clients: BTreeMap<String, Client>,
    /// By name.
    pub roles: BTreeMap<String, Box<Role>>,
    /// In the order of the files and their text.
    pub ensures: Vec<Ensure>,
    /// By name.
    pub tests: BTreeMap<String, TestCase>,
}

/// A value and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where; none for a built-in one.
    pub span: Option<Span>,
}

impl<T> Placed<T> {
    /// A value that nobody wrote.
    pub const fn built_in(value: T) -> Self {
        Self { value, span: None }
    }
}

/// A provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Where that is declared.
    pub name_span: Span,
    /// The dialect.
    pub protocol: Protocol,
    /// Without a slash at its end; only `bedrock` and `demo` may have none.
    pub base_url: Option<String>,
    /// Where `base_url` is written.
    pub base_url_span: Option<Span>,
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
    /// The alias.
    pub alias: String,
    /// The provider.
    pub provider: Arc<Provider>,
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

/// Who may call.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where its name is declared.
    pub name: Span,
    /// Where its key is found; none if that could not be read.
    pub key: Option<ApiKey>,
    /// The roles that it may ask for, each with its place; all when absent.
    pub allow: Option<BTreeMap<String, Span>>,
    /// What it may spend.
    pub budget: Option<Placed<Budget>>,
    /// How often it may call: one limit of each kind, in the order of the kinds.
    pub limits: Vec<Placed<RateLimit>>,
}
