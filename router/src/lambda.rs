//! The Lambda front: invocations of a Function URL, an HTTP API or a REST API, over the one
//! handler.
//!
//! Owns what is Lambda's: events, replies, the time that is left. The loop over the Runtime API
//! is `lambda_runtime`'s, which hands each invocation over whole.

mod deliver;
mod event;
mod reply;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::{Response, StatusCode};
use lambda_runtime::tower::Layer;
use lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, Service, service_fn};
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::edge::Caller;
use crate::log::say;
use crate::respond;
use crate::router::{Deadline, Ends, Router, Streamed};
use deliver::Receiver;
use event::Front;
use reply::Reply;

/// Kept of the invocation for telling the client that the time was over.
const FAREWELL: Duration = Duration::from_secs(1);
/// Kept of the invocation for asking for the next event.
const NEXT: Duration = Duration::from_millis(100);
/// The largest event of AWS's: 6 MB, by the number that its own refusals have.
const EVENT_LIMIT: usize = 6_291_556;
/// An HTTP API gives up after 30 s, whatever the function's own limit is.
const HTTP_API_LIMIT: Duration = Duration::from_secs(30);
/// Where the Runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
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
    let address = std::env::var(RUNTIME_API).unwrap_or_default();
    let front = Invoked { router, receiver: Arc::new(Receiver::new(address)) };
    // The layer takes its place, and it is never called.
    let handler = service_fn(async |_: LambdaEvent<Value>| Ok::<_, Error>(Value::Null));
    Runtime::new(handler).layer(front).run().await.map_err(LambdaError::Runtime)
}

/// Serves an invocation from its event to the last byte of its reply.
#[derive(Clone)]
struct Invoked {
    router: Arc<Router>,
    receiver: Arc<Receiver>,
}

impl<S> Layer<S> for Invoked {
    type Service = Self;

    fn layer(&self, _: S) -> Self {
        self.clone()
    }
}

impl Service<LambdaInvocation> for Invoked {
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let id = invocation.context.request_id.clone();
            let reply = invoked(&this.router, &invocation).await;
            // The instance goes on: the invocation is over for AWS, whatever it made of the reply.
            match this.receiver.send(&id, &invocation.parts.headers, reply).await {
                Ok(status) if status.is_success() => {}
                Ok(status) => say(&format!("warns: the reply to invocation {id} got {status}")),
                Err(error) => say(&format!("warns: the reply to invocation {id} broke: {error}")),
            }
            // The instance may be frozen as soon as the next event is asked for, and is ended when it
            // is not asked for in time.
            let left = remaining(invocation.context.deadline(), SystemTime::now());
            let _ = tokio::time::timeout(left.saturating_sub(NEXT), this.router.settled()).await;
            Ok(())
        })
    }
}

async fn invoked(router: &Router, invocation: &LambdaInvocation) -> Reply<Answer> {
    // What is not JSON is no request, and is answered as such.
    let event = serde_json::from_slice(&invocation.body).unwrap_or(Value::Null);
    let front = Front::of(&event);
    let response = match event::request(event) {
        Ok(request) if invocation.body.len() > EVENT_LIMIT => {
            let mut refusal = too_large();
            router.turned_away(&Caller::of(request.uri().path(), request.headers()), &mut refusal);
            refusal
        }
        Ok(mut request) => {
            let (deadline, now) = (invocation.context.deadline(), SystemTime::now());
            let ends = Instant::now() + remaining(deadline, now);
            request.extensions_mut().insert(Ends(ends));
            request.extensions_mut().insert(Deadline(time_left(deadline, now, front)));
            if front != Front::HttpApi {
                request.extensions_mut().insert(Streamed);
            }
            router.handle(request).await
        }
        Err(why) => respond::refuse(StatusCode::BAD_REQUEST, "invalid_event", why.to_string()),
    };
    match front {
        Front::FunctionUrl | Front::RestApi => reply::streamed(response),
        Front::HttpApi => reply::buffered(response).await,
    }
}

/// What AWS refuses itself: a request that comes here all the same is no larger.
fn too_large() -> Response<Answer> {
    let message = "The request is larger than the 6 MB that AWS Lambda takes.";
    respond::refuse(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

/// What is left of the invocation.
fn remaining(deadline: SystemTime, now: SystemTime) -> Duration {
    deadline.duration_since(now).unwrap_or_default()
}

/// How long the answer may take.
fn time_left(deadline: SystemTime, now: SystemTime, front: Front) -> Duration {
    let left = remaining(deadline, now);
    let left = match front {
        Front::FunctionUrl | Front::RestApi => left,
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
