//! Roles: links, shares, and the statements that several formats have in common.
//!
//! Owns how they are put into words; where they come from is for the reader of each format.

use std::fmt::Write;
use std::time::Duration;

use model_map::{Condition, FailureClass, usual_fallback};

use super::input::Settings;
use super::{ImportError, Report};
use crate::catalogue::effort;
use crate::spell;

/// A role that is being written.
#[derive(Debug, Default)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) about: Option<String>,
    /// The role that it is but another name of; then it has no route of its own.
    pub(super) like: Option<String>,
    pub(super) system: Option<String>,
    /// What comes before `route`, each with its condition.
    pub(super) arms: Vec<(Condition, Route)>,
    pub(super) route: Route,
    pub(super) statements: Vec<String>,
}

/// Links by their aliases.
#[derive(Debug, Default, Clone)]
pub(super) struct Route {
    /// The first link with its share of a hundred; one alone is no draw.
    pub(super) first: Vec<(u32, String)>,
    pub(super) chain: Vec<String>,
}

impl Route {
    pub(super) fn links(&self) -> usize {
        self.chain.len() + usize::from(!self.first.is_empty())
    }

    /// The longest chain of a request: what comes after a draw comes after each of it.
    pub(super) fn longest<'r>(routes: impl IntoIterator<Item = &'r Self>) -> usize {
        routes.into_iter().map(Self::links).max().unwrap_or(0)
    }

    /// Every target once, the heavier of a draw first.
    pub(super) fn flat(&self) -> Vec<String> {
        let mut first: Vec<_> = self.first.iter().collect();
        first.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
        first.into_iter().map(|(_, alias)| alias).chain(&self.chain).cloned().collect()
    }

    /// Adds links that are not there yet.
    pub(super) fn extend(&mut self, links: impl IntoIterator<Item = String>) {
        for link in links {
            let is_first = matches!(self.first.as_slice(), [(_, only)] if *only == link);
            if !is_first && !self.chain.contains(&link) {
                self.chain.push(link);
            }
        }
    }

    fn text(&self) -> String {
        let draw: Vec<_> = match self.first.as_slice() {
            [(_, only)] => vec![only.clone()],
            many => many.iter().map(|(share, alias)| format!("{share}% {alias}")).collect(),
        };
        let first = (!draw.is_empty()).then(|| draw.join(" | "));
        first.into_iter().chain(self.chain.iter().cloned()).collect::<Vec<_>>().join(" -> ")
    }
}

impl Role {
    pub(super) fn push(&self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nrole {}", name(&self.name));
        if let Some(like) = &self.like {
            let _ = write!(text, " like {}", name(like));
        }
        text.push_str(" {\n");
        if let Some(about) = &self.about {
            let _ = writeln!(text, "  about {}", spell::string(about));
        }
        if let Some(system) = &self.system {
            let _ = writeln!(text, "  system {system}");
        }
        for (when, route) in &self.arms {
            let _ = writeln!(text, "  when {} route {}", spell::condition(when), route.text());
        }
        if self.like.is_none() {
            let keyword = if self.arms.is_empty() { "route" } else { "otherwise route" };
            let _ = writeln!(text, "  {keyword} {}", self.route.text());
        }
        for statement in &self.statements {
            let _ = writeln!(text, "  {statement}");
        }
        text.push_str("}\n");
    }
}

/// A role's name; in quotes wherever clients may take it for a vendor's: they asked for it so far.
fn name(name: &str) -> String {
    match spell::name(name) {
        bare if bare.starts_with("gpt") || bare.starts_with('o') => spell::string(&bare),
        other => other,
    }
}

/// Weights as whole shares of a hundred, the same targets added up, in the order of their first
/// coming. Those without weight are reported and left out; none if that leaves nobody.
pub(super) fn shares(
    weighted: Vec<(String, f64, String)>,
    report: &mut Report,
) -> Vec<(u32, String)> {
    let mut added: Vec<(f64, String)> = Vec::new();
    for (path, weight, alias) in weighted {
        if weight <= 0.0 {
            report.add(path, "has no weight, is never drawn and was left out");
        } else if let Some((sum, _)) = added.iter_mut().find(|(_, known)| *known == alias) {
            *sum += weight;
        } else {
            added.push((weight, alias));
        }
    }
    if added.len() > 100 {
        report.add("", "a draw has at most a hundred targets; the others were left out");
        added.truncate(100);
    }
    let total: f64 = added.iter().map(|(weight, _)| weight).sum();
    let mut parts: Vec<(u32, f64, String)> = added
        .into_iter()
        .map(|(weight, alias)| {
            let exact = weight / total * 100.0;
            // At least one: a share of none would leave a target out.
            let whole = exact.floor().max(1.0);
            (whole as u32, exact - whole, alias)
        })
        .collect();
    settle(&mut parts);
    parts.into_iter().map(|(share, _, alias)| (share, alias)).collect()
}

/// Makes the shares add up to a hundred: one each to those that were rounded down most, or from
/// those that have too much.
fn settle(parts: &mut [(u32, f64, String)]) {
    loop {
        let sum: u32 = parts.iter().map(|(share, _, _)| share).sum();
        let by_rest = |one: &&mut (u32, f64, String), other: &&mut (u32, f64, String)| {
            one.1.total_cmp(&other.1)
        };
        let changed = match sum.cmp(&100) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Less => parts.iter_mut().rev().max_by(by_rest).map(|it| (it, true)),
            std::cmp::Ordering::Greater => {
                parts.iter_mut().filter(|it| it.0 > 1).min_by(by_rest).map(|it| (it, false))
            }
        };
        match changed {
            Some((part, true)) => {
                part.0 += 1;
                part.1 -= 1.0;
            }
            Some((part, false)) => {
                part.0 -= 1;
                part.1 += 1.0;
            }
            None => return,
        }
    }
}

/// The parameters of a request that a role can set, as `set` takes them.
pub(super) fn parameters(
    from: &mut Settings,
    report: &mut Report,
) -> Result<Vec<String>, ImportError> {
    let mut all = Vec::new();
    for key in ["max_tokens", "max_completion_tokens"] {
        match from.whole(key)? {
            Some(0) => report.add(from.at(key), "not carried over: it must be at least 1"),
            Some(tokens) => all.push(format!("max_tokens {}", spell::number(tokens.into()))),
            None => {}
        }
    }
    all.dedup_by_key(|entry| entry.split(' ').next().map(str::to_owned));
    for (key, most) in [("temperature", 2.0), ("top_p", 1.0)] {
        match from.number(key)? {
            Some(number) if number > most => {
                report.add(from.at(key), format!("not carried over: it must be at most {most}"));
            }
            Some(number) => all.push(format!("{key} {number}")),
            None => {}
        }
    }
    if let Some(word) = from.text("reasoning_effort")? {
        match effort(&word) {
            Some(effort) => all.push(format!("reasoning_effort {}", spell::effort(effort))),
            None => report.add(from.at("reasoning_effort"), "not carried over: it is no effort"),
        }
    }
    Ok(all)
}

/// How long other routers let one attempt run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// Until its first token.
    pub(super) first: Option<Duration>,
    /// Until its end.
    pub(super) attempt: Option<Duration>,
}

/// What the language gives an attempt until its first token.
const USUAL_FIRST: Duration = Duration::from_secs(20);
/// What no request of the widest platform may exceed.
const LONGEST: Duration = Duration::from_secs(15 * 60);

impl Times {
    /// A statement, where there is something to say. `total` is for all attempts here.
    pub(super) fn text(self, path: &str, attempts: usize, report: &mut Report) -> Option<String> {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let total = self.attempt.map(|one| one.saturating_mul(attempts).min(LONGEST));
        let first = self.first.or(self.attempt.filter(|time| *time < USUAL_FIRST));
        let first = first.map(|first| total.map_or(first, |total| first.min(total)));
        if total.is_some() {
            let why = "is for one attempt there; here `total` is for all of a chain, at most 15m";
            report.add(path, why);
        }
        let all = [("first_token", first), ("total", total)];
        let all = all.into_iter().filter_map(|(key, time)| Some((key, spell::duration(time?))));
        let all: Vec<_> = all.map(|(key, time)| format!("{key} {time}")).collect();
        (!all.is_empty()).then(|| format!("timeout {}", all.join(", ")))
    }
}

/// `retry 2 on …`
pub(super) fn retry(count: u32, classes: &[FailureClass]) -> String {
    if count == 0 || classes.is_empty() {
        return "retry 0".to_owned();
    }
    format!("retry {count} on {}", spell::classes(classes))
}

/// `fallback on …` with what usually leads on, and refused content too.
pub(super) fn fallback_on_filter() -> String {
    let mut classes = usual_fallback();
    classes.insert(FailureClass::ContentFilter);
    format!("fallback on {}", spell::classes(&classes))
}

/// The failures that are tried again at all.
pub(super) const RETRIED: [FailureClass; 4] = [
    FailureClass::Network,
    FailureClass::RateLimit,
    FailureClass::Overloaded,
    FailureClass::ServerError,
];
