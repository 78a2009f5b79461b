//! A Portkey gateway config.
//!
//! Owns what its strategies mean; whom a target calls is [`target`]'s.

mod target;

use std::collections::BTreeSet;

use model_map::FailureClass;
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
pub(super) fn read(
    mut root: Settings,
    name: &str,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    no_secret("", name)?;
    let mut statements = Vec::new();
    let mut tries = 1_usize;
    if root.has("retry") {
        let mut section = root.section("retry")?;
        let count = section.whole("attempts")?.unwrap_or(0);
        tries = tries.saturating_add(count as usize);
        statements.push(retry(count, &retried(&mut section, &mut draft.report)?));
        section.leave(&mut draft.report);
    }
    let times = Times { first: None, attempt: root.time("request_timeout", 1000.0)? };
    let times_path = root.at("request_timeout");
    let mut reader = Reader { draft, sets: Vec::new(), fallback_on: None };
    let route = reader.route(root, &Target::default(), 0)?;
    let Reader { sets, fallback_on, .. } = reader;
    statements.extend(fallback_on);
    statements.extend(times.text(
        &times_path,
        route.links().saturating_mul(tries),
        &mut draft.report,
    ));
    if let Some(set) = sets.first() {
        if sets.iter().any(|other| other != set) {
            draft.report.add("targets", "set different parameters; a role has one set for all");
        } else if !set.is_empty() {
            statements.push(format!("set {}", set.join(", ")));
        }
    }
    if route.links() > 0 {
        draft.roles.push(Role { name: name.to_owned(), route, statements, ..Role::default() });
    }
    Ok(())
}

struct Reader<'r, 'c> {
    draft: &'r mut Draft<'c>,
    /// What each target sets.
    sets: Vec<Vec<String>>,
    fallback_on: Option<String>,
}

impl Reader<'_, '_> {
    fn route(
        &mut self,
        mut node: Settings,
        above: &Target,
        depth: usize,
    ) -> Result<Route, ImportError> {
        if depth > DEEPEST {
            return Err(wrong(node.path(), "lies too deep"));
        }
        let here = above.with(&mut node)?;
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
            Some("conditional") => {
                let default = strategy.text("default")?;
                let at = targets.iter().position(|(_, target)| {
                    target.get("name").and_then(Value::as_str) == default.as_deref()
                });
                let why = "conditions are not carried over, the default target is: write them as \
                           `when … route …`";
                self.draft.report.add(strategy.at("mode"), why);
                self.one(targets, at.unwrap_or(0), &here, depth)?
            }
            Some(_) => {
                return Err(wrong(&strategy.at("mode"), "is no strategy that is known here"));
            }
        };
        strategy.leave(&mut self.draft.report);
        node.value("weight");
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
        Ok(Route { first: vec![(100, alias)], chain: Vec::new() })
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
