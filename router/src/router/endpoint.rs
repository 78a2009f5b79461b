//! Which of the router's services a path is.
//!
//! Owns the paths and their methods; what is answered there is decided elsewhere.

use http::header::ALLOW;
use http::{HeaderValue, Response, StatusCode};

use crate::answer::Answer;
use crate::front::Front;
use crate::respond;

/// A service of the router.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Ask(Front),
    Models,
    Model,
    Health,
}

impl Endpoint {
    /// By exact path: another spelling is another path, and needs a key to be told so.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            // A Function URL is often given bare.
            "/v1/chat/completions" | "/chat/completions" | "/" => Some(Self::Ask(Front::Chat)),
            "/v1/responses" | "/responses" => Some(Self::Ask(Front::Responses)),
            "/v1/completions" | "/completions" => Some(Self::Ask(Front::Completions)),
            "/v1/fim/completions" | "/fim/completions" => Some(Self::Ask(Front::Fim)),
            "/v1/embeddings" | "/embeddings" => Some(Self::Ask(Front::Embeddings)),
            "/v1/messages" | "/messages" => Some(Self::Ask(Front::Messages)),
            "/v1/messages/count_tokens" | "/messages/count_tokens" => {
                Some(Self::Ask(Front::CountTokens))
            }
            "/v1/models" | "/models" => Some(Self::Models),
            "/health" | "/ready" => Some(Self::Health),
            _ if path.starts_with("/v1/models/") || path.starts_with("/models/") => {
                Some(Self::Model)
            }
            _ => None,
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Ask(_) => "POST",
            Self::Models | Self::Model => "GET",
            Self::Health => "GET, HEAD",
        }
    }
}

/// The answer to a method that an endpoint does not take.
#[cold]
pub(super) fn wrong_method(endpoint: Endpoint) -> Response<Answer> {
    let allowed = endpoint.allowed();
    let message = format!("This path takes {allowed}.");
    let mut response =
        respond::refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
