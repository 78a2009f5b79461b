//! Names for what a map knows by content or by key alone.

use std::collections::{BTreeMap, BTreeSet};

use model_map::{ModelMap, Role};

/// The made-up names of a map's models and prompts.
pub(super) struct Names {
    models: BTreeMap<String, String>,
    prompts: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn of(map: &ModelMap) -> Self {
        let mut taken = BTreeSet::new();
        let models = map.models.iter().map(|(key, model)| {
            let name = free(&identifier(&model.id), &mut taken);
            (key.clone(), name)
        });
        let models = models.collect();
        let mut taken = BTreeSet::new();
        let prompts = map.prompts.keys().map(|id| {
            let name = free(&identifier(&wish(map, id)), &mut taken);
            (id.clone(), name)
        });
        Self { models, prompts: prompts.collect() }
    }

    /// The alias of a model by its key.
    pub(super) fn model(&self, key: &str) -> &str {
        self.models.get(key).map_or("unknown", String::as_str)
    }

    /// The name of a prompt by its id.
    pub(super) fn prompt(&self, id: &str) -> &str {
        self.prompts.get(id).map_or("unknown", String::as_str)
    }
}

/// A prompt is named for the one role that has it, else `shared`.
fn wish(map: &ModelMap, id: &str) -> String {
    let has = |role: &Role| {
        let systems = role.guards.iter().filter_map(|guard| guard.system.as_ref());
        systems.chain([&role.system]).any(|system| system.prompts.iter().any(|it| it == id))
    };
    let mut users = map.roles.iter().filter(|(_, role)| has(role)).map(|(name, _)| name);
    match (users.next(), users.next()) {
        (Some(only), None) => only.clone(),
        _ => "shared".to_owned(),
    }
}

/// A name without quotes that is near to `wish`: `gpt-5.4` becomes `gpt-5_4`.
pub(crate) fn identifier(wish: &str) -> String {
    let mut name: String =
        wish.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    if name.ends_with('-') {
        name.push('_');
    }
    name
}

/// The name, or with a number the first one that is not taken.
pub(crate) fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}_{number}"));
    let mut all = std::iter::once(name.to_owned()).chain(numbered);
    let found = all.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_near_and_their_own() {
        assert_eq!(identifier("gpt-5.4"), "gpt-5_4");
        assert_eq!(identifier("openai/gpt-oss-20b"), "openai_gpt-oss-20b");
        assert_eq!(identifier("3.5-"), "_3_5-_");
        let mut taken = BTreeSet::new();
        let names: Vec<_> = ["a", "a", "a_2"].map(|name| free(name, &mut taken)).into();
        assert_eq!(names, ["a", "a_2", "a_2_2"]);
    }
}
