//! A Portkey gateway config.
//!
//! Owns what its strategies mean; whom a target calls is [`target`]'s.

mod query;
mod target;

use std::collections::BTreeSet;
use std::time::Duration;

use model_map::{Condition, FailureClass};
use serde_json::Value;

use super::chain::{RETRIED, Role, Route, Times, retry, shares};
use super::draft::Draft;
use super::input::{Settings, no_secret, wrong};
use super::{ImportError, Report};
use crate::spell;
use target::Target;

/// As deep as targets may lie in one another.
const DEEPEST: usize = 16;

/// Reads the whole file into `draft`, as one role.
pub(super) fn read(root: Settings, name: &str, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    no_secret("", name)?;
    let mut reader = Reader {
        draft,
        sets: Vec::new(),
        retries: Vec::new(),
        timeouts: Vec::new(),
        arms: Vec::new(),
        fallback_on: None,
    };
    let route = reader.route(root, &Target::default(), 0)?;
    let links = Route::longest(reader.arms.iter().map(|(_, route)| route).chain([&route]));
    let statements = reader.statements(links);
    let arms = reader.arms;
    if route.links() > 0 {
        let name = name.to_owned();
        draft.roles.push(Role { name, arms, route, statements, ..Role::default() });
    }
    Ok(())
}

struct Reader<'r, 'c> {
    draft: &'r mut Draft<'c>,
    /// What each target sets.
    sets: Vec<Vec<String>>,
    /// How often each is tried again.
    retries: Vec<Option<(u32, Vec<FailureClass>)>>,
    /// How long an attempt at each may take.
    timeouts: Vec<Option<(Duration, String)>>,
    /// What comes before the default route, each with its condition.
    arms: Vec<(Condition, Route)>,
    fallback_on: Option<String>,
}

impl Reader<'_, '_> {
    /// What a role says once for all of its targets: where they differ, the greatest.
    fn statements(&mut self, links: usize) -> Vec<String> {
        let mut statements = Vec::new();
        let count = |retry: &Option<(u32, Vec<FailureClass>)>| retry.as_ref().map_or(0, |it| it.0);
        let most = self.retries.iter().max_by_key(|it| count(it)).cloned().flatten();
        if self.retries.iter().any(|it| *it != most) {
            let why = "have different retries; those of the most attempts hold for the role";
            self.draft.report.add("targets", why);
        }
        let tries = most.as_ref().map_or(1, |(count, _)| (*count as usize).saturating_add(1));
        statements.extend(most.map(|(count, classes)| retry(count, &classes)));
        statements.extend(self.fallback_on.take());
        let time = |timeout: &Option<(Duration, String)>| timeout.as_ref().map(|it| it.0);
        let longest = self.timeouts.iter().max_by_key(|it| time(it)).cloned().flatten();
        if self.timeouts.iter().any(|it| time(it) != time(&longest)) {
            let why = "have different timeouts; the longest holds for the role";
            self.draft.report.add("targets", why);
        }
        if let Some((attempt, path)) = longest {
            let times = Times { first: None, attempt: Some(attempt) };
            let attempts = links.saturating_mul(tries);
            statements.extend(times.text(&path, attempts, &mut self.draft.report));
        }
        if let Some(set) = self.sets.first() {
            if self.sets.iter().any(|other| other != set) {
                let why = "set different parameters; a role has one set for all";
                self.draft.report.add("targets", why);
            } else if !set.is_empty() {
                statements.push(format!("set {}", set.join(", ")));
            }
        }
        statements
    }

    fn route(
        &mut self,
        mut node: Settings,
        above: &Target,
        depth: usize,
    ) -> Result<Route, ImportError> {
        if depth > DEEPEST {
            return Err(wrong(node.path(), "lies too deep"));
        }
        let here = above.with(&mut node, &mut self.draft.report)?;
        let mut strategy = node.section("strategy")?;
        let mode = strategy.text("mode")?;
        let targets = node.list("targets")?;
        if targets.is_empty() {
            strategy.leave(&mut self.draft.report);
            return self.leaf(node, &here);
        }
        self.fallback_on(&mut strategy, depth)?;
        let route = match mode.as_deref() {
            Some("loadbalance") => self.draw(targets, &here, depth)?,
            Some("fallback") => self.chain(targets, &here, depth)?,
            Some("single") | None => self.one(targets, 0, &here, depth)?,
            Some("conditional") if depth == 0 => self.arms(&mut strategy, targets, &here)?,
            Some("conditional") => {
                let default = strategy.text("default")?;
                let at = targets.iter().position(|(_, target)| {
                    target.get("name").and_then(Value::as_str) == default.as_deref()
                });
                let why = "conditions within another strategy are not carried over, the default \
                           target is: a role has its arms at the top";
                self.draft.report.add(strategy.at("mode"), why);
                self.one(targets, at.unwrap_or(0), &here, depth)?
            }
            Some(_) => {
                return Err(wrong(&strategy.at("mode"), "is no strategy that is known here"));
            }
        };
        strategy.leave(&mut self.draft.report);
        node.value("weight");
        node.value("name");
        node.leave(&mut self.draft.report);
        Ok(route)
    }

    fn leaf(&mut self, mut node: Settings, here: &Target) -> Result<Route, ImportError> {
        node.value("weight");
        node.value("name");
        let found = here.declare(node.path(), self.draft)?;
        node.leave(&mut self.draft.report);
        let Some((alias, set)) = found else { return Ok(Route::default()) };
        self.sets.push(set);
        self.retries.push(here.retry.clone());
        self.timeouts.push(here.timeout.clone());
        Ok(Route { first: vec![(100, alias)], chain: Vec::new() })
    }

    /// The first condition that holds chooses a target by its name; gives the default one.
    fn arms(
        &mut self,
        strategy: &mut Settings,
        targets: Vec<(String, Value)>,
        here: &Target,
    ) -> Result<Route, ImportError> {
        let place = |name: Option<&str>| {
            let is_named = |(_, target): &(String, Value)| {
                name.is_some() && target.get("name").and_then(Value::as_str) == name
            };
            targets.iter().position(is_named)
        };
        let mut used = BTreeSet::new();
        for (path, value) in strategy.list("conditions")? {
            let mut entry = Settings::of(&path, value)?;
            let query = entry.value("query").unwrap_or_default();
            let then = entry.text("then")?;
            let (Some(at), condition) = (place(then.as_deref()), query::condition(&query)) else {
                self.draft.report.add(entry.at("then"), "left out: no target has that name");
                continue;
            };
            entry.leave(&mut self.draft.report);
            used.insert(at);
            let condition = match condition {
                Ok(condition) => condition,
                Err(why) => {
                    self.draft.report.add(path, format!("left out: {why}"));
                    continue;
                }
            };
            let Some((path, target)) = targets.get(at).cloned() else { continue };
            let route = self.route(Settings::of(&path, target)?, here, 1)?;
            if route.links() > 0 {
                self.arms.push((condition, route));
            }
        }
        let default = strategy.text("default")?;
        let at = place(default.as_deref()).unwrap_or_else(|| {
            let why = "names no target: the first one takes what no condition does";
            self.draft.report.add(strategy.at("default"), why);
            0
        });
        used.insert(at);
        for (_, (path, _)) in targets.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            self.draft.report.add(path.as_str(), "is never chosen and was left out");
        }
        let Some((path, target)) = targets.get(at).cloned() else { return Ok(Route::default()) };
        self.route(Settings::of(&path, target)?, here, 1)
    }

    fn one(
        &mut self,
        targets: Vec<(String, Value)>,
        at: usize,
        here: &Target,
        depth: usize,
    ) -> Result<Route, ImportError> {
        let mut route = Route::default();
        for (number, (path, target)) in targets.into_iter().enumerate() {
            if number == at {
                route = self.route(Settings::of(&path, target)?, here, depth + 1)?;
            } else {
                self.draft.report.add(path, "is never chosen and was left out");
            }
        }
        Ok(route)
    }

    /// One after the other; a draw can only be the first.
    fn chain(
        &mut self,
        targets: Vec<(String, Value)>,
        here: &Target,
        depth: usize,
    ) -> Result<Route, ImportError> {
        let mut all = Route::default();
        for (path, target) in targets {
            let route = self.route(Settings::of(&path, target)?, here, depth + 1)?;
            if all.links() == 0 {
                all = route;
                continue;
            }
            if route.first.len() > 1 {
                self.draft.report.add(path, "only the first link can be drawn; its targets follow one another, the heaviest first");
            }
            all.extend(route.flat());
        }
        Ok(all)
    }

    /// One of them by weight; what follows one of them follows all.
    fn draw(
        &mut self,
        targets: Vec<(String, Value)>,
        here: &Target,
        depth: usize,
    ) -> Result<Route, ImportError> {
        let (mut weighted, mut later) = (Vec::new(), Vec::new());
        for (path, target) in targets {
            let mut node = Settings::of(&path, target)?;
            let weight = node.number("weight")?.unwrap_or(1.0);
            let route = self.route(node, here, depth + 1)?;
            if !route.chain.is_empty() {
                self.draft.report.add(&path, "what follows a target of a draw follows all of them");
            }
            for (share, alias) in route.first {
                weighted.push((path.clone(), weight * f64::from(share) / 100.0, alias));
            }
            later.extend(route.chain);
        }
        let mut route =
            Route { first: shares(weighted, &mut self.draft.report), chain: Vec::new() };
        route.extend(later);
        Ok(route)
    }

    fn fallback_on(&mut self, strategy: &mut Settings, depth: usize) -> Result<(), ImportError> {
        if !strategy.has("on_status_codes") {
            return Ok(());
        }
        let path = strategy.at("on_status_codes");
        let mut classes = classes(strategy, &mut self.draft.report)?;
        if classes.remove(&FailureClass::InvalidRequest) {
            self.draft.report.add(&path, "a request that is refused as invalid never falls back");
        }
        if depth > 0 {
            self.draft
                .report
                .add(path, "not carried over: a role has one `fallback on` for its whole chain");
        } else if !classes.is_empty() {
            self.fallback_on = Some(format!("fallback on {}", spell::classes(&classes)));
        }
        Ok(())
    }
}

/// The classes to retry on.
fn retried(section: &mut Settings, report: &mut Report) -> Result<Vec<FailureClass>, ImportError> {
    if !section.has("on_status_codes") {
        return Ok(RETRIED.to_vec());
    }
    let path = section.at("on_status_codes");
    let (kept, left): (Vec<_>, Vec<_>) =
        classes(section, report)?.into_iter().partition(|class| RETRIED.contains(class));
    if !left.is_empty() {
        report.add(path, format!("never retried: {}", spell::classes(&left)));
    }
    Ok(kept)
}

fn classes(
    section: &mut Settings,
    report: &mut Report,
) -> Result<BTreeSet<FailureClass>, ImportError> {
    let mut classes = BTreeSet::new();
    for (path, code) in section.list("on_status_codes")? {
        match code.as_u64() {
            Some(408) => classes.insert(FailureClass::Timeout),
            Some(429) => classes.insert(FailureClass::RateLimit),
            Some(503 | 529) => classes.insert(FailureClass::Overloaded),
            Some(401 | 403) => classes.insert(FailureClass::Auth),
            Some(404) => classes.insert(FailureClass::NotFound),
            Some(500..600) => classes.insert(FailureClass::ServerError),
            Some(400..500) => classes.insert(FailureClass::InvalidRequest),
            Some(_) => {
                report.add(path, "is no status of a failure");
                false
            }
            None => return Err(wrong(&path, "must be a status code")),
        };
    }
    Ok(classes)
}
