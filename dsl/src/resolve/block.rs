//! The statements of a role or of `defaults`, typed, and how one block falls back on another.
//!
//! Owns the reading of each statement; which block falls back on which is in [`super::role`].

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use model_map::{Effort, FailureClass};

use super::Resolver;
use super::slot::{Slot, is_hole, put};
use super::values::in_units;
use super::view::{Space, may_route};
use crate::catalogue::{EFFORTS, effort};
use crate::nearest::nearest;
use crate::program::{Link, Retry, Route};
use crate::rules::{duplicate, incomplete, invalid_value, never_retried, not_yet, unknown_name};
use crate::syntax::tree::{self, Entry, Name, Statement, SystemMode, Value, ValueKind};

const TIMEOUTS: [&str; 4] = ["connect", "first_token", "idle", "total"];
const PARAMETERS: [&str; 4] = ["max_tokens", "reasoning_effort", "temperature", "top_p"];

/// The back-off of a `retry` that writes none.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// One block.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    pub(super) about: Slot<Rc<str>>,
    pub(super) system: Slot<Vec<Rc<str>>>,
    pub(super) route: Slot<Rc<Route>>,
    pub(super) retry: Slot<Retry>,
    pub(super) connect: Slot<Duration>,
    pub(super) first_token: Slot<Duration>,
    pub(super) idle: Slot<Duration>,
    pub(super) total: Slot<Duration>,
    pub(super) max_tokens: Slot<u32>,
    pub(super) reasoning_effort: Slot<Effort>,
    pub(super) temperature: Slot<f64>,
    pub(super) top_p: Slot<f64>,
    /// A statement that could not be read may have been a route.
    pub(super) may_route: bool,
    /// Some statement could not be read.
    pub(super) is_broken: bool,
}

impl Block {
    /// This block, and `base` where it writes nothing.
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            about: self.about.or_else(|| base.about.clone()),
            system: self.system.or_else(|| base.system.clone()),
            route: self.route.or_else(|| base.route.clone()),
            retry: self.retry.or_else(|| base.retry.clone()),
            connect: self.connect.or(base.connect),
            first_token: self.first_token.or(base.first_token),
            idle: self.idle.or(base.idle),
            total: self.total.or(base.total),
            max_tokens: self.max_tokens.or(base.max_tokens),
            reasoning_effort: self.reasoning_effort.or(base.reasoning_effort),
            temperature: self.temperature.or(base.temperature),
            top_p: self.top_p.or(base.top_p),
            may_route: self.may_route || base.may_route,
            is_broken: self.is_broken || base.is_broken,
        }
    }

    /// Whether all of it could be read.
    pub(super) fn is_whole(&self) -> bool {
        let times = [&self.connect, &self.first_token, &self.idle, &self.total];
        !self.is_broken
            && !times.into_iter().any(is_hole)
            && !is_hole(&self.retry)
            && !is_hole(&self.route)
            && !is_hole(&self.reasoning_effort)
    }
}

impl<'t> Resolver<'t> {
    /// Types the statements of one block.
    pub(super) fn block(&mut self, statements: &[&'t Statement]) -> Block {
        let mut block = Block::default();
        for statement in statements {
            match statement {
                Statement::About(node) => {
                    let value = self.text(node.value.as_ref());
                    put(&mut block.about, "about", node.span, value, &mut self.findings);
                }
                Statement::System(node) => {
                    let value = self.system(node);
                    put(&mut block.system, "system", node.span, value, &mut self.findings);
                }
                Statement::Route(node) => {
                    let value = (!node.chain.is_empty()).then(|| Rc::new(self.route(node)));
                    put(&mut block.route, "route", node.span, value, &mut self.findings);
                }
                Statement::Retry(node) => {
                    let value = self.retry(node);
                    put(&mut block.retry, "retry", node.span, value, &mut self.findings);
                }
                Statement::Timeout(node) => {
                    node.entries.iter().for_each(|entry| self.timeout(entry, &mut block));
                }
                Statement::Set(node) => {
                    node.entries.iter().for_each(|entry| self.parameter(entry, &mut block));
                }
                Statement::When(_)
                | Statement::Otherwise(_)
                | Statement::Fallback(_)
                | Statement::Hedge(_)
                | Statement::Limit(_)
                | Statement::Deny(_)
                | Statement::Accept(_)
                | Statement::Commit(_)
                | Statement::Resume(_)
                | Statement::Strict(_)
                | Statement::Cache(_)
                | Statement::Audit(_)
                | Statement::Broken(_) => {
                    block.is_broken = true;
                    block.may_route |= may_route(statement);
                }
            }
        }
        block
    }

    /// Types `defaults`, which may hold every statement but `about`.
    pub(super) fn defaults_block(&mut self, statements: &[&'t Statement]) -> Block {
        // An `about` there has had its finding as a syntax error.
        Block { about: None, ..self.block(statements) }
    }

    fn system(&mut self, node: &'t tree::System) -> Option<Vec<Rc<str>>> {
        if let (Some(SystemMode::Append | SystemMode::Replace), Some(span)) =
            (node.mode, node.mode_span)
        {
            self.findings.push(not_yet::system_mode(span));
        }
        let texts: Vec<_> = node.prompts.iter().map(|prompt| self.prompt_text(prompt)).collect();
        texts.into_iter().collect()
    }

    /// A prompt by its name, a constant, or written in place.
    fn prompt_text(&mut self, value: &'t Value) -> Option<Rc<str>> {
        let ValueKind::Ident(name) = &value.kind else { return self.text(Some(value)) };
        if self.view.knows(Space::Prompt, name) {
            self.use_name(Space::Prompt, name);
            return self.prompts.get(name.as_str()).cloned().flatten();
        }
        if self.view.knows(Space::Let, name) {
            return self.text(Some(value));
        }
        let near = self.near(Space::Prompt, name);
        self.findings.push(unknown_name::of(Space::Prompt, name, value.span, near));
        None
    }

    fn route(&mut self, node: &'t tree::Route) -> Route {
        let links = node.chain.iter().filter_map(|link| self.link(link)).collect::<Vec<_>>();
        let is_whole = links.len() == node.chain.len();
        Route { span: node.span, links, is_whole }
    }

    fn link(&mut self, link: &'t tree::Link) -> Option<Link> {
        let name = &link.model;
        if !self.view.knows(Space::Model, &name.text) {
            let near = self.near(Space::Model, &name.text);
            self.findings.push(unknown_name::of(Space::Model, &name.text, name.span, near));
            return None;
        }
        self.use_name(Space::Model, &name.text);
        let model = Rc::clone(self.models.get(name.text.as_str())?);
        Some(Link { span: link.span, model })
    }

    fn timeout(&mut self, entry: &'t Entry, block: &mut Block) {
        let key = entry.key.text.as_str();
        let slot = match key {
            "connect" => &mut block.connect,
            "first_token" => &mut block.first_token,
            "idle" => &mut block.idle,
            "total" => &mut block.total,
            _ => return self.unknown_key("a timeout", &entry.key, &TIMEOUTS),
        };
        let duration = self.duration(entry.value.as_ref());
        let value = duration.filter(|duration| !duration.is_zero());
        if duration.is_some() && value.is_none() {
            let span = entry.value.as_ref().map_or(entry.span, |value| value.span);
            self.findings.push(invalid_value::zero_timeout(key, span));
        }
        put(slot, key, entry.span, value, &mut self.findings);
    }

    fn parameter(&mut self, entry: &'t Entry, block: &mut Block) {
        let (key, value) = (entry.key.text.as_str(), entry.value.as_ref());
        match key {
            "max_tokens" => {
                let tokens = self.max_tokens(value);
                put(&mut block.max_tokens, key, entry.span, tokens, &mut self.findings);
            }
            "reasoning_effort" => {
                let effort = self.effort(value);
                put(&mut block.reasoning_effort, key, entry.span, effort, &mut self.findings);
            }
            "temperature" => {
                let heat = self.number_within(value, invalid_value::temperature);
                put(&mut block.temperature, key, entry.span, heat, &mut self.findings);
            }
            "top_p" => {
                let share = self.number_within(value, invalid_value::top_p);
                put(&mut block.top_p, key, entry.span, share, &mut self.findings);
            }
            _ => self.unknown_key("a parameter", &entry.key, &PARAMETERS),
        }
    }

    fn max_tokens(&mut self, value: Option<&'t Value>) -> Option<u32> {
        let number = self.number(value)?;
        let tokens = number.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
        let tokens = tokens.filter(|tokens| *tokens > 0);
        if let (None, Some(value)) = (tokens, value) {
            self.findings.push(invalid_value::max_tokens(value.span));
        }
        tokens
    }

    fn number_within(
        &mut self,
        value: Option<&'t Value>,
        check: fn(f64, crate::span::Span) -> Result<f64, Box<crate::diagnostic::Diagnostic>>,
    ) -> Option<f64> {
        let number = self.number(value)?;
        match check(number.as_f64(), value?.span) {
            Ok(number) => Some(number),
            Err(finding) => {
                self.findings.push(*finding);
                None
            }
        }
    }

    fn effort(&mut self, value: Option<&'t Value>) -> Option<Effort> {
        let word = self.word(value, "an effort such as `medium`")?;
        let known = effort(word);
        if let (None, Some(value)) = (known, value) {
            let near = nearest(word, EFFORTS.map(|(_, name)| name));
            self.findings.push(invalid_value::effort(word, value.span, near));
        }
        known
    }

    fn retry(&mut self, node: &'t tree::Retry) -> Option<Retry> {
        let count = self.retry_count(node);
        let on = self.classes(&node.on);
        let backoff = match &node.backoff {
            Some(written) => self.backoff(written),
            None => Some(BACKOFF),
        };
        let count = count?;
        if count > 0 && node.on_span.is_none() {
            self.findings.push(incomplete::retry(node.span));
            return None;
        }
        Some(Retry { span: node.span, count, on: on?, backoff: backoff? })
    }

    fn retry_count(&mut self, node: &'t tree::Retry) -> Option<u32> {
        let number = self.number(node.count.as_ref())?;
        let count = number.as_u64().and_then(|count| u32::try_from(count).ok());
        if let (None, Some(value)) = (count, &node.count) {
            self.findings.push(invalid_value::retry_count(value.span));
        }
        count
    }

    fn classes(&mut self, names: &'t [Name]) -> Option<BTreeSet<FailureClass>> {
        let mut on = BTreeSet::new();
        let mut is_whole = true;
        for (at, name) in names.iter().enumerate() {
            match FailureClass::from_name(&name.text) {
                None => {
                    let known = FailureClass::ALL.map(FailureClass::name);
                    self.unknown_key("a failure class", name, &known);
                    is_whole = false;
                }
                Some(class) if !class.is_retryable() => {
                    self.findings.push(never_retried::finding(class, name, names, at));
                    is_whole = false;
                }
                Some(class) if on.contains(&class) => {
                    let first = names.iter().find(|first| first.text == name.text);
                    let first = first.map_or(name.span, |first| first.span);
                    self.findings.push(duplicate::statement(&name.text, first, name.span));
                }
                Some(class) => {
                    on.insert(class);
                }
            }
        }
        is_whole.then_some(on)
    }

    fn backoff(&mut self, node: &'t tree::Backoff) -> Option<(Duration, Duration)> {
        let min = self.duration(node.min.as_ref());
        let max = self.duration(node.max.as_ref());
        let (min, max) = (min?, max?);
        if min > max {
            let (min, max) = (in_units(min), in_units(max));
            self.findings.push(invalid_value::backoff(node, &min, &max));
            return None;
        }
        Some((min, max))
    }

    pub(super) fn unknown_key(&mut self, what: &str, name: &Name, known: &[&str]) {
        self.findings.push(unknown_name::key(what, name, known));
    }
}
