//! A hand-written map from roles to models.
//!
//! Owns that simple shape; our own maps are [`crate::decompile`]'s.

use serde_json::Value;

use super::ImportError;
use super::chain::{Role, Route, Times, parameters};
use super::draft::{Draft, Key, Provider};
use super::input::{Settings, no_secret, wrong};
use super::vendor;

/// Reads the whole file into `draft`.
pub(super) fn read(mut root: Settings, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    for name in root.keys() {
        let value = root.value(&name).unwrap_or_default();
        let path = root.at(&name);
        no_secret(&path, &name)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(wrong(&path, "is no name of a role"));
        }
        if !matches!(value, Value::Object(_)) {
            return Err(wrong(&path, "must be an object with `provider` and `model`"));
        }
        let role = role(&name, Settings::of(&path, value)?, draft)?;
        draft.roles.push(role);
    }
    Ok(())
}

fn role(name: &str, mut from: Settings, draft: &mut Draft<'_>) -> Result<Role, ImportError> {
    let (word, id) = (from.needed("provider")?, from.needed("model")?);
    let own = provider(&from.at("provider"), &word)?;
    let first = draft.model(&from.at("model"), own, &id, Vec::new())?;
    let mut route = Route { first: vec![(100, first)], chain: Vec::new() };
    for (path, target) in from.texts("fallbacks")? {
        let Some((word, id)) = target.split_once('/') else {
            return Err(wrong(&path, "must be written `provider/model`"));
        };
        let other = provider(&path, word)?;
        route.extend([draft.model(&path, other, id, Vec::new())?]);
    }
    let system = from
        .text("system_prompt")?
        .filter(|it| !it.trim().is_empty())
        .map(|prompt| draft.prompt(name, &prompt));
    let mut statements = Vec::new();
    let set = parameters(&mut from, &mut draft.report)?;
    if !set.is_empty() {
        statements.push(format!("set {}", set.join(", ")));
    }
    let path = from.at("timeout");
    let times = Times { first: None, attempt: from.time("timeout", 1.0)? };
    statements.extend(times.text(&path, route.links(), &mut draft.report));
    let about = match from.text("about")? {
        Some(about) => Some(about),
        None => from.text("description")?,
    };
    from.leave(&mut draft.report);
    Ok(Role { name: name.to_owned(), about, system, route, statements, ..Role::default() })
}

fn provider(path: &str, word: &str) -> Result<Provider, ImportError> {
    let found = vendor::named(word).filter(|it| !it.url.is_empty() || it.protocol == "bedrock");
    let Some(vendor) = found else {
        return Err(wrong(path, "is no provider that is known here by its name alone"));
    };
    let url = (!vendor.url.is_empty()).then(|| vendor.url.to_owned());
    let key = if vendor.key.is_empty() { Key::None } else { Key::Env(vendor.key.to_owned()) };
    Ok(Provider::new(vendor.name, vendor.protocol, url, key))
}
