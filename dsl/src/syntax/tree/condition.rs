//! Conditions as they are written.
//!
//! Owns their shape; which facts there are and what may be compared with what is for
//! [`crate::resolve`].

use super::{Name, Value};
use crate::span::Span;

/// What follows `when`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// `a or b`
    Any(Joined),
    /// `a and b`
    All(Joined),
    /// `not a`
    Not {
        /// From `not` to the end.
        span: Span,
        /// What must not hold.
        inner: Box<Condition>,
    },
    /// A fact alone or compared. Boxed, since it is much larger than the others.
    Test(Box<Test>),
    /// Not to be read; its finding has been given.
    Broken(Span),
}

impl Condition {
    /// All of it, without parentheses around it.
    pub fn span(&self) -> Span {
        match self {
            Self::Any(joined) | Self::All(joined) => joined.span,
            Self::Not { span, .. } | Self::Broken(span) => *span,
            Self::Test(test) => test.span,
        }
    }
}

/// Conditions joined by one word.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// From the first to the last.
    pub span: Span,
    /// At least two, in the order of the text.
    pub parts: Vec<Condition>,
}

/// `tokens > 200_000`, `image`, `header "x-team" in ("core", "infra")`
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// All of it.
    pub span: Span,
    /// Which fact; `header` and `metadata` have an argument.
    pub fact: Fact,
    /// How it is compared; none for a fact alone.
    pub comparison: Option<Comparison>,
}

/// `tokens`, `header "x-team"`
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// All of it.
    pub span: Span,
    /// Its word; which words there are is for [`crate::resolve`].
    pub name: Name,
    /// The string after it.
    pub argument: Option<Value>,
}

/// `> 200_000`, `in (ci, ada)`, `matches "core-*"`
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// From the operator to the last value, the parentheses of `in` included.
    pub span: Span,
    /// Which.
    pub operator: Operator,
    /// Where the operator is written.
    pub operator_span: Span,
    /// One value, or those of `in`; a value that could not be read is left out.
    pub values: Vec<Value>,
    /// Whether all values could be read.
    pub is_whole: bool,
}

/// How a fact is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators of the text")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Matches,
}

impl Operator {
    /// As it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
            Self::Matches => "matches",
        }
    }
}
