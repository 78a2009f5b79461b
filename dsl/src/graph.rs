//! A map as a picture: each role, its arms and their chains.
//!
//! Owns what is in the picture; each form of it is drawn in a file of its own.

mod dot;
mod mermaid;
mod svg;

use model_map::{Arm, Model, ModelMap, Role};

use crate::spell;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// All that is drawn, in the order of the names.
#[derive(Debug)]
pub struct Picture {
    /// One a role.
    pub roles: Vec<RolePicture>,
    /// Every provider that a link leads to, in the order of their names.
    pub providers: Vec<String>,
}

/// A role.
#[derive(Debug)]
pub struct RolePicture {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub about: Option<String>,
    /// In the order in which they are tried.
    pub arms: Vec<ArmPicture>,
    /// What holds for all its arms: `total 5m`, `retry 1`, `hedge after 700ms`.
    pub notes: Vec<String>,
}

/// An arm.
#[derive(Debug)]
pub struct ArmPicture {
    /// When it is taken: `tokens > 200_000`, `otherwise`; none where there is no other.
    pub when: Option<String>,
    /// The first links with their percents, where one is drawn.
    pub draw: Vec<(u32, LinkPicture)>,
    /// The links that follow.
    pub chain: Vec<LinkPicture>,
}

/// A link.
#[derive(Debug, Clone)]
pub struct LinkPicture {
    /// The provider's name.
    pub provider: String,
    /// The provider's own identifier of the model.
    pub model: String,
    /// What is worth knowing of it: `1M tokens`, `$3 / $15`.
    pub facts: Vec<String>,
}

/// Gathers the picture of a map; of these roles alone, if there are any.
pub fn picture(map: &ModelMap, only: &[String]) -> Picture {
    let chosen = |name: &String| only.is_empty() || only.contains(name);
    let roles: Vec<_> = map
        .roles
        .iter()
        .filter(|(name, _)| chosen(name))
        .map(|(name, role)| role_picture(map, name, role))
        .collect();
    let links = roles.iter().flat_map(|role| &role.arms).flat_map(ArmPicture::links);
    let mut providers: Vec<_> = links.map(|link| link.provider.clone()).collect();
    providers.sort();
    providers.dedup();
    Picture { roles, providers }
}

impl ArmPicture {
    /// Its links, the drawn ones first.
    pub fn links(&self) -> impl Iterator<Item = &LinkPicture> {
        self.draw.iter().map(|(_, link)| link).chain(&self.chain)
    }
}

fn role_picture(map: &ModelMap, name: &str, role: &Role) -> RolePicture {
    let is_only = role.arms.len() == 1;
    let arms = role.arms.iter().map(|arm| arm_picture(map, arm, is_only)).collect();
    RolePicture { name: name.to_owned(), about: role.about.clone(), arms, notes: notes(role) }
}

fn arm_picture(map: &ModelMap, arm: &Arm, is_only: bool) -> ArmPicture {
    let when = match &arm.when {
        Some(condition) => Some(spell::condition(condition)),
        None if is_only => None,
        None => Some("otherwise".to_owned()),
    };
    let link = |key: &str| link_picture(key, map.models.get(key));
    ArmPicture {
        when,
        draw: arm.draw.iter().map(|share| (share.percent, link(&share.model))).collect(),
        chain: arm.chain.iter().map(|it| link(&it.model)).collect(),
    }
}

fn link_picture(key: &str, model: Option<&Model>) -> LinkPicture {
    let (provider, id) = key.split_once('/').unwrap_or(("", key));
    let window = model.and_then(|model| model.context_tokens).map(in_thousands);
    let price = model.and_then(|model| Some((model.price.input?, model.price.output?)));
    let price = price
        .map(|(input, output)| format!("{} / {}", spell::dollars(input), spell::dollars(output)));
    LinkPicture {
        provider: provider.to_owned(),
        model: id.to_owned(),
        facts: [window, price].into_iter().flatten().collect(),
    }
}

/// `200k`, `1M`, `1.05M`
fn in_thousands(tokens: u64) -> String {
    match tokens {
        1_000_000.. => {
            let hundredths = tokens / 10_000;
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            let fraction = format!("{rest:02}");
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { format!("{whole}M") } else { format!("{whole}.{fraction}M") }
        }
        1000.. => format!("{}k", tokens / 1000),
        _ => tokens.to_string(),
    }
}

fn notes(role: &Role) -> Vec<String> {
    let mut notes = vec![
        format!("total {}", spell::duration(role.timeouts.total)),
        format!("first token {}", spell::duration(role.timeouts.first_token)),
    ];
    if role.retry.count > 0 && !role.retry.on.is_empty() {
        notes.push(format!("retry {} on {}", role.retry.count, spell::classes(&role.retry.on)));
    }
    if let Some(after) = role.hedge_after {
        notes.push(format!("hedge after {}", spell::duration(after)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_short() {
        let all = [999, 8_192, 200_000, 1_000_000, 1_050_000, 2_000_000].map(in_thousands);
        assert_eq!(all, ["999", "8k", "200k", "1M", "1.05M", "2M"]);
    }
}
