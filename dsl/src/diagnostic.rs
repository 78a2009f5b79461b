//! Findings as plain data.
//!
//! Owns what a finding is; how one looks is in [`crate::render`], which rule makes one in
//! [`crate::rules`].

use crate::span::Span;

/// A rule's stable name, `SFR001`; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The program has no meaning, or one that cannot be meant; nothing is compiled.
    Error,
    /// It works, but hardly as its author thinks.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Exactly what is wrong; what a renderer underlines.
    pub span: Span,
    /// A sentence that says what is wrong.
    pub message: String,
    /// A sentence that says what to do.
    pub help: Option<String>,
    /// Other places that the reader needs to see.
    pub related: Vec<Related>,
    /// A certain mend.
    pub fix: Option<Fix>,
    /// The only environment in which this is so; none if it is so without any.
    pub env: Option<String>,
}

/// Another place of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The place.
    pub span: Span,
    /// What it has to do with the finding.
    pub message: String,
}

/// Edits that mend a finding without changing anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: "write `sonnet`".
    pub title: String,
    /// Replacements of spans, none overlapping.
    pub edits: Vec<Edit>,
}

/// The replacement of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// By what.
    pub text: String,
}

impl Diagnostic {
    /// An error without help, related places or fix.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            help: None,
            related: Vec::new(),
            fix: None,
            env: None,
        }
    }

    /// A warning without help, related places or fix.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// With what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place.
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { span, message: message.into() });
        self
    }

    /// With a mend that replaces `span` by `text`.
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        let edits = vec![Edit { span, text: text.into() }];
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }
}
