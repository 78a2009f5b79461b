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
    data: Vec<Model<'a>>,
}

/// A role in OpenAI's shape of a model, with what it is for.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    /// Of the first arm's first model, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
}

/// `GET /v1/models`.
pub(crate) fn models(prepared: &Prepared, client: Option<&str>) -> Response<Answer> {
    let map = &prepared.map;
    let created = unix_seconds(prepared.loaded_at);
    let data = allowed(map, client).map(|(id, role)| {
        let first = first_model(role).and_then(|model| map.models.get(model));
        Model {
            id,
            object: "model",
            created,
            owned_by: "sfai",
            about: role.about.as_deref(),
            context_window: first.and_then(|model| model.context_tokens),
        }
    });
    as_json(&Models { object: "list", data: data.collect() })
}

/// The roles that a client may ask for.
fn allowed<'m>(
    map: &'m ModelMap,
    client: Option<&str>,
) -> impl Iterator<Item = (&'m String, &'m Role)> {
    map.roles.iter().filter(move |(name, _)| model_map::may_ask(map, client, name))
}

/// The first model of the first arm; where it is drawn, the one that most requests get.
fn first_model(role: &Role) -> Option<&String> {
    let arm = role.arms.first()?;
    let drawn = arm.draw.iter().rev().max_by_key(|share| share.percent);
    drawn.map(|share| &share.model).or(arm.chain.first().map(|link| &link.model))
}

/// The answer to a request for a role that the map does not have, or not for this client.
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
