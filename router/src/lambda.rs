//! The Lambda front: invocations of a Function URL or an HTTP API, over the one handler.
//!
//! Owns what is Lambda's: events, replies, the time that is left. The loop over the Runtime API
//! is `lambda_runtime`'s.

mod event;
mod reply;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::answer::Answer;
use crate::respond;
use crate::router::{Deadline, Router, Streamed};
use event::Front;
use reply::Reply;

/// Kept of the invocation for telling the client that the time was over.
const FAREWELL: Duration = Duration::from_secs(1);
/// An HTTP API gives up after 30 s, whatever the function's own limit is.
const HTTP_API_LIMIT: Duration = Duration::from_secs(30);
/// What Lambda sets and `lambda_runtime` panics without.
const VARIABLES: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// Why the function cannot go on.
#[derive(Debug)]
pub enum LambdaError {
    /// A variable that Lambda sets is not set.
    Surroundings(&'static str),
    /// The Runtime API failed.
    Runtime(lambda_runtime::Error),
}

impl fmt::Display for LambdaError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Surroundings(name) => write!(
                to,
                "AWS_LAMBDA_RUNTIME_API is set, so that this is a Lambda function, but {name} is not: unset the first to serve locally"
            ),
            Self::Runtime(error) => write!(to, "the Lambda Runtime API failed: {error}"),
        }
    }
}

impl std::error::Error for LambdaError {}

/// Serves invocations until the process is ended.
///
/// # Errors
/// When the surroundings are not Lambda's, or the Runtime API fails.
pub async fn run(router: Arc<Router>) -> Result<(), LambdaError> {
    if let Some(missing) = VARIABLES.into_iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(LambdaError::Surroundings(missing));
    }
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let router = Arc::clone(&router);
        async move { Ok::<_, lambda_runtime::Error>(invoked(&router, event).await) }
    });
    lambda_runtime::Runtime::new(handler).run().await.map_err(LambdaError::Runtime)
}

async fn invoked(router: &Router, event: LambdaEvent<Value>) -> Reply<Answer> {
    let front = Front::of(&event.payload);
    let response = match event::request(event.payload) {
        Ok(mut request) => {
            let left = time_left(event.context.deadline(), SystemTime::now(), front);
            request.extensions_mut().insert(Deadline(left));
            if front == Front::FunctionUrl {
                request.extensions_mut().insert(Streamed);
            }
            router.handle(request).await
        }
        Err(why) => respond::refuse(StatusCode::BAD_REQUEST, "invalid_event", why.to_string()),
    };
    match front {
        Front::FunctionUrl => reply::streamed(response),
        Front::HttpApi => reply::buffered(response).await,
    }
}

/// How long the answer may take.
fn time_left(deadline: SystemTime, now: SystemTime, front: Front) -> Duration {
    let left = deadline.duration_since(now).unwrap_or_default();
    let left = match front {
        Front::FunctionUrl => left,
        Front::HttpApi => left.min(HTTP_API_LIMIT),
    };
    left.saturating_sub(FAREWELL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_the_invocations_or_the_http_apis() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let left = |seconds, front| time_left(now + Duration::from_secs(seconds), now, front);
        assert_eq!(left(900, Front::FunctionUrl), Duration::from_secs(899));
        assert_eq!(left(900, Front::HttpApi), Duration::from_secs(29));
        assert_eq!(left(10, Front::HttpApi), Duration::from_secs(9));
        assert_eq!(left(0, Front::FunctionUrl), Duration::ZERO);
        let past = now - Duration::from_secs(5);
        assert_eq!(time_left(past, now, Front::FunctionUrl), Duration::ZERO);
    }
}
