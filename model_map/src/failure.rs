//! What counts as which failure, and what each class allows.
//!
//! Owns the classification; when a failed attempt is repeated is decided in [`crate::attempt`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why an attempt failed. The order is how telling a class is to the client when all failed: the
/// first that occurred gives the answer its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The request itself is at fault: any other 4xx.
    InvalidRequest,
    /// The input does not fit into the model's window.
    ContextLength,
    /// The provider's filter refused the input.
    ContentFilter,
    /// 429.
    RateLimit,
    /// 503 and Anthropic's 529.
    Overloaded,
    /// One of our timers, or 408.
    Timeout,
    /// Any other 5xx, a redirect, an answer that cannot be read.
    ServerError,
    /// No connection, or one that broke.
    Network,
    /// A 200 without content or tool call.
    Empty,
    /// 401 and 403: the provider does not accept our key.
    Auth,
    /// 404: the provider does not know the model or the path.
    NotFound,
}

impl FailureClass {
    /// Every class, in the order of the language's documentation.
    pub const ALL: [Self; 11] = [
        Self::Network,
        Self::Timeout,
        Self::RateLimit,
        Self::Overloaded,
        Self::ServerError,
        Self::Auth,
        Self::NotFound,
        Self::ContextLength,
        Self::ContentFilter,
        Self::Empty,
        Self::InvalidRequest,
    ];

    /// The name used in `.sfr` files, maps and response headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::Network => "network",
            Self::Empty => "empty",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
        }
    }

    /// The class of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether trying the same link again can ever help.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Network | Self::RateLimit | Self::Overloaded | Self::ServerError)
    }

    /// Whether the next link is taken unless the role says otherwise.
    pub const fn falls_back(self) -> bool {
        !matches!(self, Self::InvalidRequest | Self::ContentFilter)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What kind.
    pub class: FailureClass,
    /// Whether only this link cannot take the request, so that the next one may whatever the
    /// class.
    pub link_specific: bool,
    /// Whether it was our own doing: the provider was not called, or not given its time. It says
    /// nothing of the provider.
    pub ours: bool,
    /// Whether the same link could answer a repetition: false for an exhausted quota.
    pub repeatable: bool,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The provider's HTTP status, if it gave one.
    pub status: Option<u16>,
}

/// What a provider's error object says; empty where it says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    /// Its code, else its type.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
    /// The parameter at fault.
    pub param: &'a str,
}

impl Failure {
    /// A failure without an HTTP status.
    pub const fn of(class: FailureClass) -> Self {
        let (link_specific, ours, repeatable) = (false, false, true);
        Self { class, link_specific, ours, repeatable, retry_after: None, status: None }
    }

    /// The failure that an HTTP error answer stands for. `code` and `message` are those of the
    /// body's error object, in either provider's shape; empty when it has none.
    pub fn of_answer(status: u16, code: &str, message: &str) -> Self {
        Self::of_error(status, Words { code, message, param: "" })
    }

    /// As [`Failure::of_answer`], by all that the error object says.
    pub fn of_error(status: u16, words: Words<'_>) -> Self {
        Self {
            repeatable: words.code != "insufficient_quota",
            status: Some(status),
            ..Self::of(classify(status, words))
        }
    }

    /// The status that a client gets for it. What is the client's own doing is passed on; what is
    /// between us and the provider is a bad gateway.
    pub fn client_status(&self) -> u16 {
        match (self.class, self.status) {
            (FailureClass::RateLimit, _) => 429,
            (FailureClass::Overloaded, _) => 503,
            (FailureClass::Timeout, _) => 504,
            (
                FailureClass::InvalidRequest
                | FailureClass::ContextLength
                | FailureClass::ContentFilter,
                Some(status @ (400 | 413 | 422)),
            ) => status,
            (FailureClass::ContextLength | FailureClass::ContentFilter, _) => 400,
            _ => 502,
        }
    }
}

/// The words by which providers say that the input is too long; none of them has a code for it
/// but OpenAI.
const TOO_LONG: [&str; 5] = [
    "prompt is too long",
    "maximum context length",
    "context window",
    "context_length",
    "input is too long",
];

fn classify(status: u16, words: Words<'_>) -> FailureClass {
    let code = words.code;
    match status {
        400 | 413 | 422 if is_context_length(words) => FailureClass::ContextLength,
        400 | 422 if is_content_filter(words) => FailureClass::ContentFilter,
        401 | 403 => FailureClass::Auth,
        404 => FailureClass::NotFound,
        408 => FailureClass::Timeout,
        429 => FailureClass::RateLimit,
        503 | 529 => FailureClass::Overloaded,
        // Anthropic's error type under any status, an error event inside a 200 among them.
        _ if code == "overloaded_error" => FailureClass::Overloaded,
        _ if matches!(code, "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota") => {
            FailureClass::RateLimit
        }
        400..=499 => FailureClass::InvalidRequest,
        _ => FailureClass::ServerError,
    }
}

fn is_context_length(words: Words<'_>) -> bool {
    match words.code {
        "context_length_exceeded" => true,
        "string_above_max_length" => is_of_content(words),
        _ => {
            let message = words.message.to_ascii_lowercase();
            TOO_LONG.iter().any(|too_long| message.contains(too_long))
        }
    }
}

/// Whether a text that is too long is what the model reads, and not a name or a mark, for which no
/// window is large enough. Where nothing says which text it is, it is taken to be the former.
fn is_of_content(Words { message, param, .. }: Words<'_>) -> bool {
    let quoted = || message.split('\'').nth(1).unwrap_or_default();
    let path = if param.is_empty() { quoted() } else { param };
    let root = path.split(['.', '[']).next().unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default();
    path.is_empty()
        || (matches!(root, "messages" | "input" | "prompt" | "instructions")
            && !matches!(last, "name" | "id" | "call_id" | "tool_call_id"))
}

fn is_content_filter(words: Words<'_>) -> bool {
    match words.code {
        "content_filter"
        | "content_policy_violation"
        | "image_content_policy_violation"
        | "ResponsibleAIPolicyViolation"
        | "bio_policy"
        | "cyber_policy" => true,
        // A prompt that is malformed has the code, too.
        "invalid_prompt" => words.message.contains("usage policy"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_classified_by_status_then_by_what_it_says() {
        let class = |status, code, message| Failure::of_answer(status, code, message).class;
        assert_eq!(class(400, "context_length_exceeded", ""), FailureClass::ContextLength);
        assert_eq!(
            class(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000"),
            FailureClass::ContextLength
        );
        assert_eq!(class(400, "content_policy_violation", ""), FailureClass::ContentFilter);
        assert_eq!(class(400, "invalid_request_error", "bad"), FailureClass::InvalidRequest);
        assert_eq!(class(401, "", ""), FailureClass::Auth);
        assert_eq!(class(403, "", ""), FailureClass::Auth);
        assert_eq!(class(404, "", ""), FailureClass::NotFound);
        assert_eq!(class(408, "", ""), FailureClass::Timeout);
        assert_eq!(class(429, "", ""), FailureClass::RateLimit);
        assert_eq!(class(503, "", ""), FailureClass::Overloaded);
        assert_eq!(class(529, "", ""), FailureClass::Overloaded);
        assert_eq!(class(200, "overloaded_error", ""), FailureClass::Overloaded);
        assert_eq!(class(302, "", ""), FailureClass::ServerError);
        assert_eq!(class(500, "api_error", ""), FailureClass::ServerError);
    }

    #[test]
    fn a_text_that_is_too_long_has_a_window_only_where_the_model_reads_it() {
        let class = |param, message| {
            let code = "string_above_max_length";
            Failure::of_error(400, Words { code, message, param }).class
        };
        for param in ["messages[0].content", "messages[3].content[1].text", "input", "prompt"] {
            assert_eq!(class(param, ""), FailureClass::ContextLength, "{param}");
        }
        for param in
            ["user", "metadata.a", "tools[0].function.name", "messages[1].name", "input[2].call_id"]
        {
            assert_eq!(class(param, ""), FailureClass::InvalidRequest, "{param}");
        }
        let told = "Invalid 'user': string too long. Expected a string with maximum length 64";
        assert_eq!(class("", told), FailureClass::InvalidRequest);
        let told = "Invalid 'input[0].content': string too long.";
        assert_eq!(class("", told), FailureClass::ContextLength);
        assert_eq!(class("", ""), FailureClass::ContextLength);
    }

    #[test]
    fn a_prompt_is_invalid_or_against_the_rules() {
        let class = |message| Failure::of_answer(400, "invalid_prompt", message).class;
        let flagged = "Invalid prompt: it was flagged as potentially violating our usage policy.";
        assert_eq!(class(flagged), FailureClass::ContentFilter);
        assert_eq!(class("Invalid prompt: no user message"), FailureClass::InvalidRequest);
    }

    #[test]
    fn an_exhausted_quota_is_not_worth_repeating() {
        assert!(!Failure::of_answer(429, "insufficient_quota", "").repeatable);
        assert!(Failure::of_answer(429, "rate_limit_exceeded", "").repeatable);
    }

    #[test]
    fn the_client_sees_its_own_mistakes_and_no_other_status_of_the_provider() {
        let status = |status| Failure::of_answer(status, "", "").client_status();
        let given = [400, 401, 402, 403, 404, 413, 422, 429, 307, 500, 503, 529, 408];
        let seen = [400, 502, 502, 502, 502, 413, 422, 429, 502, 502, 503, 503, 504];
        assert_eq!(given.map(status), seen);
    }

    #[test]
    fn every_class_has_its_own_name() {
        for class in FailureClass::ALL {
            assert_eq!(FailureClass::from_name(class.name()), Some(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }
}
