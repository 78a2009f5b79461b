//! LiteLLM's `config.yaml`.
//!
//! Owns what its lists and settings mean; the deployments are [`deployment`]'s.

mod deployment;
mod facts;
mod fallbacks;

use std::collections::{BTreeMap, BTreeSet};

use model_map::{Condition, FailureClass, NumberFact, NumberTest};

use super::ImportError;
use super::chain::{RETRIED, Role, Route, Times, fallback_on_filter, retry, shares};
use super::draft::Draft;
use super::input::Settings;
use crate::spell;
use deployment::{Deployment, Weighting};
use fallbacks::{Fallbacks, Named};

/// What holds for every role that does not say otherwise.
#[derive(Default)]
struct General {
    retries: Option<u32>,
    /// The count and the classes of a policy by kinds of errors, which goes before a count alone.
    policy: Option<Policy>,
    /// Those of roles.
    policies: BTreeMap<String, Policy>,
    times: Times,
    times_path: String,
}

/// Reads the whole file into `draft`.
pub(super) fn read(mut root: Settings, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    let mut groups: Vec<(String, Vec<Deployment>)> = Vec::new();
    for (path, value) in root.list("model_list")? {
        let Some((name, deployment)) = deployment::read(Settings::of(&path, value)?, draft)? else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(deployment),
            None => groups.push((name, vec![deployment])),
        }
    }
    let mut fallbacks = Fallbacks::default();
    let mut general = General::default();
    for name in ["router_settings", "litellm_settings"] {
        let mut section = root.section(name)?;
        fallbacks.read(&mut section, draft)?;
        general.read(&mut section, draft)?;
        section.leave(&mut draft.report);
    }
    root.section("general_settings")?.leave(&mut draft.report);
    root.leave(&mut draft.report);
    match (&general.policy, general.retries) {
        (Some((count, classes)), _) => draft.defaults.push(retry(*count, classes)),
        (None, Some(count)) => draft.defaults.push(retry(count, &RETRIED)),
        (None, None) => {}
    }
    let mut routes = Routes::new();
    for (name, all) in &groups {
        routes.insert(name.clone(), route(name, all, draft));
    }
    fallbacks.drop_aliases(|name| routes.contains_key(name), draft);
    fallbacks.leave(|name| routes.contains_key(name), draft);
    for (name, deployments) in groups {
        let reader = Reader { fallbacks: &fallbacks, routes: &routes, general: &general };
        if let Some(role) = reader.role(name, &deployments, draft) {
            draft.roles.push(role);
        }
    }
    add_aliases(&fallbacks, draft);
    Ok(())
}

/// The deployments of each role.
type Routes = BTreeMap<String, Route>;

/// What every role is made with.
struct Reader<'r> {
    fallbacks: &'r Fallbacks,
    routes: &'r Routes,
    general: &'r General,
}

impl Reader<'_> {
    fn role(
        &self,
        name: String,
        deployments: &[Deployment],
        draft: &mut Draft<'_>,
    ) -> Option<Role> {
        let mut route = self.routes.get(&name)?.clone();
        let own = draft.window(route.flat().iter().map(String::as_str));
        route.extend(self.links(&self.fallbacks.after(&name), draft));
        let refused = self.fallbacks.refused(&name);
        if let Some((path, _)) = refused.first() {
            let why = "its links follow any failure that falls back, not refused content alone";
            draft.report.add(path.as_str(), why);
            route.extend(self.links(&refused, draft));
        }
        let mut arms = Vec::new();
        let longer = self.fallbacks.longer(&name);
        if let Some((path, _)) = longer.first() {
            let links = self.links(&longer, draft);
            match own.filter(|_| !links.is_empty()) {
                Some(tokens) => {
                    let why = format!(
                        "a prompt over {} tokens, as the router estimates them, goes there at once",
                        spell::number(tokens)
                    );
                    draft.report.add(path.as_str(), why);
                    let mut route = Route::default();
                    route.extend(links);
                    arms.push((over(tokens), route));
                }
                None => {
                    let why = "the window before it is not known: its links follow any failure that \
                               falls back, not a too long prompt alone";
                    draft.report.add(path.as_str(), why);
                    route.extend(links);
                }
            }
        }
        if route.links() == 0 {
            return None;
        }
        let attempts = Route::longest(arms.iter().map(|(_, route)| route).chain([&route]));
        let mut statements = statements(&name, deployments, attempts, self.general, draft);
        if !refused.is_empty() {
            statements.insert(0, fallback_on_filter());
        }
        Some(Role { name, arms, route, statements, ..Role::default() })
    }

    /// The links of roles that come after another.
    fn links(&self, named: &[&Named], draft: &mut Draft<'_>) -> Vec<String> {
        let mut links = Vec::new();
        for (path, other) in named {
            match self.routes.get(self.fallbacks.meant(other)) {
                Some(route) => links.extend(route.flat()),
                None => {
                    let why = format!("`{other}` is no model of `model_list`");
                    draft.report.add(path.as_str(), why);
                }
            }
        }
        links
    }
}

fn over(tokens: u64) -> Condition {
    let at_least = Some(tokens.saturating_add(1));
    Condition::Number(NumberTest { at_least, at_most: None, fact: NumberFact::Tokens })
}

/// Other names, as roles that are like others.
fn add_aliases(fallbacks: &Fallbacks, draft: &mut Draft<'_>) {
    for (alias, (path, of)) in &fallbacks.aliases {
        if draft.roles.iter().any(|role| role.name == *of) {
            draft.roles.push(Role {
                name: alias.clone(),
                about: Some(format!("Another name of {of}")),
                like: Some(of.clone()),
                ..Role::default()
            });
        } else {
            let why = format!("left out: `{of}` is no model of `model_list`");
            draft.report.add(path.as_str(), why);
        }
    }
}

/// How often, and after what.
type Policy = (u32, Vec<FailureClass>);

/// The kinds of errors that LiteLLM counts retries of, and ours; none where it is never retried.
const POLICY: [(&str, Option<&[FailureClass]>); 6] = [
    ("RateLimitErrorRetries", Some(&[FailureClass::RateLimit])),
    ("InternalServerErrorRetries", Some(&[FailureClass::Overloaded, FailureClass::ServerError])),
    ("TimeoutErrorRetries", None),
    ("AuthenticationErrorRetries", None),
    ("BadRequestErrorRetries", None),
    ("ContentPolicyViolationErrorRetries", None),
];

fn policy(mut from: Settings, draft: &mut Draft<'_>) -> Result<Option<Policy>, ImportError> {
    let (mut counts, mut classes) = (BTreeSet::new(), Vec::new());
    for (key, ours) in POLICY {
        let Some(count) = from.whole(key)?.filter(|count| *count > 0) else { continue };
        match ours {
            Some(those) => {
                counts.insert(count);
                classes.extend_from_slice(those);
            }
            None => draft.report.add(from.at(key), "not carried over: this is never retried"),
        }
    }
    let path = from.path().to_owned();
    from.leave(&mut draft.report);
    if counts.len() > 1 {
        draft.report.add(path, "has several counts; the greatest holds for all of its errors");
    }
    Ok(counts.last().map(|count| (*count, classes)))
}

impl General {
    /// What is read first counts: the router's own settings.
    fn read(&mut self, section: &mut Settings, draft: &mut Draft<'_>) -> Result<(), ImportError> {
        let of_all = policy(section.section("retry_policy")?, draft)?;
        self.policy = self.policy.take().or(of_all);
        let mut of_roles = section.section("model_group_retry_policy")?;
        for role in of_roles.keys() {
            if let Some(policy) = policy(of_roles.section(&role)?, draft)? {
                self.policies.entry(role).or_insert(policy);
            }
        }
        let retries = section.whole("num_retries")?;
        self.retries = self.retries.or(retries);
        for key in ["timeout", "request_timeout"] {
            let time = section.time(key, 1.0)?;
            if self.times.attempt.is_none() && time.is_some() {
                self.times.attempt = time;
                self.times_path = section.at(key);
            }
        }
        let first = section.time("stream_timeout", 1.0)?;
        self.times.first = self.times.first.or(first);
        Ok(())
    }
}

/// The deployments of one name: by `order` where one has it, else drawn by weight.
fn route(name: &str, deployments: &[Deployment], draft: &mut Draft<'_>) -> Route {
    let mut sorted: Vec<&Deployment> = deployments.iter().collect();
    sorted.sort_by_key(|one| one.order.unwrap_or(u32::MAX));
    let order = sorted.first().and_then(|one| one.order);
    let (first, later): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|one| one.order == order);
    let by = Weighting::of(&first);
    let weighted = first.iter().map(|one| (one.path.clone(), one.weight(by), one.alias.clone()));
    let first = shares(weighted.collect(), &mut draft.report);
    if first.len() > 1 {
        let why = format!("a retry of `{name}` stays with the deployment that was drawn");
        draft.report.add("model_list", why);
    }
    if later.windows(2).any(|two| matches!(two, [one, next] if one.order == next.order)) {
        let why = format!(
            "of `{name}`, only those that come first are drawn; the others follow one another"
        );
        draft.report.add("model_list", why);
    }
    let mut route = Route { first, chain: Vec::new() };
    route.extend(later.into_iter().map(|one| one.alias.clone()));
    route
}

fn statements(
    name: &str,
    deployments: &[Deployment],
    links: usize,
    general: &General,
    draft: &mut Draft<'_>,
) -> Vec<String> {
    let mut statements = Vec::new();
    let mut retries = deployments.iter().filter_map(|one| one.retries).max();
    let is_usual = general.policy.is_none() && general.retries == retries;
    if let Some((count, classes)) = general.policies.get(name) {
        retries = Some(*count);
        statements.push(retry(*count, classes));
    } else if let Some(own) = retries.filter(|_| !is_usual) {
        statements.push(retry(own, &RETRIED));
    }
    let attempt = deployments.iter().filter_map(|one| one.times.attempt).max();
    let slowest = deployments.iter().find(|one| one.times.attempt == attempt && attempt.is_some());
    let path = slowest.map_or(&general.times_path, |one| &one.times_path);
    find_unlike(name, deployments, draft);
    let first = deployments.iter().filter_map(|one| one.times.first).max();
    let times =
        Times { first: first.or(general.times.first), attempt: attempt.or(general.times.attempt) };
    let of_policy = general.policy.as_ref().map(|(count, _)| *count);
    let usual = of_policy.or(general.retries);
    let tries = retries.or(usual).unwrap_or(0).saturating_add(1) as usize;
    let attempts = links.saturating_mul(tries);
    statements.extend(times.text(path, attempts, &mut draft.report));
    let mut sets = deployments.iter().map(|one| &one.set);
    if let Some(set) = sets.next() {
        if sets.all(|other| other == set) {
            if !set.is_empty() {
                statements.push(format!("set {}", set.join(", ")));
            }
        } else {
            let why = format!(
                "the deployments of `{name}` set different parameters; a role has one set for all"
            );
            draft.report.add("model_list", why);
        }
    }
    statements
}

/// Reports what deployments say each for itself and a role says for all of them.
fn find_unlike(name: &str, deployments: &[Deployment], draft: &mut Draft<'_>) {
    let Some(first) = deployments.first() else { return };
    if deployments.iter().any(|one| (one.retries, one.times) != (first.retries, first.times)) {
        let why = format!(
            "the deployments of `{name}` have different retries or timeouts; the greatest hold for \
             the role"
        );
        draft.report.add("model_list", why);
    }
}
