//! What the router says of its own state, to whoever asks.
//!
//! Owns `GET /health`, whose answer holds nothing secret, since it needs no key.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::{Response, StatusCode};
use model_map::BreakerState;
use serde::Serialize;

use crate::answer::Answer;
use crate::breakers::Breakers;
use crate::config::{Config, Prepared};
use crate::respond;

#[derive(Serialize)]
struct Health<'a> {
    /// `ok`, or `degraded`: it serves, from what it last could read.
    status: &'static str,
    version: &'static str,
    map: Map<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<Secrets>,
    /// By model; those that are closed are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    breakers: BTreeMap<&'a str, ShownBreaker>,
}

#[derive(Serialize)]
struct ShownBreaker {
    state: BreakerState,
    /// Until a probe is let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_for_ms: Option<u128>,
}

#[derive(Serialize)]
struct Map<'a> {
    digest: &'a str,
    env: &'a str,
    age_seconds: u64,
    /// Since S3 last gave this map, or said that there is no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_seconds_ago: Option<u64>,
    /// Why the last look for a newer map failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why a newer map is not in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
}

#[derive(Serialize)]
struct Secrets {
    held: usize,
    /// Since the oldest was asked for.
    age_seconds: u64,
    /// Which could not be read when they were last asked for, and why.
    errors: Vec<String>,
}

/// `GET /health` with a map in force.
pub(crate) fn health(
    (prepared, breakers): (&Prepared, &Breakers),
    config: &Config,
    now: SystemTime,
) -> Response<Answer> {
    let age = now.duration_since(prepared.loaded_at).unwrap_or_default();
    let (checked_seconds_ago, error, secrets) = cloud(config);
    let refused = config.refused();
    let troubled = secrets.as_ref().is_some_and(|secrets| !secrets.errors.is_empty());
    let is_ok = refused.is_none() && error.is_none() && !troubled;
    let map = Map {
        digest: &prepared.map.digest,
        env: &prepared.map.env,
        age_seconds: age.as_secs(),
        checked_seconds_ago,
        error,
        refused: refused.as_deref(),
    };
    let status = if is_ok { "ok" } else { "degraded" };
    let breakers = shown(prepared, breakers);
    as_json(&Health { status, version: env!("CARGO_PKG_VERSION"), map, secrets, breakers })
}

/// The breakers of the map's models that are not closed. A model that is left alone makes no
/// router degraded: what is served in its place is as the map says.
fn shown<'a>(prepared: &'a Prepared, breakers: &Breakers) -> BTreeMap<&'a str, ShownBreaker> {
    let seen = prepared.map.models.keys().map(|model| (model.as_str(), breakers.seen(model)));
    let open = seen.filter(|(_, seen)| seen.state != BreakerState::Closed);
    let shown = open.map(|(model, seen)| {
        let open_for = Some(seen.open_for.as_millis()).filter(|_| !seen.open_for.is_zero());
        (model, ShownBreaker { state: seen.state, open_for_ms: open_for })
    });
    shown.collect()
}

#[cfg(feature = "aws")]
fn cloud(config: &Config) -> (Option<u64>, Option<String>, Option<Secrets>) {
    let report = config.cloud().map(crate::config::cloud::Cloud::report).unwrap_or_default();
    let secrets = config.secrets().map(|secrets| Secrets {
        held: secrets.held,
        age_seconds: secrets.age.unwrap_or_default().as_secs(),
        errors: secrets.troubles,
    });
    (report.checked.map(|age| age.as_secs()), report.trouble, secrets)
}

#[cfg(not(feature = "aws"))]
fn cloud(_: &Config) -> (Option<u64>, Option<String>, Option<Secrets>) {
    (None, None, None)
}

/// The answer to everything while there is no map.
pub(crate) fn unready(why: &str) -> Response<Answer> {
    let message = format!("The router cannot serve yet: {why}.");
    respond::refuse(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
}

fn as_json(value: &impl Serialize) -> Response<Answer> {
    match serde_json::to_vec(value) {
        Ok(body) => respond::json(StatusCode::OK, body),
        Err(error) => {
            respond::refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string())
        }
    }
}
