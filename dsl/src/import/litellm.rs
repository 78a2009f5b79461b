//! LiteLLM's `config.yaml`.
//!
//! Owns what its lists and settings mean; the deployments are [`deployment`]'s.

mod deployment;

use std::collections::BTreeMap;

use serde_json::Value;

use super::ImportError;
use super::chain::{RETRIED, Role, Route, Times, retry, shares};
use super::draft::Draft;
use super::input::{Settings, wrong};
use deployment::{Deployment, Weighting};

/// Which roles come after a role's own deployments.
#[derive(Default)]
struct Fallbacks {
    /// By role: where it is said, and the roles.
    by_role: BTreeMap<String, Vec<(String, String)>>,
    /// Those for prompts that are too long, likewise.
    longer: BTreeMap<String, Vec<(String, String)>>,
    default: Vec<(String, String)>,
}

/// What holds for every role that does not say otherwise.
#[derive(Default)]
struct General {
    retries: Option<u32>,
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
        general.read(&mut section)?;
        section.leave(&mut draft.report);
    }
    root.section("general_settings")?.leave(&mut draft.report);
    root.leave(&mut draft.report);
    if let Some(count) = general.retries {
        draft.defaults.push(retry(count, &RETRIED));
    }
    let routes: Vec<_> =
        groups.iter().map(|(name, all)| (name.clone(), route(name, all, draft))).collect();
    for (name, deployments) in groups {
        let Some((_, route)) = routes.iter().find(|(known, _)| *known == name) else { continue };
        let mut route = route.clone();
        for (path, other) in fallbacks.of(&name) {
            match routes.iter().find(|(known, _)| known == other) {
                Some((_, other)) => route.extend(other.flat()),
                None => draft.report.add(path, format!("`{other}` is no model of `model_list`")),
            }
        }
        if route.links() == 0 {
            continue;
        }
        let statements = statements(&name, &deployments, &route, &general, draft);
        draft.roles.push(Role { name, route, statements, ..Role::default() });
    }
    Ok(())
}

impl Fallbacks {
    fn read(&mut self, section: &mut Settings, draft: &mut Draft<'_>) -> Result<(), ImportError> {
        self.default.extend(section.texts("default_fallbacks")?);
        for (path, value) in section.list("fallbacks")? {
            for (role, others) in entry(&path, value, draft)? {
                if role == "*" {
                    self.default.extend(others);
                } else {
                    self.by_role.entry(role).or_default().extend(others);
                }
            }
        }
        for (path, value) in section.list("context_window_fallbacks")? {
            let why = "its links follow any failure that falls back, not a too long prompt alone";
            draft.report.add(&path, why);
            for (role, others) in entry(&path, value, draft)? {
                self.longer.entry(role).or_default().extend(others);
            }
        }
        Ok(())
    }

    fn of<'f>(&'f self, role: &str) -> impl Iterator<Item = &'f (String, String)> {
        let role = role.to_owned();
        let own = self.by_role.get(&role).unwrap_or(&self.default);
        let longer = self.longer.get(&role).into_iter().flatten();
        own.iter().chain(longer).filter(move |(_, other)| *other != role)
    }
}

/// Roles, and those that come after each of them.
type Others = Vec<(String, Vec<(String, String)>)>;

fn entry(path: &str, value: Value, draft: &mut Draft<'_>) -> Result<Others, ImportError> {
    let mut entry = Settings::of(path, value)?;
    let mut all = Vec::new();
    for role in entry.keys() {
        let mut others = Vec::new();
        for (path, other) in entry.list(&role)? {
            match other {
                Value::String(other) => others.push((path, other)),
                Value::Object(_) => {
                    let why = "a fallback with settings of its own is not carried over";
                    draft.report.add(path, why);
                }
                _ => return Err(wrong(&path, "must be the name of a model")),
            }
        }
        all.push((role, others));
    }
    Ok(all)
}

impl General {
    /// What is read first counts: the router's own settings.
    fn read(&mut self, section: &mut Settings) -> Result<(), ImportError> {
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
    route: &Route,
    general: &General,
    draft: &mut Draft<'_>,
) -> Vec<String> {
    let mut statements = Vec::new();
    let retries = deployments.iter().filter_map(|one| one.retries).max();
    if let Some(own) = retries.filter(|own| general.retries != Some(*own)) {
        statements.push(retry(own, &RETRIED));
    }
    let attempt = deployments.iter().filter_map(|one| one.times.attempt).max();
    let slowest = deployments.iter().find(|one| one.times.attempt == attempt && attempt.is_some());
    let path = slowest.map_or(&general.times_path, |one| &one.times_path);
    find_unlike(name, deployments, draft);
    let first = deployments.iter().filter_map(|one| one.times.first).max();
    let times =
        Times { first: first.or(general.times.first), attempt: attempt.or(general.times.attempt) };
    let tries = retries.or(general.retries).unwrap_or(0).saturating_add(1) as usize;
    let attempts = route.links().saturating_mul(tries);
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
