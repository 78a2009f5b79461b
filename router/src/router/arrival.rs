//! Who is let in: what a request's head alone decides.
//!
//! Owns the judgement before a byte of the body is read, so that whoever is not let in costs none;
//! what a request that is let in gets is the router's.

use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

use super::endpoint::Endpoint;
use super::{Arrived, Router};
use crate::answer::Answer;
use crate::auth::Known;
use crate::clock::Stopwatch;
use crate::config::Prepared;
use crate::edge::Caller;
use crate::hosts::ALLOWED_HOSTS;
use crate::{health, respond};

/// A request that was let in.
pub(crate) struct Guest {
    pub(super) id: u64,
    pub(super) stopwatch: Stopwatch,
    pub(super) caller: Caller,
    /// The map that it runs on.
    pub(super) prepared: Arc<Prepared>,
    /// Its client among those of the map.
    pub(super) client: Option<Known>,
    pub(super) endpoint: Option<Endpoint>,
}

impl Guest {
    /// The same, whose time begins now: what a client takes to send its body is not the router's.
    pub(crate) fn begins(self) -> Self {
        Self { stopwatch: Stopwatch::start(), ..self }
    }
}

impl Router {
    /// Lets a request in by its head.
    ///
    /// # Errors
    /// The response to one that is answered without its body, a browser's preflight among them.
    pub(crate) async fn arrives(&self, head: &Parts) -> Result<Guest, Box<Response<Answer>>> {
        let stopwatch = Stopwatch::start();
        let caller = Caller::of(head.uri.path(), &head.headers);
        let id = (self.ambient.random)();
        let prepared = match self.config.ready().await {
            Ok(prepared) => prepared,
            Err(why) => {
                let mut response = Box::new(health::unready(&why));
                self.finish(&caller, (id, false), &mut response);
                return Err(response);
            }
        };
        let endpoint = Endpoint::of(head.uri.path());
        let arrived = Arrived::new(id, stopwatch, &prepared);
        match self.lets_in(head, endpoint, arrived) {
            Ok(client) => Ok(Guest { id, stopwatch, caller, prepared, client, endpoint }),
            Err(mut response) => {
                response.headers_mut().insert(respond::MAP, prepared.digest.clone());
                self.finish(&caller, (id, prepared.clients.is_open()), &mut response);
                Err(response)
            }
        }
    }

    fn lets_in(
        &self,
        head: &Parts,
        endpoint: Option<Endpoint>,
        arrived: Arrived<'_>,
    ) -> Result<Option<Known>, Box<Response<Answer>>> {
        let clients = &arrived.prepared.clients;
        let is_open = clients.is_open();
        if let Some(response) = self.cors.preflight(&head.method, &head.headers, is_open) {
            return Err(Box::new(response));
        }
        let refusal = match clients.known(&head.headers) {
            _ if is_open && endpoint != Some(Endpoint::Health) => match self.strange(head) {
                None => return Ok(None),
                Some(refusal) => refusal,
            },
            Ok(client) => return Ok(client),
            Err(_) if endpoint == Some(Endpoint::Health) => return Ok(None),
            Err(why) => respond::refuse(StatusCode::UNAUTHORIZED, "invalid_api_key", why.0),
        };
        if let (Some(Endpoint::Ask(front)), &Method::POST) = (endpoint, &head.method) {
            let trace = self.trace(&head.headers);
            self.refused(&refusal, (front, Arrived { trace: trace.as_ref(), ..arrived }));
        }
        Err(Box::new(refusal))
    }

    /// The refusal of what may be another machine's page, by a router that asks for no key: such a
    /// page need not read the answer to have its owner pay for it.
    fn strange(&self, head: &Parts) -> Option<Response<Answer>> {
        let mut origins = head.headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| self.cors.may_call(origin, true)) {
            let message = "This router asks for no key, and so takes requests of this machine's own pages alone. Name the page's origin in SFAI_CORS_ORIGINS, or have a key asked for (SFAI_CLIENT_KEYS).";
            return Some(respond::refuse(StatusCode::FORBIDDEN, "origin_not_allowed", message));
        }
        let knows = |host: &HeaderValue| host.to_str().is_ok_and(|host| self.hosts.know(host));
        let is_known = head.headers.get_all(HOST).iter().all(knows)
            && head.uri.host().is_none_or(|host| self.hosts.know(host));
        if is_known {
            return None;
        }
        let message = format!(
            "This router asks for no key, and so takes requests to this machine's own names alone. Call it by localhost, name the host in {ALLOWED_HOSTS}, or have a key asked for (SFAI_CLIENT_KEYS)."
        );
        Some(respond::refuse(StatusCode::FORBIDDEN, "host_not_allowed", message))
    }
}
