//! From bytes to a map that can be served, or the reason why not.

mod role;

use std::fmt;

use serde_json::Value;

use crate::map::{FORMAT, ModelMap, Protocol, Provider};
use crate::seal::{digest, prompt_id};

/// Why a map is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// Not JSON, cut short among others.
    NotJson(String),
    /// A format that this version does not read.
    Format(String),
    /// The content is not what its digest was made over.
    Digest {
        /// The digest that the map names.
        named: String,
        /// The digest of its content.
        found: String,
    },
    /// JSON of another shape.
    Shape(String),
    /// A name without a referent, or a value that cannot be served.
    Content(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(to, "it is not whole JSON: {why}"),
            Self::Format(found) => write!(
                to,
                "its format is {found}, this version reads {FORMAT}: compile it again with the sfai-dsl of this version"
            ),
            Self::Digest { named, found } => write!(
                to,
                "its content was changed after it was compiled (digest {named}, content {found}): compile it again"
            ),
            Self::Shape(why) => write!(to, "it is not a model map: {why}"),
            Self::Content(why) => write!(to, "{why}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads and validates a map.
///
/// # Errors
/// When it is cut short, altered, of another format or shape, or names an unknown thing.
pub fn load(bytes: &[u8]) -> Result<ModelMap, LoadError> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| LoadError::NotJson(error.to_string()))?;
    check_format(&value)?;
    check_digest(&value)?;
    let map: ModelMap =
        serde_json::from_value(value).map_err(|error| LoadError::Shape(error.to_string()))?;
    check_content(&map).map_err(LoadError::Content)?;
    Ok(map)
}

fn check_format(value: &Value) -> Result<(), LoadError> {
    match value.get("format") {
        Some(format) if *format == FORMAT => Ok(()),
        Some(other) => Err(LoadError::Format(other.to_string())),
        None => Err(LoadError::Shape("it has no `format`".into())),
    }
}

fn check_digest(value: &Value) -> Result<(), LoadError> {
    let named = value.get("digest").and_then(Value::as_str).unwrap_or_default();
    let found = digest(value).map_err(|error| LoadError::Shape(error.to_string()))?;
    if named == found {
        return Ok(());
    }
    Err(LoadError::Digest { named: named.into(), found })
}

fn check_content(map: &ModelMap) -> Result<(), String> {
    for (name, provider) in &map.providers {
        check_provider(name, provider)?;
    }
    for (key, model) in &map.models {
        if !map.providers.contains_key(&model.provider) {
            return Err(format!("model `{key}` names the unknown provider `{}`", model.provider));
        }
    }
    for (id, text) in &map.prompts {
        if *id != prompt_id(text) {
            return Err(format!("prompt `{id}` is not the text that its id was made from"));
        }
    }
    for (name, client) in &map.clients {
        let allowed = client.allow.iter().flatten();
        if let Some(role) = allowed.into_iter().find(|role| !map.roles.contains_key(*role)) {
            return Err(format!("client `{name}` may ask for the unknown role `{role}`"));
        }
    }
    map.roles.iter().try_for_each(|(name, role)| role::check(map, name, role))
}

fn check_provider(name: &str, provider: &Provider) -> Result<(), String> {
    let Some(url) = &provider.base_url else {
        return match provider.protocol {
            Protocol::Bedrock | Protocol::Demo => Ok(()),
            Protocol::Anthropic | Protocol::Openai => {
                Err(format!("provider `{name}` has no base_url"))
            }
        };
    };
    if url.starts_with("https://") || provider.allow_plain_http || is_loopback_http(url) {
        return Ok(());
    }
    Err(format!(
        "provider `{name}` has the base_url `{url}`, which is neither https nor loopback: write https, or `allow plain_http` if that is meant"
    ))
}

/// Whether `url` is plain http to `localhost`, `127.0.0.0/8` or `[::1]`.
pub fn is_loopback_http(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    if let Some(after) = authority.strip_prefix("[::1]") {
        return after.is_empty() || after.starts_with(':');
    }
    let host = authority.split(':').next().unwrap_or_default();
    let is_loopback_v4 = host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    host.eq_ignore_ascii_case("localhost") || is_loopback_v4
}

#[cfg(test)]
mod tests;
