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
#[cfg(feature = "aws")]
use crate::breakers::fleet::Fleet;
use crate::config::{Config, Prepared};
use crate::limits::{Limits, Report};
use crate::load::Load;
use crate::respond;

#[derive(Serialize)]
struct Health<'a> {
    /// `ok`, or `degraded`: it serves, from what it last could read.
    status: &'static str,
    version: &'static str,
    map: Map<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<Secrets>,
    limits: Counting,
    requests: Requests,
    /// By model; those that are closed are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    breakers: BTreeMap<&'a str, ShownBreaker>,
    /// Where instances share their breakers.
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<Sharing>,
}

#[derive(Serialize)]
struct Sharing {
    /// `shared` by all instances, or `in_process` while their table does not answer.
    breakers: &'static str,
    /// Since the others were last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard_seconds_ago: Option<u64>,
    /// Why the table does not answer, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Requests {
    /// This one among them, where the server counts.
    open: usize,
    limit: usize,
    /// Turned away since the start, as all places were taken.
    shed: u64,
}

/// What the router is doing besides its map.
pub(crate) struct Doing<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) load: &'a Load,
    pub(crate) breakers: &'a Breakers,
    #[cfg(feature = "aws")]
    pub(crate) fleet: Option<&'a Fleet>,
}

#[derive(Serialize)]
struct Counting {
    /// `shared` by all instances, or `in_process`.
    counted: &'static str,
    /// Why it is counted in this process although instances share a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_seconds: Option<u64>,
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
    prepared: &Prepared,
    config: &Config,
    doing: &Doing<'_>,
    now: SystemTime,
) -> Response<Answer> {
    let age = now.duration_since(prepared.loaded_at).unwrap_or_default();
    let (checked_seconds_ago, error, secrets) = cloud(config);
    let refused = config.refused();
    let troubled = secrets.as_ref().is_some_and(|secrets| !secrets.errors.is_empty());
    let limits = counting(doing.limits);
    let fleet = sharing(doing);
    let shares = fleet.as_ref().is_none_or(|fleet| fleet.error.is_none());
    let is_ok = refused.is_none() && error.is_none() && !troubled;
    let is_ok = is_ok && limits.error.is_none() && shares;
    let map = Map {
        digest: &prepared.map.digest,
        env: &prepared.map.env,
        age_seconds: age.as_secs(),
        checked_seconds_ago,
        error,
        refused: refused.as_deref(),
    };
    let load = doing.load;
    let requests = Requests { open: load.open(), limit: load.limit(), shed: load.shed() };
    let status = if is_ok { "ok" } else { "degraded" };
    let breakers = shown(prepared, doing.breakers);
    let version = env!("CARGO_PKG_VERSION");
    as_json(&Health { status, version, map, secrets, limits, requests, breakers, fleet })
}

#[cfg(feature = "aws")]
fn sharing(doing: &Doing<'_>) -> Option<Sharing> {
    let report = doing.fleet?.report();
    let for_seconds = report.trouble.as_ref().map(|(_, since)| since.as_secs());
    let error = report.trouble.map(|(why, _)| why);
    let breakers = if error.is_some() { "in_process" } else { "shared" };
    let heard_seconds_ago = report.read.map(|since| since.as_secs());
    Some(Sharing { breakers, heard_seconds_ago, error, for_seconds })
}

#[cfg(not(feature = "aws"))]
fn sharing(_: &Doing<'_>) -> Option<Sharing> {
    None
}

fn counting(limits: &Limits) -> Counting {
    let Report { counted, trouble } = limits.report();
    let for_seconds = trouble.as_ref().map(|(_, since)| since.as_secs());
    let error = trouble.map(|(why, _)| why);
    let counted = if error.is_some() { "in_process" } else { counted };
    Counting { counted, error, for_seconds }
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
