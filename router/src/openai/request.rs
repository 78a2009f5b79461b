//! The client's Chat Completions request, and the same for an upstream that speaks its protocol.
//!
//! Owns the parsing and the splicing; what a request means to another protocol is that protocol's.

use bytes::Bytes;
use model_map::{Model, Parameters};

use crate::wire::Segments;

/// A client's request: its body, with only the top level taken apart.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    body: Bytes,
    model: String,
    stream: bool,
    include_usage: bool,
}

/// Why a request cannot be served: a 400 in the client's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// For people; names the part at fault.
    pub message: String,
    /// The part at fault, such as `messages[2].content[0]`.
    pub param: Option<String>,
    /// Such as `invalid_json`.
    pub code: Option<&'static str>,
}

/// What a link's request is made with besides the client's own.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The link's model and its facts.
    pub model: &'a Model,
    /// The role's defaults, for parameters that the client does not set.
    pub parameters: &'a Parameters,
    /// The role's prompts, put before the client's messages in this order.
    pub system: &'a [&'a str],
}

/// A request made for one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The JSON body.
    pub body: Segments,
    /// The client's parameters that this link does not take, by name; safe in a header.
    pub dropped: Vec<String>,
    /// Whether the answer is the input of a forced tool; for
    /// [`crate::wire::AnswerOptions::answer_tool`].
    pub answer_tool: bool,
}

impl ChatRequest {
    /// Takes a body apart. Errors: not JSON, deeper than 128, a key twice in one object, no
    /// `model`, `messages` that are no list.
    pub fn parse(body: Bytes) -> Result<Self, RequestError> {
        let _ = body;
        todo!()
    }

    /// What the client asks for: a role's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether it wants a stream.
    pub const fn stream(&self) -> bool {
        self.stream
    }

    /// Whether it wants the usage chunk at a stream's end.
    pub const fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// The body as it came.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

/// The request for an upstream that speaks the client's protocol: the client's bytes with what
/// the link and the role set.
pub fn build(request: &ChatRequest, target: &Target<'_>) -> Result<UpstreamRequest, RequestError> {
    let _ = (request, target);
    todo!()
}
