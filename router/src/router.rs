//! The handler that every front calls: a request's way from its head to its response.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use model_map::{Draw, ModelMap, Plan, Unplanned};

use crate::answer::Answer;
use crate::attempt::{self, Exchange};
use crate::clock::{Ambient, Stopwatch};
use crate::config::{Config, Prepared};
use crate::facts::RequestFacts;
use crate::openai::error::ClientError;
use crate::openai::request::ChatRequest;
use crate::upstream::Clients;
use crate::{catalogue, health, respond};

/// The router. One serves the whole process.
pub struct Router {
    ambient: Ambient,
    clients: Clients,
    config: Arc<Config>,
}

/// What is left of the invocation that serves a request: an extension of it that bounds `total`.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Duration);

impl Router {
    /// A router of the maps of `config`, for their clients.
    pub fn new(config: Arc<Config>, ambient: Ambient) -> Self {
        Self { ambient, clients: Clients::default(), config }
    }

    /// Serves a request. The response comes when an attempt has committed, or all have failed.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Answer> {
        let stopwatch = Stopwatch::start();
        let prepared = match self.config.ready().await {
            Ok(prepared) => prepared,
            Err(why) => {
                let mut response = health::unready(&why);
                response.headers_mut().insert(respond::REQUEST_ID, self.request_id());
                return response;
            }
        };
        let dispatched = AssertUnwindSafe(self.dispatch(request, &prepared, stopwatch));
        let mut response = dispatched.catch_unwind().await.unwrap_or_else(|_| broken());
        let headers = response.headers_mut();
        headers.insert(respond::REQUEST_ID, self.request_id());
        headers.insert(respond::MAP, prepared.digest.clone());
        response
    }

    async fn dispatch(
        &self,
        request: Request<Bytes>,
        prepared: &Prepared,
        stopwatch: Stopwatch,
    ) -> Response<Answer> {
        let endpoint = Endpoint::of(request.uri().path());
        let client = match prepared.clients.authenticate(request.headers()) {
            Ok(client) => client,
            Err(_) if endpoint == Some(Endpoint::Health) => None,
            Err(why) => {
                return respond::refuse(StatusCode::UNAUTHORIZED, "invalid_api_key", why.0);
            }
        };
        let Some(endpoint) = endpoint else {
            let message = format!(
                "There is no {}. Chat is at /v1/chat/completions, the roles are at /v1/models.",
                request.uri().path()
            );
            return respond::refuse(StatusCode::NOT_FOUND, "not_found", message);
        };
        match (endpoint, request.method()) {
            (Endpoint::Chat, &Method::POST) => {
                self.chat(request, client, prepared, stopwatch).await
            }
            (Endpoint::Models, &Method::GET) => catalogue::models(prepared, client),
            (Endpoint::Health, &Method::GET | &Method::HEAD) => {
                health::health(prepared, &self.config, (self.ambient.now)())
            }
            _ => wrong_method(endpoint),
        }
    }

    async fn chat(
        &self,
        request: Request<Bytes>,
        client: Option<&str>,
        prepared: &Prepared,
        stopwatch: Stopwatch,
    ) -> Response<Answer> {
        let (head, body) = request.into_parts();
        let time_left = head.extensions.get::<Deadline>().map(|left| left.0);
        let mut request = match ChatRequest::parse(body) {
            Ok(request) => request,
            Err(error) => {
                let code = error.code.map(str::to_owned);
                let kind = "invalid_request_error";
                let error = ClientError { message: error.message, kind, code, param: error.param };
                return respond::error(StatusCode::BAD_REQUEST, &error);
            }
        };
        let plan = match plan(&prepared.map, &RequestFacts::new(&request, &head.headers, client)) {
            Ok(plan) => plan,
            Err(Unplanned::UnknownRole) => {
                return catalogue::unknown_role(prepared, request.model(), client);
            }
            Err(why @ Unplanned::NoArm) => {
                let message = format!("Role `{}` cannot serve this: {why}.", request.model());
                return respond::refuse(StatusCode::BAD_REQUEST, "no_route", message);
            }
        };
        let denied = request.deny(&plan.role.deny);
        let exchange = Exchange {
            ambient: self.ambient,
            clients: &self.clients,
            config: &self.config,
            prepared,
            plan: &plan,
            request: &request,
            stopwatch,
            time_left,
        };
        let outcome = attempt::run(exchange).await;
        let mut response = match outcome.result {
            Ok(mut delivered) => {
                delivered.dropped.splice(0..0, denied);
                respond::delivered(delivered)
            }
            Err(failed) => respond::failed(&plan, &failed, &outcome.tried),
        };
        respond::describe(&mut response, &plan, &outcome.tried, stopwatch.elapsed());
        response
    }

    fn request_id(&self) -> HeaderValue {
        let id = format!("req_{:016x}", (self.ambient.random)());
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("req_0"))
    }
}

/// The way of a request through the map.
fn plan<'m>(map: &'m ModelMap, facts: &RequestFacts<'_>) -> Result<Plan<'m>, Unplanned> {
    let role = facts.role();
    let draw = map.roles.get(role).map_or(Draw::percent(0), |role| facts.draw(role));
    model_map::plan(map, role, facts, draw)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Chat,
    Models,
    Health,
}

impl Endpoint {
    /// By exact path: another spelling is another path, and needs a key to be told so.
    fn of(path: &str) -> Option<Self> {
        match path {
            // A Function URL is often given bare.
            "/v1/chat/completions" | "/chat/completions" | "/" => Some(Self::Chat),
            "/v1/models" | "/models" => Some(Self::Models),
            "/health" | "/ready" => Some(Self::Health),
            _ => None,
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Chat => "POST",
            Self::Models => "GET",
            Self::Health => "GET, HEAD",
        }
    }
}

/// A mistake of ours ends the request that met it and nothing else.
fn broken() -> Response<Answer> {
    let error = ClientError {
        message: "The router failed while it worked on this request; please report it.".into(),
        kind: "server_error",
        code: Some("internal_error".into()),
        param: None,
    };
    respond::error(StatusCode::INTERNAL_SERVER_ERROR, &error)
}

fn wrong_method(endpoint: Endpoint) -> Response<Answer> {
    let allowed = endpoint.allowed();
    let message = format!("This path takes {allowed}.");
    let mut response =
        respond::refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::auth::{ClientKeys, Reach};
    use crate::config::{Surroundings, Upstreams};

    #[tokio::test]
    async fn a_mistake_of_ours_is_a_500_and_the_next_request_is_served() {
        let mut map: model_map::ModelMap = serde_json::from_value(serde_json::json!({
            "digest": "", "env": "test", "format": 1,
            "models": {}, "prompts": {}, "providers": {}, "roles": {},
        }))
        .unwrap();
        let map = model_map::seal(&mut map).unwrap();
        let reach = Reach::Address("127.0.0.1:1".parse().unwrap());
        let around = Surroundings::new(Upstreams::Real, ClientKeys::default(), reach);
        let config = Config::new(&map, around, SystemTime::UNIX_EPOCH).unwrap();
        let ambient = Ambient { now: || panic!("no clock"), random: || 7 };
        let router = Router::new(Arc::new(config), ambient);
        let ask = async |path: &str| {
            let request = Request::get(path).body(Bytes::new()).unwrap();
            router.handle(request).await
        };
        let response = ask("/health").await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["x-request-id"], "req_0000000000000007");
        assert_eq!(ask("/v1/models").await.status(), 200);
    }
}
