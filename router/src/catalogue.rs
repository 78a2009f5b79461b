//! What the router says of itself: its roles, its health.

use std::time::SystemTime;

use http::{Response, StatusCode};
use model_map::{ModelMap, Role};
use serde::Serialize;

use crate::answer::Answer;
use crate::config::Prepared;
use crate::respond;

/// Names shown in an error are no more than these.
const SHOWN_ROLES: usize = 20;

#[derive(Serialize)]
struct Models<'a> {
    object: &'static str,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
    data: Vec<Model<'a>>,
}

/// A role in the shape that both OpenAI and Anthropic give a model, with what it is for.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: &'a str,
    created_at: String,
    created: u64,
    owned_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    /// The longest conversation that the role takes, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    /// What the role promises to take besides text.
    capabilities: Vec<&'static str>,
}

/// `GET /v1/models`.
#[inline(never)]
pub(crate) fn models(prepared: &Prepared, client: Option<&str>) -> Response<Answer> {
    let data = allowed(&prepared.map, client).map(|role| model(prepared, role, client));
    let data: Vec<Model<'_>> = data.collect();
    let [first_id, last_id] = [data.first(), data.last()].map(|model| model.map(|it| it.id));
    as_json(&Models { object: "list", first_id, last_id, has_more: false, data })
}

/// `GET /v1/models/{role}`: `path` is what follows the last slash but one.
#[inline(never)]
pub(crate) fn one_model(prepared: &Prepared, path: &str, client: Option<&str>) -> Response<Answer> {
    let name = decoded(path);
    match allowed(&prepared.map, client).find(|(id, _)| **id == name) {
        Some(role) => as_json(&model(prepared, role, client)),
        None => unknown_role(prepared, &name, client),
    }
}

fn model<'a>(
    prepared: &'a Prepared,
    (id, role): (&'a String, &'a Role),
    client: Option<&str>,
) -> Model<'a> {
    let created = unix_seconds(prepared.loaded_at);
    let instant = jiff::Timestamp::from_second(i64::try_from(created).unwrap_or(0));
    Model {
        id,
        object: "model",
        kind: "model",
        display_name: id,
        created_at: instant.unwrap_or_default().to_string(),
        created,
        owned_by: "sfai",
        about: role.about.as_deref(),
        context_window: model_map::usable_context(&prepared.map, id, role, client),
        capabilities: role.accept.iter().map(|ability| ability.name()).collect(),
    }
}

/// A part of a path without its percent signs; what is none of them stays.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The roles that a client may ask for.
fn allowed<'m>(
    map: &'m ModelMap,
    client: Option<&str>,
) -> impl Iterator<Item = (&'m String, &'m Role)> {
    map.roles.iter().filter(move |(name, _)| model_map::may_ask(map, client, name))
}

/// The answer to a request for a role that the map does not have, or not for this client.
#[cold]
pub(crate) fn unknown_role(
    prepared: &Prepared,
    name: &str,
    client: Option<&str>,
) -> Response<Answer> {
    let names = allowed(&prepared.map, client).map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.take(SHOWN_ROLES).collect();
    let message = format!(
        "The model `{name}` does not exist: here it is a role. Known: {}.",
        names.join(", ")
    );
    respond::refuse(StatusCode::NOT_FOUND, "model_not_found", message)
}

fn as_json(value: &impl Serialize) -> Response<Answer> {
    match serde_json::to_vec(value) {
        Ok(body) => respond::json(StatusCode::OK, body),
        Err(error) => {
            respond::refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string())
        }
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
