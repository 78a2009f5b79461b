//! The kinds of statements that blocks hold.
//!
//! Owns what they have in common; each is read in the module of its name.

use crate::span::Span;
use crate::syntax::tree::{
    Broken, ClientStatement, ModelStatement, ProviderStatement, Statement, TestStatement, Then,
};

/// What the lines of a block are.
pub(super) trait Lines: Sized {
    fn from_broken(broken: Broken) -> Self;

    /// Where the statements of its block go, which reaches to the end of `span`; none if it takes
    /// no block.
    fn guarded(&mut self, _span: Span) -> Option<&mut Vec<Statement>> {
        None
    }
}

impl Lines for Statement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }

    fn guarded(&mut self, span: Span) -> Option<&mut Vec<Statement>> {
        let Self::When(when) = self else { return None };
        let Then::Block(statements) = &mut when.then else { return None };
        when.span = when.span.to(span);
        Some(statements)
    }
}

impl Lines for ProviderStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Lines for ModelStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Lines for ClientStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Lines for TestStatement {
    fn from_broken(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}
