//! What clients must be told of a map's roles: the settings of editors and tools.
//!
//! Owns what is true of each role to a client; how it is written is the modules' below, one file a
//! client. It asks the planner that the router asks, so that no promise is made twice.

mod aider;
mod continue_dev;
mod lines;
mod opencode;

use std::collections::BTreeSet;
use std::fmt;

use model_map::{Ability, ModelEndpoint, ModelMap, Role, may_ask, usable_context};

pub use aider::{aider, aider_models};
pub use continue_dev::continue_dev;
pub use lines::lines;
pub use opencode::opencode;

/// The environment variable that clients are told to take their key from.
pub const KEY: &str = "SFAI_API_KEY";

/// What a setting is written for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Where the router is.
    pub url: Url,
    /// Only these, in this order; all in the map's order when there is none.
    pub roles: &'a [String],
    /// The roles that complete code; those whose name says so when there is none.
    pub autocomplete: &'a [String],
    /// The role for small chores, written whether it is among `roles` or not.
    pub small: Option<&'a str>,
    /// Only the roles that this client may ask for.
    pub client: Option<&'a str>,
}

/// The address of a router, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Reads what people write: with or without `/v1`, with or without a slash at its end.
    ///
    /// # Errors
    /// When it is no address; the text says what is missing.
    pub fn read(written: &str) -> Result<Self, String> {
        let bare = written.trim_end_matches('/');
        let bare = bare.strip_suffix("/v1").unwrap_or(bare).trim_end_matches('/');
        let rest = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
            return Err(format!("`{written}` is no address: it begins with https:// or http://"));
        };
        let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
        if rest.contains(is_odd) || rest.contains(['?', '#', '@', '"', '\\', '$', '`']) {
            return Err(format!("`{written}` is no address: it holds what none has"));
        }
        Ok(Self(bare.to_owned()))
    }

    /// What OpenAI's clients take for their base.
    fn v1(&self) -> String {
        format!("{}/v1", self.0)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// A role as its clients meet it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer<'m> {
    /// What stands in `"model"`.
    pub name: &'m str,
    /// One line for people.
    pub about: Option<&'m str>,
    /// What it promises to take beside text.
    pub accept: &'m BTreeSet<Ability>,
    /// The longest conversation that every link takes which it can reach, in tokens; none where a
    /// model's window is unknown.
    pub context: Option<u64>,
    /// The longest answer: what the role sets, else what each model it reaches can give.
    pub output: Option<u64>,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it is the one for small chores: titles, summaries, commit messages.
    pub is_small: bool,
}

/// What a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Conversations.
    Chat,
    /// Code between what stands before and after the cursor.
    Autocomplete,
    /// Vectors of texts.
    Embed,
}

/// The roles that are wanted.
///
/// # Errors
/// The first name that is wanted and that the map does not have, or not for this client.
pub fn offers<'m>(map: &'m ModelMap, wanted: &Wanted<'_>) -> Result<Vec<Offer<'m>>, String> {
    let allowed = |name: &str| may_ask(map, wanted.client, name);
    let find = |name: &str| {
        let found = map.roles.get_key_value(name).filter(|(name, _)| allowed(name));
        found.ok_or_else(|| name.to_owned())
    };
    for name in wanted.autocomplete {
        find(name)?;
    }
    let small = wanted.small.map(find).transpose()?;
    let roles: Vec<(&String, &Role)> = if wanted.roles.is_empty() {
        map.roles.iter().filter(|(name, _)| allowed(name)).collect()
    } else {
        let named = wanted.roles.iter().map(|name| find(name));
        let mut named = named.collect::<Result<Vec<_>, _>>()?;
        named.extend(small.filter(|(small, _)| !wanted.roles.contains(small)));
        named
    };
    Ok(roles.into_iter().map(|(name, role)| offer(map, name, role, wanted)).collect())
}

fn offer<'m>(map: &'m ModelMap, name: &'m str, role: &'m Role, wanted: &Wanted<'_>) -> Offer<'m> {
    Offer {
        name,
        about: role.about.as_deref(),
        accept: &role.accept,
        context: usable_context(map, name, role, wanted.client),
        output: output(map, role),
        purpose: purpose(map, name, role, wanted),
        is_small: wanted.small == Some(name),
    }
}

/// What a role is wanted for, else what its models can do, else what its name says.
fn purpose(map: &ModelMap, name: &str, role: &Role, wanted: &Wanted<'_>) -> Purpose {
    const TALKS: [ModelEndpoint; 2] = [ModelEndpoint::Chat, ModelEndpoint::Responses];
    const COMPLETES: [ModelEndpoint; 2] = [ModelEndpoint::Completions, ModelEndpoint::Fim];
    let all_lack = |endpoints: [ModelEndpoint; 2]| {
        models(role).all(|name| {
            let model = map.models.get(name);
            model.is_some_and(|model| endpoints.iter().all(|one| model.lacks(*one)))
        })
    };
    let completes = match wanted.autocomplete {
        [] => says_autocomplete(name),
        named => named.iter().any(|one| one == name),
    };
    match (all_lack(TALKS), all_lack(COMPLETES)) {
        (true, true) => Purpose::Embed,
        (true, false) => Purpose::Autocomplete,
        (false, _) if completes => Purpose::Autocomplete,
        (false, _) => Purpose::Chat,
    }
}

/// Whether a role's name says that it completes code: no statement of the language does.
fn says_autocomplete(name: &str) -> bool {
    const WORDS: [&str; 5] = ["autocomplete", "completion", "completions", "fim", "tab"];
    let name = name.to_lowercase();
    name.split(|letter: char| !letter.is_alphanumeric()).any(|word| WORDS.contains(&word))
}

fn models(role: &Role) -> impl Iterator<Item = &String> {
    role.arms.iter().flat_map(|arm| {
        let drawn = arm.draw.iter().map(|share| &share.model);
        drawn.chain(arm.chain.iter().map(|link| &link.model))
    })
}

/// What the role sets and its bound allows, else the least that each of its models can give.
fn output(map: &ModelMap, role: &Role) -> Option<u64> {
    let bound = role.limits.max_tokens.map(u64::from);
    let set = role.parameters.max_tokens.map(u64::from);
    if let Some(set) = set {
        return Some(bound.map_or(set, |bound| bound.min(set)));
    }
    let each: Option<Vec<u64>> =
        models(role).map(|model| map.models.get(model)?.output_tokens).collect();
    let least = each.and_then(|each| each.into_iter().min());
    match (least, bound) {
        (Some(least), Some(bound)) => Some(least.min(bound)),
        (least, bound) => least.or(bound),
    }
}

/// A text as a JSON string, which YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
