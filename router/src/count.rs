//! The number of a message's input tokens, where no provider can be asked for it.
//!
//! Owns when an estimate is given and how it is marked; the estimate itself is
//! [`model_map::facts`]'s.

use http::{HeaderName, HeaderValue, Response, StatusCode};
use model_map::{Facts, FailureClass, ModelMap, NumberFact, Plan, estimate_tokens};

use crate::answer::Answer;
use crate::attempt::Failed;
use crate::facts::RequestFacts;
use crate::respond;

/// Marks a number that no provider has counted.
const COUNT: HeaderName = HeaderName::from_static("x-sfai-count");

/// The estimated input, the role's prompt with it.
pub(crate) fn estimate(map: &ModelMap, plan: &Plan<'_>, facts: &RequestFacts<'_>) -> u64 {
    let prompts = plan.system.prompts.iter().filter_map(|id| map.prompts.get(id));
    let prompt: u64 = prompts.map(|text| estimate_tokens(text)).sum();
    facts.number(NumberFact::Tokens).unwrap_or(0) + prompt
}

/// Whether an estimate is better than the failure: not where a provider found fault with the
/// request itself, which it would do again.
pub(crate) fn stands_in_for(failed: &Failed) -> bool {
    !failed
        .attempts
        .log()
        .iter()
        .filter_map(|attempt| attempt.failure.as_ref())
        .any(|failure| failure.class == FailureClass::InvalidRequest && !failure.link_specific)
}

/// The answer that holds an estimate.
pub(crate) fn estimated(tokens: u64) -> Response<Answer> {
    let mut response = respond::json(StatusCode::OK, format!(r#"{{"input_tokens":{tokens}}}"#));
    response.headers_mut().insert(COUNT, HeaderValue::from_static("estimated"));
    response
}
