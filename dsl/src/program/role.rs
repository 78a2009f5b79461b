//! A role as it is once inheritance and environment are applied, with the place of every field.
//!
//! Owns the types; which block a field comes from is decided in [`crate::resolve`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model_map::{
    Ability, Audit, CacheBreakpoint, Commit, Condition, Effort, FailureClass, SystemMode,
};

use super::{Model, Placed};
use crate::span::Span;

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Role {
    /// Where its name is declared.
    pub name: Span,
    /// One line for people.
    pub about: Option<Placed<Arc<str>>>,
    /// What it promises its callers to take.
    pub accept: Option<Placed<Arc<BTreeSet<Ability>>>>,
    /// Its ways; none if it writes and inherits none, for which there is a finding.
    pub arms: Option<Arc<Arms>>,
    /// What the audit record holds.
    pub audit: Placed<Audit>,
    /// Where the provider is asked to cache the prompt.
    pub cache: Option<Placed<CacheBreakpoint>>,
    /// When the answer begins to be sent.
    pub commit: Placed<Commit>,
    /// Request parameters that are taken out.
    pub deny: Option<Placed<Arc<BTreeSet<String>>>>,
    /// The failures after which the next link is taken.
    pub fallback: Placed<Arc<BTreeSet<FailureClass>>>,
    /// Changes for some requests: all whose condition holds apply, in order, the later winning.
    pub guards: Vec<Guard>,
    /// When the next link is started beside a silent one.
    pub hedge: Option<Placed<Duration>>,
    /// The cap of a client's output limit.
    pub limit_max_tokens: Option<Placed<u32>>,
    /// Request parameters.
    pub parameters: Parameters,
    /// Whether a broken answer is continued, and where that is written.
    pub resume: Option<Span>,
    /// Tries on one link.
    pub retry: Option<Retry>,
    /// Whether what a link cannot take is refused, and where that is written.
    pub strict: Option<Span>,
    /// Its prompt.
    pub system: Option<Arc<System>>,
    /// When to give up.
    pub timeouts: Timeouts,
    /// Whether all that is written in it and its bases could be read.
    pub is_whole: bool,
}

impl Role {
    /// Its arms that could be read.
    pub fn each_arm(&self) -> &[Arm] {
        self.arms.as_ref().map_or(&[], |arms| &arms.arms)
    }
}

/// The arms of a role: one statement as far as inheritance goes.
#[derive(Debug)]
pub struct Arms {
    /// In the order of the text; those that could be read.
    pub arms: Vec<Arm>,
    /// Whether these are all that are written.
    pub is_whole: bool,
}

/// One way through a role.
#[derive(Debug)]
pub struct Arm {
    /// The whole statement.
    pub span: Span,
    /// Its `route`, the keyword included.
    pub route: Span,
    /// When it is taken; none for a bare `route` and `otherwise`.
    pub when: Option<When>,
    /// One of these comes first, by its share; empty where nothing is drawn.
    pub draw: Vec<Share>,
    /// Those links that could be resolved.
    pub chain: Vec<Link>,
    /// Whether these are all that are written.
    pub is_whole: bool,
}

impl Arm {
    /// Every link that a request can reach, the draw's first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.draw.iter().map(|share| &share.link).chain(&self.chain)
    }

    /// The chain of every draw; of the only way where nothing is drawn.
    pub fn ways(&self) -> Vec<Vec<&Link>> {
        if self.draw.is_empty() {
            return vec![self.chain.iter().collect()];
        }
        let way = |share| std::iter::once(share).chain(&self.chain).collect();
        self.draw.iter().map(|share| way(&share.link)).collect()
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// Where it is written, without its `when`.
    pub span: Span,
    /// In the map's form.
    pub condition: Condition,
}

/// A first link that some of the requests get.
#[derive(Debug)]
pub struct Share {
    /// From the share to the model.
    pub span: Span,
    /// How many of a hundred.
    pub percent: u32,
    /// Where it leads.
    pub link: Link,
}

/// One place in a chain.
#[derive(Debug)]
pub struct Link {
    /// Where it is written.
    pub span: Span,
    /// What it leads to.
    pub model: Arc<Model>,
}

/// A guarded block: what it changes of those kinds (`set`, `system`, `timeout`) that the role has
/// from it.
#[derive(Debug, Clone)]
pub struct Guard {
    /// All of it.
    pub span: Span,
    /// For which requests.
    pub when: When,
    /// Laid over the role's, key by key.
    pub parameters: Parameters,
    /// In place of the role's.
    pub system: Option<Arc<System>>,
    /// Laid over the role's, key by key.
    pub timeouts: TimeoutChanges,
}

/// `system append backend, house_style`
#[derive(Debug)]
pub struct System {
    /// The whole statement.
    pub span: Span,
    /// How it meets the client's own messages.
    pub mode: SystemMode,
    /// In this order.
    pub prompts: Vec<PromptUse>,
}

/// A prompt where it is used.
#[derive(Debug)]
pub struct PromptUse {
    /// Where it is named or written.
    pub span: Span,
    /// The prompt's name, if it has one.
    pub name: Option<String>,
    /// Its text.
    pub text: Arc<str>,
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

impl Timeouts {
    /// With those that `changes` names in place of its own.
    pub fn with(self, changes: &TimeoutChanges) -> Self {
        Self {
            connect: changes.connect.unwrap_or(self.connect),
            first_token: changes.first_token.unwrap_or(self.first_token),
            idle: changes.idle.unwrap_or(self.idle),
            total: changes.total.unwrap_or(self.total),
        }
    }
}

/// Some of the [`Timeouts`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "as in `Timeouts`")]
pub struct TimeoutChanges {
    pub connect: Option<Placed<Duration>>,
    pub first_token: Option<Placed<Duration>>,
    pub idle: Option<Placed<Duration>>,
    pub total: Option<Placed<Duration>>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "named for the request's own")]
pub struct Parameters {
    pub max_tokens: Option<Placed<u32>>,
    pub reasoning_effort: Option<Placed<Effort>>,
    pub temperature: Option<Placed<f64>>,
    pub top_p: Option<Placed<f64>>,
}

impl Parameters {
    /// With those that `changes` names in place of its own.
    pub fn with(self, changes: &Self) -> Self {
        Self {
            max_tokens: changes.max_tokens.or(self.max_tokens),
            reasoning_effort: changes.reasoning_effort.or(self.reasoning_effort),
            temperature: changes.temperature.or(self.temperature),
            top_p: changes.top_p.or(self.top_p),
        }
    }
}
