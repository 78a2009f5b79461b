//! The handler that every front calls: a request's way from its head to its response.
//!
//! Owns the order of the steps; each step is its own module's.

mod arrival;
mod endpoint;
mod limited;
mod made;
mod notes;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use model_map::{Draw, ModelMap, Plan, Unplanned};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::apart::apart;
use crate::attempt::{self, Delivered, Exchange, OwnPlan, Resumption};
use crate::audit::record;
use crate::breakers::Breakers;
#[cfg(feature = "aws")]
use crate::breakers::fleet::Fleet;
use crate::clock::{Ambient, Stopwatch};
use crate::config::{Config, Prepared};
use crate::cors::Cors;
use crate::edge::{self, Caller};
use crate::facts::RequestFacts;
use crate::front::{ClientRequest, Front};
use crate::hosts::Hosts;
use crate::limits::{self, Admitted, Limits};
use crate::load::Load;
use crate::meanwhile::meanwhile;
use crate::observer::Observer;
use crate::openai::error::ClientError;
use crate::telemetry::trace::Trace;
use crate::upstream::Clients;
use crate::wire::Told;
use crate::{catalogue, count, health, respond, resume};
pub(crate) use arrival::Guest;
use endpoint::{Endpoint, wrong_method};

/// The router. One serves the whole process.
pub struct Router {
    ambient: Ambient,
    breakers: Arc<Breakers>,
    clients: Arc<Clients>,
    config: Arc<Config>,
    cors: Cors,
    #[cfg(feature = "aws")]
    fleet: Option<Arc<Fleet>>,
    hosts: Hosts,
    limits: Arc<Limits>,
    load: Load,
    observer: Option<Arc<Observer>>,
}

/// What is left of the invocation that serves a request: an extension of it that bounds `total`.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Duration);

/// An extension of a request: when the process that serves it may be ended.
#[derive(Debug, Clone, Copy)]
pub struct Ends(pub Instant);

/// An extension of a request whose client has every byte of the answer at once, so that its body
/// may end late.
#[derive(Debug, Clone, Copy)]
pub struct Streamed;

impl Router {
    /// Gives back what is held for requests that did not come. To be called once in a while.
    pub fn tidy(&self) {
        self.clients.tidy();
    }

    /// Waits until nothing of what was told would be lost if the process were frozen now, and nothing
    /// that was asked for would come too late.
    pub async fn settled(&self) {
        let shared = async {
            #[cfg(feature = "aws")]
            if let Some(fleet) = &self.fleet {
                fleet.settled().await;
            }
        };
        let looked = async {
            #[cfg(feature = "aws")]
            if let Some(cloud) = self.config.cloud() {
                cloud.settled().await;
            }
        };
        let told = async {
            if let Some(observer) = &self.observer {
                observer.settled().await;
            }
        };
        tokio::join!(self.limits.settled(), shared, looked, told);
    }

    /// Serves a request. The response comes when an attempt has committed, or all have failed.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Answer> {
        let (head, body) = request.into_parts();
        match self.arrives(&head).await {
            Ok(guest) => self.serves(guest, (&head, body)).await,
            Err(response) => *response,
        }
    }

    /// Serves a request that was let in.
    pub(crate) async fn serves(&self, guest: Guest, request: (&Parts, Bytes)) -> Response<Answer> {
        let Guest { id, stopwatch, caller, prepared, client, endpoint } = guest;
        let client = client.and_then(|known| prepared.clients.name(known));
        let arrived = Arrived::new(id, stopwatch, &prepared);
        let dispatched = AssertUnwindSafe(self.dispatch(request, (endpoint, client), arrived));
        let mut response = dispatched.catch_unwind().await.unwrap_or_else(|_| broken());
        let map = response.headers_mut().entry(respond::MAP);
        map.or_insert_with(|| prepared.digest.clone());
        self.finish(&caller, (id, prepared.clients.is_open()), &mut response);
        response
    }

    /// Gives a refusal that never came to the handler the form that the caller reads.
    pub(crate) fn turned_away(&self, caller: &Caller, response: &mut Response<Answer>) {
        let is_open = self.config.current().is_some_and(|prepared| prepared.clients.is_open());
        self.finish(caller, ((self.ambient.random)(), is_open), response);
    }

    fn finish(&self, caller: &Caller, (id, is_open): (u64, bool), response: &mut Response<Answer>) {
        response.headers_mut().entry(respond::REQUEST_ID).or_insert_with(|| request_id(id));
        caller.finish(&self.cors, is_open, response);
    }

    async fn dispatch(
        &self,
        (head, body): (&Parts, Bytes),
        (endpoint, client): (Option<Endpoint>, Option<&str>),
        arrived: Arrived<'_>,
    ) -> Response<Answer> {
        let prepared = arrived.prepared;
        let Some(endpoint) = endpoint else {
            let message = format!(
                "There is no {}. Chat is at /v1/chat/completions, the roles are at /v1/models.",
                head.uri.path()
            );
            return respond::refuse(StatusCode::NOT_FOUND, "not_found", message);
        };
        match (endpoint, &head.method) {
            (Endpoint::Ask(front), &Method::POST) => {
                let trace = self.trace(&head.headers);
                let arrived = Arrived { trace: trace.as_ref(), ..arrived };
                let response = self.ask(front, (head, body), (client, arrived)).await;
                self.refused(&response, (front, arrived));
                response
            }
            (Endpoint::Models, &Method::GET) => catalogue::models(prepared, client),
            (Endpoint::Model, &Method::GET) => {
                let path = head.uri.path();
                let name = path.split_once("/models/").map_or("", |(_, name)| name);
                catalogue::one_model(prepared, name, client)
            }
            (Endpoint::Health, &Method::GET | &Method::HEAD) => self.health(prepared),
            _ => wrong_method(endpoint),
        }
    }

    fn trace(&self, headers: &HeaderMap) -> Option<Arc<Trace>> {
        let sampler = self.observer.as_ref().and_then(|observer| observer.sampler());
        Trace::of(headers, sampler, self.ambient.random)
    }

    async fn ask(
        &self,
        front: Front,
        (head, body): (&Parts, Bytes),
        (client, arrived): (Option<&str>, Arrived<'_>),
    ) -> Response<Answer> {
        let Arrived { stopwatch, prepared, .. } = arrived;
        let body = match edge::is_packed(head) {
            false => body,
            true => match apart(|| edge::unpacked(head, body)).await {
                Ok(body) => body,
                Err(refusal) => return *refusal,
            },
        };
        let time_left = head.extensions.get::<Deadline>().map(|left| left.0);
        let mut request = match ClientRequest::parse(front, &head.headers, body) {
            Ok(request) => request,
            Err(error) => {
                let code = error.code.map(str::to_owned);
                let kind = "invalid_request_error";
                let error = ClientError { message: error.message, kind, code, param: error.param };
                return respond::error(StatusCode::BAD_REQUEST, &error);
            }
        };
        let facts = RequestFacts::new(&request, &head.headers, client);
        let (plan, draw) = match plan(&prepared.map, &facts) {
            Ok(planned) => planned,
            Err(Unplanned::UnknownRole) => {
                return catalogue::unknown_role(prepared, request.model(), client);
            }
            Err(why @ Unplanned::NoArm) => {
                let message = format!("Role `{}` cannot serve this: {why}.", request.model());
                return respond::refuse(StatusCode::BAD_REQUEST, "no_route", message);
            }
        };
        let estimate = match front {
            Front::CountTokens => Some(count::estimate(&prepared.map, &plan, &facts)),
            _ => None,
        };
        let admitted = match Self::limits_of(prepared, client) {
            None => None,
            Some(who) => {
                let charge = limits::charge::estimate(&prepared.map, &plan, &facts, front);
                match self.admit(who, charge, head).await {
                    Ok(admitted) => Some(admitted),
                    Err(refusal) => return *refusal,
                }
            }
        };
        let standing = admitted.as_ref().map(Admitted::standing);
        let holds = head.extensions.get::<Streamed>().is_some();
        let ends = head.extensions.get::<Ends>().map(|ends| ends.0);
        let arrived = Arrived { holds, ends, ..arrived };
        let mut trail = self.trail((front, arrived), &plan, (&facts, draw), admitted);
        drop(facts);
        if trail.is_some() {
            request.count();
        }
        let denied = request.deny(&plan.role.deny);
        let exchange = Exchange {
            ambient: self.ambient,
            breakers: &self.breakers,
            clients: &self.clients,
            config: &self.config,
            prepared,
            plan: &plan,
            request: &request,
            stopwatch,
            time_left,
            trail: trail.as_ref(),
            trace: arrived.trace.map(Arc::as_ref),
        };
        let fixed = || {
            // In the time that the provider takes: nobody waits for it.
            #[cfg(feature = "aws")]
            if let Some(fleet) = &self.fleet {
                fleet.catch_up(&self.breakers, &prepared.map.env);
            }
            respond::head(&plan, &prepared.digest, request_id(arrived.id))
        };
        let (outcome, fixed) = meanwhile(pin!(attempt::run(exchange)), fixed).await;
        let mut told = Told::default();
        let mut response = match outcome.result {
            Ok(mut delivered) => {
                delivered.dropped.splice(0..0, denied);
                told = delivered.told;
                if let Some(trail) = &mut trail {
                    trail.drops(&delivered.dropped);
                }
                self.resumes(&mut delivered, &plan, (request, arrived));
                respond::delivered(delivered, fixed)
            }
            Err(failed) => {
                let mut response = match estimate.filter(|_| count::stands_in_for(&failed)) {
                    Some(estimate) => count::estimated(estimate),
                    None => respond::failed(&plan, &failed, &outcome.tried),
                };
                response.headers_mut().extend(fixed);
                response
            }
        };
        respond::describe(&mut response, &outcome.tried, stopwatch.elapsed());
        if let Some(standing) = standing {
            self.tell(&standing, head, &mut response);
        }
        match trail {
            Some(trail) => respond::noted(response, trail, told),
            None => response,
        }
    }

    #[inline(never)]
    fn health(&self, prepared: &Prepared) -> Response<Answer> {
        let doing = health::Doing {
            limits: &self.limits,
            load: &self.load,
            breakers: &self.breakers,
            #[cfg(feature = "aws")]
            fleet: self.fleet.as_deref(),
        };
        health::health(prepared, &self.config, &doing, (self.ambient.now)())
    }

    /// Has a stream of a role that resumes continued, should it break off.
    fn resumes(
        &self,
        delivered: &mut Delivered,
        plan: &Plan<'_>,
        (request, arrived): (ClientRequest, Arrived<'_>),
    ) {
        let Some(attempts) = delivered.attempts.take() else { return };
        if !resume::can_continue(&request) {
            return;
        }
        delivered.answer.resumes(Resumption {
            attempts: *attempts,
            ambient: self.ambient,
            breakers: Arc::clone(&self.breakers),
            clients: Arc::clone(&self.clients),
            config: Arc::clone(&self.config),
            prepared: Arc::clone(arrived.prepared),
            plan: OwnPlan::of(plan),
            request,
            stopwatch: arrived.stopwatch,
            trace: arrived.trace.cloned(),
        });
    }
}

/// What is known of every request.
#[derive(Clone, Copy)]
struct Arrived<'a> {
    id: u64,
    stopwatch: Stopwatch,
    /// The map that it runs on.
    prepared: &'a Arc<Prepared>,
    /// See [`Streamed`].
    holds: bool,
    /// See [`Ends`].
    ends: Option<Instant>,
    trace: Option<&'a Arc<Trace>>,
}

impl<'a> Arrived<'a> {
    fn new(id: u64, stopwatch: Stopwatch, prepared: &'a Arc<Prepared>) -> Self {
        Self { id, stopwatch, prepared, holds: false, ends: None, trace: None }
    }
}

fn request_id(id: u64) -> HeaderValue {
    HeaderValue::from_str(&record::request_id(id)).unwrap_or(HeaderValue::from_static("req_0"))
}

/// The way of a request through the map.
fn plan<'m>(map: &'m ModelMap, facts: &RequestFacts<'_>) -> Result<(Plan<'m>, Draw), Unplanned> {
    let role = facts.role();
    let draw = map.roles.get(role).map_or(Draw::percent(0), |role| facts.draw(role));
    Ok((model_map::plan(map, role, facts, draw)?, draw))
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
