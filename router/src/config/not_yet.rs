//! What a map asks for and this version does not carry out.
//!
//! Owns the list, so that nobody relies on what does not happen; it shrinks with every version.

use model_map::{ModelMap, Role};

/// A thing that roles ask for: its name, whether a role does, and what happens in its place.
type Feature = (&'static str, fn(&Role) -> bool, &'static str);

const FEATURES: [Feature; 2] = [
    ("resume", |role| role.resume, "a broken answer ends with an error"),
    ("cache", |role| role.cache.is_some(), "no cache breakpoint is set"),
];

/// One sentence for each thing that is asked for and not carried out.
pub fn not_yet(map: &ModelMap) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, asks, instead) in FEATURES {
        let roles = map.roles.iter().filter(|(_, role)| asks(role)).map(|(name, _)| name.as_str());
        let roles: Vec<&str> = roles.collect();
        if !roles.is_empty() {
            let roles = roles.join(", ");
            lines.push(format!("`{name}` is not carried out yet: {instead} (roles {roles})"));
        }
    }
    lines
}
