//! `ensure` and `test` as they are written.
//!
//! Owns their shape; whether a promise holds and a test passes is found out elsewhere.

use super::{Broken, Entry, Name, Value};
use crate::span::Span;

/// `ensure SUBJECT CLAIM`
#[derive(Debug, Clone, PartialEq)]
pub struct Ensure {
    /// All of it.
    pub span: Span,
    /// Of whom; none if that could not be read.
    pub subject: Option<Subject>,
    /// What; none if that could not be read.
    pub claim: Option<Claim>,
}

/// Of whom something is promised.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// `every role`
    EveryRole(Span),
    /// `role NAME`
    Role(Name),
}

/// What is promised.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// `survives loss of any provider` (none), `survives loss of PROVIDER`
    Survives(Option<Name>),
    /// `ends within D`
    EndsWithin(Value),
    /// `costs at most $X for tokens N, max_tokens M`
    CostsAtMost {
        /// The amount.
        amount: Value,
        /// `tokens N`, `max_tokens M`.
        for_request: Vec<Entry>,
    },
    /// `uses only P, Q`
    UsesOnly(Vec<Name>),
    /// `never reaches MODEL [for client C]`
    NeverReaches {
        /// A declared model.
        model: Name,
        /// Only for this client.
        client: Option<Name>,
    },
    /// `makes at most N attempts`
    MakesAtMost(Value),
}

/// `test "NAME" { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// All of it.
    pub span: Span,
    /// What it shows; a string.
    pub name: Option<Name>,
    /// Its block.
    pub statements: Vec<TestStatement>,
}

/// A statement of a test.
#[derive(Debug, Clone, PartialEq)]
pub enum TestStatement {
    /// `ask ROLE with image, tokens 250_000, header "x" "y"`
    Ask(Ask),
    /// `given TARGET answers STATUS|CLASS [N times] [after D]`
    Given(Given),
    /// `expect …`
    Expect(Expect),
    /// Not to be read.
    Broken(Broken),
}

impl TestStatement {
    /// From the keyword to the last character.
    pub fn span(&self) -> Span {
        match self {
            Self::Ask(node) => node.span,
            Self::Given(node) => node.span,
            Self::Expect(node) => node.span,
            Self::Broken(node) => node.span,
        }
    }
}

/// `ask ROLE [with FACT, …]`
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// All of it.
    pub span: Span,
    /// Which role.
    pub role: Option<Name>,
    /// What the request is like.
    pub with: Vec<AskFact>,
}

/// `image`, `tokens 250_000`, `header "x" "y"`, `client ci`
#[derive(Debug, Clone, PartialEq)]
pub struct AskFact {
    /// All of it.
    pub span: Span,
    /// The fact's word; which words there are is for [`crate::resolve`].
    pub name: Name,
    /// What follows it: none, one or two values.
    pub values: Vec<Value>,
}

/// `given TARGET answers STATUS|CLASS [N times] [after D]`
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// All of it.
    pub span: Span,
    /// A provider or a declared model.
    pub target: Option<Name>,
    /// A status such as `529`, or a class such as `timeout`.
    pub answers: Option<Value>,
    /// How often, before it answers well again; always when it is not written.
    pub times: Option<Value>,
    /// How long it takes to answer.
    pub after: Option<Value>,
}

/// `expect …`
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// All of it.
    pub span: Span,
    /// What; none if that could not be read.
    pub outcome: Option<Expected>,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// `answer from MODEL [after A, B]`
    Answer {
        /// A declared model.
        from: Name,
        /// The failed attempts before, in order; none when nothing is said of them.
        after: Option<Vec<Name>>,
    },
    /// `failure CLASS [after A, B]`
    Failure {
        /// The class of the answer.
        class: Name,
        /// The failed attempts, in order; none when nothing is said of them.
        after: Option<Vec<Name>>,
    },
    /// `attempts N`
    Attempts(Value),
    /// `within D`
    Within(Value),
}
