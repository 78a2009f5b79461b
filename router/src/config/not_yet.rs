//! What a map asks for and this version does not carry out.
//!
//! Owns the list, so that nobody relies on what does not happen; it shrinks with every version.

use model_map::ModelMap;

/// One sentence for each thing that is asked for and not carried out.
pub fn not_yet(map: &ModelMap) -> Vec<String> {
    let mut lines = Vec::new();
    let limited = map.clients.iter().filter(|(_, it)| it.budget.is_some() || !it.limits.is_empty());
    let limited: Vec<&str> = limited.map(|(name, _)| name.as_str()).collect();
    if !limited.is_empty() {
        let clients = limited.join(", ");
        lines.push(format!(
            "`limit` and `budget` are not carried out yet: nothing is counted (clients {clients})"
        ));
    }
    lines
}
