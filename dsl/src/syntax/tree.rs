//! What is written in one file, typed, with a span for every name, value and statement.
//!
//! Owns the shape of the tree, which may have holes where the text is broken; what the names mean
//! and whether values are sensible is for [`crate::resolve`] and the rules.
//!
//! A hole (`None`, or [`ValueKind::Broken`]) always comes with a syntax finding, so that nothing
//! more need be said about it.

mod client;
mod condition;
mod promise;
mod role;

use crate::span::{FileId, Span};

pub use super::value::{ModelId, Money, Number, Part, Value, ValueKind};
pub use client::{Budget, Client, ClientStatement, RateLimit};
pub use condition::{Comparison, Condition, Fact, Joined, Operator, Test};
pub use promise::{
    Ask, AskFact, Claim, Ensure, Expect, Expected, Given, Subject, TestCase, TestStatement,
};
pub use role::{
    Backoff, Classes, Link, Otherwise, Retry, Route, Statement, System, SystemMode, Then, Weighted,
    When,
};

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Which.
    pub file: FileId,
    /// In the order of the text.
    pub declarations: Vec<Declaration>,
    /// Every comment, from its `#` to the end of its line, in the order of the text.
    pub comments: Vec<Span>,
}

/// What stands at the top of a file or in an `env` block.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named for their keywords")]
pub enum Declaration {
    Provider(Provider),
    Model(Model),
    Prompt(Prompt),
    Defaults(Defaults),
    Role(Role),
    Let(Let),
    Env(Env),
    Client(Client),
    Ensure(Ensure),
    Test(TestCase),
    /// Not to be read; its finding has been given.
    Broken(Broken),
}

impl Declaration {
    /// From the keyword to the last character, the closing brace included.
    pub fn span(&self) -> Span {
        match self {
            Self::Provider(node) => node.span,
            Self::Model(node) => node.span,
            Self::Prompt(node) => node.span,
            Self::Defaults(node) => node.span,
            Self::Role(node) => node.span,
            Self::Let(node) => node.span,
            Self::Env(node) => node.span,
            Self::Client(node) => node.span,
            Self::Ensure(node) => node.span,
            Self::Test(node) => node.span,
            Self::Broken(node) => node.span,
        }
    }
}

/// A declaration or statement that could not be read, or that this version does not know yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// All of it, its block included.
    pub span: Span,
    /// The keyword that it starts with, or the one that the finding suggests instead.
    pub meant: Option<&'static str>,
    /// The name that it would declare, so that uses of it are not unknown names.
    pub name: Option<Name>,
}

/// A name where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// Without quotes.
    pub text: String,
    /// With quotes, if it has any.
    pub span: Span,
}

/// `provider NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// Its block.
    pub statements: Vec<ProviderStatement>,
}

/// A statement of a provider.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderStatement {
    /// `protocol openai`
    Protocol(Setting),
    /// `base_url "…"`
    BaseUrl(Setting),
    /// `api_key secret "…"`, `api_key env "…"`
    ApiKey(ApiKey),
    /// `header "name" "value"`
    Header(Header),
    /// `max_connections 20`
    MaxConnections(Setting),
    /// `allow plain_http`
    Allow(Setting),
    /// Not to be read.
    Broken(Broken),
}

impl ProviderStatement {
    /// From the keyword to the last character.
    pub fn span(&self) -> Span {
        match self {
            Self::Protocol(node)
            | Self::BaseUrl(node)
            | Self::MaxConnections(node)
            | Self::Allow(node) => node.span,
            Self::ApiKey(node) => node.span,
            Self::Header(node) => node.span,
            Self::Broken(node) => node.span,
        }
    }
}

/// A keyword with one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// All of it.
    pub span: Span,
    /// The value.
    pub value: Option<Value>,
}

/// `api_key secret "…"`
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// All of it.
    pub span: Span,
    /// Where the key is kept; none if that word is missing or another.
    pub store: Option<KeyStore>,
    /// Its name there; anything else than a string has been found.
    pub value: Option<Value>,
}

/// Where a provider's key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStore {
    /// In a secret store, by path.
    Secret,
    /// In an environment variable.
    Env,
}

/// `header "name" "value"`
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// All of it.
    pub span: Span,
    /// The first value.
    pub name: Option<Value>,
    /// The second value.
    pub value: Option<Value>,
}

/// `model NAME = PROVIDER/MODEL-ID { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// A [`ValueKind::ModelId`], or a [`ValueKind::Ident`] that names a `let`.
    pub target: Option<Value>,
    /// Its block; empty if it has none.
    pub statements: Vec<ModelStatement>,
}

/// A fact about a model.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelStatement {
    /// `context 200_000`
    Context(Setting),
    /// `input 100_000`
    Input(Setting),
    /// `output 8_192`
    Output(Setting),
    /// `price input $3, output $15`
    Price(Entries),
    /// `price over 200_000 input $6, output $22.50`
    PriceOver(PriceOver),
    /// `accepts image, tools`
    Accepts(Names),
    /// `sampling one`
    Sampling(Setting),
    /// `efforts low, medium, high`
    Efforts(Names),
    /// `thinking_budget_min 1_024`
    ThinkingBudgetMin(Setting),
    /// `output_limit_key max_completion_tokens`
    OutputLimitKey(Setting),
    /// `stop_sequences 4`
    StopSequences(Setting),
    /// `system_role developer`
    SystemRole(Setting),
    /// `system_turns`
    SystemTurns(Span),
    /// `effort_with_tools refused`
    EffortWithTools(Setting),
    /// `endpoints chat, responses`
    Endpoints(Names),
    /// `past_reasoning refused`
    PastReasoning(Setting),
    /// `call_ids nine`
    CallIds(Setting),
    /// `prefill`
    Prefill(Span),
    /// Not to be read.
    Broken(Broken),
}

impl ModelStatement {
    /// From the keyword to the last character.
    pub fn span(&self) -> Span {
        match self {
            Self::Context(node)
            | Self::Input(node)
            | Self::Output(node)
            | Self::Sampling(node)
            | Self::ThinkingBudgetMin(node)
            | Self::OutputLimitKey(node)
            | Self::StopSequences(node)
            | Self::SystemRole(node)
            | Self::EffortWithTools(node)
            | Self::PastReasoning(node)
            | Self::CallIds(node) => node.span,
            Self::Price(node) => node.span,
            Self::PriceOver(node) => node.span,
            Self::Accepts(node) | Self::Efforts(node) | Self::Endpoints(node) => node.span,
            Self::Prefill(span) | Self::SystemTurns(span) => *span,
            Self::Broken(node) => node.span,
        }
    }
}

/// `price over TOKENS KEY VALUE, …`
#[derive(Debug, Clone, PartialEq)]
pub struct PriceOver {
    /// All of it.
    pub span: Span,
    /// The most input that still pays the ordinary price.
    pub tokens: Option<Value>,
    /// What it costs above.
    pub price: Entries,
}

/// A keyword with `KEY VALUE, …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries {
    /// All of it.
    pub span: Span,
    /// In the order of the text.
    pub entries: Vec<Entry>,
}

/// One `KEY VALUE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From the key to the end of the value.
    pub span: Span,
    /// The key; which keys there are is for the rules.
    pub key: Name,
    /// The value.
    pub value: Option<Value>,
}

/// A keyword with `NAME, …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    /// All of it.
    pub span: Span,
    /// In the order of the text.
    pub names: Vec<Name>,
}

/// `prompt NAME = TEXT`, `prompt NAME = file "…"`
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// Where its text is.
    pub body: Option<PromptBody>,
}

/// Where the text of a prompt is.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptBody {
    /// Here: a string, a text, or a `let`'s name.
    Text(Value),
    /// In a file, whose path is relative to this one.
    File {
        /// From `file` to the end of the path.
        span: Span,
        /// The path.
        path: Option<Value>,
    },
}

/// `defaults { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// All of it.
    pub span: Span,
    /// Its block.
    pub statements: Vec<Statement>,
}

/// `role NAME like ROLE { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// The role that it takes over from.
    pub like: Option<Name>,
    /// Its block.
    pub statements: Vec<Statement>,
}

/// `let NAME = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// What it stands for.
    pub value: Option<Value>,
}

/// `env NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Env {
    /// All of it.
    pub span: Span,
    /// Which environment.
    pub name: Option<Name>,
    /// Its block; never holds another [`Declaration::Env`].
    pub declarations: Vec<Declaration>,
}
