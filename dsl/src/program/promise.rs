//! Promises and tests, with their names looked up.
//!
//! Owns the types; whether a promise holds and a test passes is found out elsewhere.

use std::time::Duration;

use model_map::{FailureClass, RequestFacts};

use super::Placed;
use crate::span::Span;

/// A name of something that is declared, where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it is used.
    pub span: Span,
}

/// A declared model, where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// Its alias.
    pub name: String,
    /// `provider/model-id`: what the map calls it.
    pub key: String,
    /// Where it is named.
    pub span: Span,
}

/// A promise about the whole program.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensure {
    /// All of it.
    pub span: Span,
    /// Of whom.
    pub subject: Subject,
    /// What.
    pub claim: Claim,
}

/// Of whom something is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `every role`
    EveryRole(Span),
    /// `role NAME`
    Role(Named),
}

/// What is promised.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// `survives loss of any provider` (none), `survives loss of PROVIDER`
    Survives(Option<Named>),
    /// `ends within D`
    EndsWithin(Placed<Duration>),
    /// `costs at most $X for tokens N, max_tokens M`
    CostsAtMost {
        /// Millionths of a US dollar.
        micro_dollars: Placed<u64>,
        /// The input.
        tokens: u64,
        /// The output.
        max_tokens: u64,
    },
    /// `uses only P, Q`: providers.
    UsesOnly(Vec<Named>),
    /// `never reaches MODEL [for client C]`
    NeverReaches {
        /// The model.
        model: ModelRef,
        /// Only for this client.
        client: Option<Named>,
    },
    /// `makes at most N attempts`
    MakesAtMost(Placed<u32>),
}

/// An example of what the program does.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// All of it.
    pub span: Span,
    /// Where its name is.
    pub name: Span,
    /// What is asked; none if that could not be read.
    pub ask: Option<Ask>,
    /// What goes wrong, in the order of the text.
    pub givens: Vec<Given>,
    /// In the order of the text.
    pub expects: Vec<Expect>,
    /// Whether all of it could be read.
    pub is_whole: bool,
}

/// `ask ROLE with …`
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// All of it.
    pub span: Span,
    /// Which role.
    pub role: Named,
    /// What the request is like: one message and no tokens unless written. `tokens` is as
    /// written, the role's own prompt included or not.
    pub facts: RequestFacts,
    /// Whether `tokens` is written.
    pub tokens_span: Option<Span>,
}

/// `given TARGET answers STATUS|CLASS [N times] [after D]`
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// All of it.
    pub span: Span,
    /// Who.
    pub target: Target,
    /// How.
    pub answers: Answers,
    /// How often, before it answers well again; always when absent.
    pub times: Option<u32>,
    /// How long it takes; at once when absent.
    pub after: Option<Duration>,
}

/// Who answers. A name that is both a provider's and a model's is the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All models of a provider.
    Provider(Named),
    /// One model.
    Model(ModelRef),
}

/// How an upstream answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// With this status: a 2xx is a good answer.
    Status(u16),
    /// With a failure of this class.
    Class(FailureClass),
}

/// `expect …`
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// All of it.
    pub span: Span,
    /// What.
    pub outcome: Outcome,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `answer from MODEL [after A, B]`
    Answer {
        /// Who answers.
        from: ModelRef,
        /// The failed attempts before, in order; none when nothing is said of them.
        after: Option<Vec<ModelRef>>,
    },
    /// `failure CLASS [after A, B]`
    Failure {
        /// The class of the answer.
        class: FailureClass,
        /// The failed attempts, in order; none when nothing is said of them.
        after: Option<Vec<ModelRef>>,
    },
    /// `attempts N`
    Attempts(u32),
    /// `within D`
    Within(Duration),
}
