//! `client` declarations as they are written.
//!
//! Owns their shape; what they mean is for [`crate::resolve`].

use super::{Broken, Name, Names, Value};
use crate::span::Span;

/// `client NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// All of it.
    pub span: Span,
    /// What it declares.
    pub name: Option<Name>,
    /// Its block.
    pub statements: Vec<ClientStatement>,
}

/// A statement of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientStatement {
    /// `key secret "…"`, `key env "…"`
    Key(super::ApiKey),
    /// `allow ROLE, …`
    Allow(Names),
    /// `limit 60 per 1m`, `limit 100_000 tokens per 1m`
    Limit(RateLimit),
    /// `budget $20 per day`
    Budget(Budget),
    /// Not to be read.
    Broken(Broken),
}

impl ClientStatement {
    /// From the keyword to the last character.
    pub fn span(&self) -> Span {
        match self {
            Self::Key(node) => node.span,
            Self::Allow(node) => node.span,
            Self::Limit(node) => node.span,
            Self::Budget(node) => node.span,
            Self::Broken(node) => node.span,
        }
    }
}

/// `limit COUNT [requests|tokens] per D`
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// All of it.
    pub span: Span,
    /// How many.
    pub count: Option<Value>,
    /// What is counted; requests when it is not written.
    pub of: Option<Name>,
    /// In which time.
    pub per: Option<Value>,
}

/// `budget $X per day`
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// All of it.
    pub span: Span,
    /// How much.
    pub amount: Option<Value>,
    /// `hour`, `day`, `week` or `month`.
    pub per: Option<Name>,
}
